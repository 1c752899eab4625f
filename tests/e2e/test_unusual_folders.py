"""Commands that only read work in a home that cannot be written to, and in a deleted folder."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from helpers.warm_command import COMMAND

HELD_ROWS = "household,income\n1,2\n"


@pytest.fixture
def copy(night, tmp_path):
    workspace = night.workspace.copy_to(tmp_path / "copy")
    (workspace.folder / "new.csv").write_text(HELD_ROWS)
    return workspace


def in_a_shell(script, workspace, **more):
    environment = {name: text for name, text in workspace.environment.items() if name != "HOME"}
    return subprocess.run(
        ["sh", "-c", script.replace("nightfit", str(COMMAND))],
        cwd=workspace.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **more,
    )


def without_roots_rights():
    """Let even root obey the permissions of files, in the process that is about to start."""
    drop_from_bounding_set, library = 24, ctypes.CDLL(None)
    for capability in (1, 2, 3):  # to read, to write and to change what belongs to others
        library.prctl(drop_from_bounding_set, capability, 0, 0, 0)


def test_reading_commands_work_on_a_read_only_home_and_database(copy):
    folders = [copy.folder, *filter(Path.is_dir, copy.folder.rglob("*"))]
    for folder in folders:
        folder.chmod(0o500)
    try:
        done = in_a_shell(
            "nightfit predict income_expenses --source new.csv"
            " && nightfit check income_expenses && nightfit status; touch new.x",
            copy,
            preexec_fn=without_roots_rights,
        )
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert "Permission denied" in done.stderr.splitlines()[-1]  # of `touch`: nothing may be written
    assert "nightfit:" not in done.stderr
    assert done.stdout.startswith("household,predicted,lower,upper,note,model_id\n1,")
    assert "ready to train on" in done.stdout
    assert "champion" in done.stdout


def test_a_relative_path_in_a_deleted_folder_is_refused_in_one_sentence(copy):
    start = "mkdir gone && cd gone && rmdir ../gone && nightfit predict income_expenses --source"
    refused = in_a_shell(f"{start} new.csv", copy)
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "nightfit: the current folder no longer exists, so relative paths mean nothing. Change to"
        " another folder."
    ]
    done = in_a_shell(f"{start} {copy.folder}/new.csv", copy)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr
