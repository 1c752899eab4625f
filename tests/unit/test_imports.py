"""What may be imported where, seen in a fresh interpreter."""

import subprocess
import sys

FRAMEWORKS = ("tensorflow", "torch", "theano")


def loaded_after(code):
    """Return the top-level modules that a fresh interpreter holds after running some code."""
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_the_whole_orchestration_imports_no_framework():
    loaded = loaded_after(
        "import flows.command.cli, flows.nightly, flows.command.predict, flows.command.check"
    )
    assert "prefect" in loaded
    assert loaded.isdisjoint(FRAMEWORKS)


def test_the_command_starts_without_prefect_pandas_or_numpy():
    loaded = loaded_after("import flows.command.cli")
    assert loaded.isdisjoint({*FRAMEWORKS, "prefect", "pandas", "numpy", "great_expectations"})


def test_a_query_imports_nothing_that_takes_longer_than_itself():
    loaded = loaded_after("import flows.command.cli, flows.command.query")
    assert "sqlalchemy" in loaded
    slow = {"prefect", "pandas", "numpy", "pyarrow", "alembic", "great_expectations"}
    assert loaded.isdisjoint({*FRAMEWORKS, *slow})


def test_deciding_by_hand_and_scoring_rows_import_no_prefect():
    loaded = loaded_after(
        "import flows.command.promote, flows.command.verify, flows.command.predict\n"
        "import tasks.run.decisions, tasks.run.replay, data.sources.read, regressors.model"
    )
    assert "numpy" in loaded
    assert "prefect" not in loaded  # whose settings are made when a flow is about to run


def test_a_framework_file_imports_its_framework_alone():
    loaded = loaded_after("import regressors.frameworks.torch")
    assert "torch" in loaded
    assert loaded.isdisjoint({"tensorflow", "theano"})
