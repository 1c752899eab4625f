"""What may be imported where, seen in the source and in a fresh interpreter."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from regressors.frameworks.registry import FRAMEWORKS

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "regressors", "data")
EVERYWHERE = {*sys.stdlib_module_names, *PACKAGES, "numpy", "scipy"}
"""What any file of the numerics may import; a framework's file also imports its library."""


def source_of(framework):
    return ROOT.joinpath(*framework.module.split(".")).with_suffix(".py")


@cache
def imported_by(path):
    """Return the full names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def top_level(names):
    return {name.split(".")[0] for name in names}


LIBRARIES = {
    framework: top_level(imported_by(source_of(framework))) - EVERYWHERE for framework in FRAMEWORKS
}
LOADED_BY_FRAMEWORKS = set().union(*LIBRARIES.values())


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_a_framework_is_imported_in_its_own_file_alone(framework):
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path != source_of(framework):
                names = imported_by(path)
                assert framework.module not in names, path
                assert not top_level(names) & LIBRARIES[framework], path


def test_prefects_server_is_imported_in_the_process_of_a_server_alone():
    """Importing it takes seconds, by which each command would start later."""
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    importing = {
        path.name
        for path in files
        if any(name.startswith("prefect.server") for name in imported_by(path))
    }
    assert importing == {"prefect_app.py", "prefect_sqlite.py"}


def test_dask_is_imported_for_a_cluster_alone():
    """It is an extra, and importing it takes half a second."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.parent != ROOT / "tasks" / "cluster":
                assert not top_level(imported_by(path)) & {"dask", "distributed"}, path


def loaded_after(code):
    """Return the top-level modules that a fresh interpreter holds after running some code."""
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_the_whole_orchestration_imports_no_framework():
    assert {"tensorflow", "torch", "theano"} <= LOADED_BY_FRAMEWORKS
    loaded = loaded_after(
        "import flows.command.cli, flows.nightly, flows.command.predict, flows.command.check"
    )
    assert "prefect" in loaded
    assert loaded.isdisjoint({*LOADED_BY_FRAMEWORKS, "dask", "distributed"})


def test_the_command_starts_without_prefect_pandas_or_numpy():
    loaded = loaded_after("import flows.command.cli")
    slow = {"prefect", "pandas", "numpy", "great_expectations"}
    assert loaded.isdisjoint({*LOADED_BY_FRAMEWORKS, *slow})


def test_a_query_imports_nothing_that_takes_longer_than_itself():
    loaded = loaded_after("import flows.command.cli, flows.command.query")
    assert "sqlalchemy" in loaded
    slow = {"prefect", "pandas", "numpy", "pyarrow", "alembic", "great_expectations"}
    assert loaded.isdisjoint({*LOADED_BY_FRAMEWORKS, *slow})


def test_promoting_verifying_and_scoring_start_without_prefect():
    loaded = loaded_after(
        "import flows.command.promote, flows.command.verify, flows.command.predict\n"
        "import tasks.run.decisions, tasks.run.replay, tasks.score, data.sources.read"
    )
    assert "numpy" in loaded
    assert "prefect" not in loaded  # its settings are set just before a flow runs


def test_a_framework_file_imports_its_framework_alone():
    loaded = loaded_after("import regressors.frameworks.torch")
    assert "torch" in loaded
    assert loaded.isdisjoint(LOADED_BY_FRAMEWORKS - {"torch"})
