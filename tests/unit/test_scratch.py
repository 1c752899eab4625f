"""Temporary files: where they are, that nothing is left of them, and who keeps out of whose way."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from data.scratch import RESERVE, reserved_room, temporary_files
from tasks.cluster.token_file import Token
from tasks.cluster.worker_night import Limits, WorkerNight

ROOT = Path(__file__).parents[2]
OTHER = """
import pathlib, sys, tempfile, time
from data.scratch import temporary_files

with temporary_files(pathlib.Path(sys.argv[1])):
    pathlib.Path(tempfile.gettempdir(), "left").write_text("by a library")
    print(tempfile.gettempdir(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that uses the same home, and the folder that it uses."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    process.stdout.close()


def test_temporary_files_are_in_the_home_and_nothing_is_left_of_them(tmp_path):
    before = os.environ.get("TMPDIR"), tempfile.gettempdir()
    with temporary_files(tmp_path):
        folder = Path(tempfile.gettempdir())
        assert folder.parent == tmp_path / "tmp"
        assert os.environ["TMPDIR"] == str(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "a").mkdir()
        (folder / "a" / "b").write_text("left by a library")
        with temporary_files(tmp_path):
            assert tempfile.gettempdir() == str(folder)
        assert folder.exists()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (os.environ.get("TMPDIR"), tempfile.gettempdir()) == before


def test_the_folder_of_a_process_that_lives_stays_and_that_of_a_killed_one_goes(tmp_path, other):
    process, folder = other
    with temporary_files(tmp_path):
        assert (folder / "left").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "left").exists()
    with temporary_files(tmp_path):
        assert not folder.exists()


def test_a_worker_of_a_cluster_that_ends_its_night_removes_those_of_killed_ones(
    tmp_path, other, monkeypatch
):
    monkeypatch.setenv("NIGHTFIT_HOME", str(tmp_path))
    process, folder = other
    token, limits = Token(str(tmp_path / "none"), ""), Limits(60.0, None)
    night = WorkerNight("tcp://worker", limits, token, threads=1, memory=None, spare=tmp_path)
    night.end()
    assert (folder / "left").exists()
    process.kill()
    process.wait()
    night.end()
    assert not folder.exists()


def test_a_home_that_cannot_hold_them_is_told_and_the_systems_folder_is_used(tmp_path, caplog):
    before = tempfile.gettempdir()
    (tmp_path / "tmp").write_text("a file")
    with temporary_files(tmp_path):
        assert tempfile.gettempdir() == before
    assert "There can be no temporary files in" in caplog.text


def room_taken():
    """Return the bytes on disks of the files without a name that this process has open."""
    sizes = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            state = link.stat()
        except OSError:  # the folder's own
            continue
        if stat.S_ISREG(state.st_mode) and not state.st_nlink:
            sizes.append(state.st_blocks * 512)
    return sum(sizes)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists open files in /proc")
def test_the_room_that_is_kept_for_the_end_of_a_run_is_taken_until_it_is_needed(tmp_path):
    before = room_taken()
    with temporary_files(tmp_path), reserved_room() as free_room:
        assert room_taken() - before >= RESERVE
        free_room()
        assert room_taken() == before
