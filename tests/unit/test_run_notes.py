"""Notes of runs: that of a process that lives is its own, and that of a killed one tells of it."""

import json
import subprocess
import sys

import pytest
from helpers.workspace import ROOT

from data.errors import RunFailed, UserError
from data.private_files import NAMES_IN_HOME
from data.run_notes import FOLDER, RunNote, forget, killed_runs, noted
from tasks.run.killed import told_of_killed

OTHER = """
import pathlib, sys, time
from data.run_notes import RunNote, noted

with noted(pathlib.Path(sys.argv[1]), RunNote("retrain", "shops.db", sys.argv[2])):
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process at work on a dataset, in the same home."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, tmp_path, "shop"],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def kill(process):
    process.kill()
    process.wait()


def test_a_run_that_is_killed_leaves_its_note_and_one_that_lives_or_ends_does_not(tmp_path, other):
    with noted(tmp_path, RunNote("nightly", "shops.db")):
        assert killed_runs(tmp_path) == {}
        kill(other)
        ((path, note),) = killed_runs(tmp_path).items()
    assert (note.flow, note.dataset, note.process) == ("retrain", "shop", other.pid)
    assert [*(tmp_path / FOLDER).iterdir()] == [path]
    forget([path])
    assert killed_runs(tmp_path) == {}
    assert FOLDER in NAMES_IN_HOME


def test_what_is_no_note_is_none(tmp_path):
    (tmp_path / FOLDER).mkdir()
    for number, text in enumerate(["", "{", "[]", "null", '{"flow": "retrain", "other": 1}']):
        (tmp_path / FOLDER / f"{number}.json").write_text(text)
    (tmp_path / FOLDER / "time.json").write_text(
        json.dumps({"flow": "nightly", "store": "", "began": "soon"})
    )
    assert killed_runs(tmp_path) == {}


def test_a_signal_that_comes_while_the_note_is_written_leaves_none(tmp_path, monkeypatch):
    def interrupted(_descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("data.run_notes.os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt), noted(tmp_path, RunNote("nightly", "shops.db")):
        raise AssertionError
    assert [*(tmp_path / FOLDER).iterdir()] == []


def test_a_note_that_cannot_be_written_whole_is_not_taken_for_that_of_a_killed_run(
    tmp_path, monkeypatch
):
    def full(_descriptor):
        raise OSError("no space left")

    monkeypatch.setattr("data.run_notes.os.fsync", full)
    with noted(tmp_path, RunNote("nightly", "shops.db")):
        assert killed_runs(tmp_path) == {}


def test_a_run_goes_on_where_no_note_can_be_written(tmp_path):
    (tmp_path / FOLDER).write_text("a file in the place of the folder")
    with noted(tmp_path, RunNote("nightly", "shops.db")):
        assert killed_runs(tmp_path) == {}


def test_the_next_run_that_is_stored_tells_of_a_killed_one_and_the_one_after_it_does_not(
    tmp_path, other
):
    kill(other)
    sentence = f"was killed (process {other.pid} on "

    def told(dataset, ends=None, *, store="shops.db", forgets=True):
        try:
            with told_of_killed(tmp_path, store, dataset, forgets=forgets) as sentences:
                if ends is not None:
                    raise ends
        except type(ends):
            pass
        return [sentence in each for each in sentences]

    assert told("another") == []
    assert told("shop", store="another.db") == []
    assert told("shop", forgets=False) == [True]  # a dry run
    assert told("shop", UserError("the store is away")) == [True]
    assert told("shop", RunFailed("shop", "failed", "no rows")) == [True]
    assert told("shop") == []
