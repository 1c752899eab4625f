"""Nights whose source no longer looks as it did: refused, accepted by a person, and traced."""

from dataclasses import dataclass
from subprocess import CompletedProcess

import numpy as np
import pytest

DECLARATION = (
    "source: {path: NAME.csv}\nkey: id\ntarget: y\n"
    "candidates: {frameworks: [torch], kinds: [least_squares]}\n"
)
N = 150
GENERATOR = np.random.default_rng(14)
DOSE = np.round(GENERATOR.normal(30, 5, N), 1)
TARGET = np.round(2 * DOSE + GENERATOR.normal(0, 1, N), 2)


def source(dose=DOSE, target=TARGET):
    """Return a CSV file of doses and targets, each as text."""
    rows = [f"{i},{d},{i % 3},{y}" for i, (d, y) in enumerate(zip(dose, target, strict=True))]
    return "\n".join(["id,dose,shift,y", *rows]) + "\n"


UNITS = [f"{dose} mg" for dose in DOSE]
FEW_TARGETS = [*[""] * 120, *TARGET[120:]]


@dataclass(frozen=True)
class Story:
    """What each command printed, by the name of the night, and the stored runs of the dataset."""

    printed: dict[str, CompletedProcess[str]]
    runs: list[tuple[str, str]]


@pytest.fixture(scope="module")
def workspace(new_workspace):
    made = new_workspace()
    made.declare("trial", DECLARATION.replace("NAME", "trial"), source())
    return made


@pytest.fixture(scope="module")
def story(workspace):
    """Five nights of one dataset: its doses get units, its targets vanish, its file is moved."""
    file = workspace.folder / "datasets" / "trial.csv"
    printed = {"good": workspace.run("retrain", "trial")}
    printed["nothing to accept"] = workspace.run("accept", "trial")
    file.write_text(source(UNITS))
    printed["changed"] = workspace.run("nightly", "trial")
    printed["status"] = workspace.run("status")
    printed["accept"] = workspace.run("accept", "trial", "--reason", "the form changed")
    printed["accepted"] = workspace.run("nightly", "trial")
    file.write_text(source(UNITS, FEW_TARGETS))
    printed["unlabelled"] = workspace.run("nightly", "trial")
    file.rename(file.with_name("away.csv"))
    printed["gone"] = workspace.run("nightly", "trial")
    printed["gone status"] = workspace.run("status")
    statement = "SELECT status, coalesce(reason, '') FROM run ORDER BY run_id"
    return Story(printed, workspace.sql(statement))


def test_a_night_whose_source_changed_is_rejected_with_the_way_out(story):
    changed = story.printed["changed"]
    assert changed.returncode == 1
    for word in ("'dose' held numbers", f"{DOSE[0]} mg", "row 1", "'nightfit accept trial'"):
        assert word in changed.stdout.replace("\n", " ")
    assert story.printed["status"].returncode == 1
    assert "accept" in story.printed["status"].stdout


def test_what_a_person_accepts_is_printed_and_trained_on(story):
    accept = story.printed["accept"]
    assert accept.returncode == 0
    assert "dose: categories such as" in accept.stdout
    assert "before numbers such as" in accept.stdout
    assert story.printed["accepted"].returncode == 0
    assert "has accepted how the source looks now" in story.runs[2][1]


def test_a_source_that_changes_further_is_rejected_again(story):
    assert story.printed["unlabelled"].returncode == 1
    status, reason = story.runs[3]
    assert status == "rejected"
    assert reason.startswith("30 rows have a target 'y', down from 150")


def test_where_nothing_has_changed_there_is_nothing_to_accept(story):
    done = story.printed["nothing to accept"]
    assert done.returncode == 2
    assert "not been compared" in done.stderr


def test_a_night_without_its_source_is_a_failed_run_that_status_shows(story):
    assert story.printed["gone"].returncode == 1
    statuses = [status for status, _ in story.runs]
    assert statuses == ["succeeded", "rejected", "succeeded", "rejected", "failed"]
    assert "There is no such file" in story.runs[-1][1]
    status = story.printed["gone status"]
    assert status.returncode == 1
    assert "failed" in status.stdout
    assert "There is no" in " ".join(status.stdout.split())
