"""The commands of docs/production.md that make a backup and restore it, as a person enters them."""

import re
import shutil
import subprocess

import pytest
from helpers.workspace import ROOT, Workspace

PAGE = (ROOT / "docs" / "production.md").read_text()


def entered(name, workspace, backups):
    """Run a marked block of the page in a shell, in the folders of a workspace."""
    block = PAGE.partition(f"<!-- test: {name} -->\n\n")[2].partition("\n\n")[0]
    lines = [line.strip() for line in block.splitlines()]
    script = "\n".join(line for line in lines if not line.startswith("nightfit "))
    places = {
        "/var/lib/nightfit/nightfit.db": str(workspace.database),
        "/var/lib/nightfit": str(workspace.home),
        "/var/backups/nightfit": str(backups),
        "2026-11-27": "$(date +%F)",
    }
    for place, ours in places.items():
        script = script.replace(place, ours)
    assert script and "/var/" not in script
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True)


@pytest.fixture
def restored(night, tmp_path):
    """A workspace that has nothing but what is in a backup of the night's, and the declarations."""
    entered("backup", night.workspace, tmp_path / "backups")
    workspace = Workspace(tmp_path / "elsewhere", night.workspace.api)
    workspace.home.mkdir(parents=True)
    shutil.copytree(night.workspace.folder / "datasets", workspace.folder / "datasets")
    workspace.database.write_bytes(b"what was damaged")
    entered("restore", workspace, tmp_path / "backups")
    return workspace


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 is not installed")
def test_what_is_restored_is_whole_and_answers_as_before(night, restored):
    checked = restored.run("db", "check")
    assert checked.returncode == 0, checked.stdout
    for view in ("champion", "run_history", "current_prediction"):
        assert restored.query(view) == night.workspace.query(view)
    (snapshot,) = list((restored.home / "snapshots").rglob("*age_income*"))[:1]
    shutil.rmtree(snapshot) if snapshot.is_dir() else snapshot.unlink()
    incomplete = restored.run("db", "check")
    assert incomplete.returncode == 1
    assert "age_income" in incomplete.stdout


def test_every_command_of_the_page_is_one_that_nightfit_has():
    commands = re.findall(
        r"^## `nightfit ([^`]+)`", (ROOT / "docs" / "commands.md").read_text(), re.M
    )
    entered = re.findall(r"^    (?:.* )?nightfit ((?:db )?[a-z]+)", PAGE, re.M)
    assert {"serve", "config", "db check", "db upgrade", "status"} <= {*entered}
    assert {*entered} <= {*commands}
