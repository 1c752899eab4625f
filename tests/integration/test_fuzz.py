"""A share of `make fuzz`, small enough for every day, and what it reports where there are faults.

The nights that are killed in every run of the tests are in tests/e2e/test_kill.py.
"""

import subprocess
import sys
from random import Random

import pytest
from fuzz import csv_files, declarations, other_files
from fuzz.harness import FOLDERS
from fuzz.trial import MAX_MB, Outcome, Trial, faults_of

from data.settings import ROOT

CHECK = Trial(("check", "small"))
TRACEBACK = "Traceback (most recent call last):\n  File x\nKeyError: 'y'"


def test_five_inputs_of_each_kind_bring_no_traceback_and_leave_nothing(tmp_path):
    count = ["--count", "5", "--workers", "1", "--save", str(tmp_path)]
    kinds = ["csv", "parquet", "others", "yaml", "commands"]
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--only", *kinds, *count],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, total = done.stdout.splitlines()
    assert total.split()[:-1] == ["all", "25", *["0"] * 7]


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome(1, "", TRACEBACK), "traceback"),
        (Outcome(None, "", ""), "hang"),
        (Outcome(0, "", "", megabytes=MAX_MB + 1), "memory"),
        (Outcome(0, "", "", orphans=1), "orphan"),
        (Outcome(0, "", "", leftovers=("tmp/x",)), "leftover"),
        (Outcome(-11, "", "it was killed"), "wrong"),
        (Outcome(2, "", ""), "wrong"),
        (Outcome(1, "", "the column \x1b[31m is missing"), "wrong"),
    ],
)
def test_each_fault_of_an_outcome_is_named(outcome, fault):
    assert list(faults_of(CHECK, outcome)) == [fault]


def test_a_message_that_repeats_too_much_of_what_was_typed_is_a_fault():
    trial = Trial(("check", "a" * 300))
    assert faults_of(trial, Outcome(2, "", f"there is no dataset {'a' * 200}…")) == {}
    assert list(faults_of(trial, Outcome(2, "", f"there is no dataset {'a' * 300}"))) == ["wrong"]


@pytest.mark.parametrize(
    "generate", [csv_files.generate, declarations.generate, other_files.generate]
)
def test_a_seed_makes_the_same_trial_again(generate, tmp_path):
    made = []
    for name in ("one", "two"):
        for folder in FOLDERS:
            (tmp_path / name / folder).mkdir(parents=True)
        trial = generate(Random("csv 7"), tmp_path / name)
        files = sorted((tmp_path / name / "datasets").iterdir())
        made.append((trial.command, [(file.name, file.read_bytes()) for file in files]))
    assert made[0] == made[1]
