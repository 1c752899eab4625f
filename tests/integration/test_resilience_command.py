"""`nightfit resilience` for champions that a quick night does not produce."""

from pathlib import Path

import pytest
from helpers.store_nights import candidate, change, night, promoted, silenced
from typer.testing import CliRunner

from data.errors import UserError
from data.store.session import Store
from data.store.write.run import write_run
from flows.command.cli import app


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    address = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", address)
    return Store(address)


def refusal() -> str:
    outcome = CliRunner().invoke(app, ["resilience", "wages"])
    assert outcome.stdout == ""
    assert isinstance(outcome.exception, UserError)
    assert outcome.exception.exit_code == 1
    return str(outcome.exception)


def test_ann_without_stored_figures_says_when_there_will_be_some(store):
    change(store, write_run, promoted(1, {"a": 1.0}))
    assert refusal() == (
        "wages: no such figures are stored for the champion, torch/ann: it has no hidden cells, or "
        "was trained before they were measured. The next ANN that wins a night will have them."
    )


def test_dataset_without_a_champion_says_what_to_run(store):
    change(store, write_run, night(1, status="rejected", reason="the key is not unique"))
    assert "Run 'nightfit retrain wages' first." in refusal()


def test_ann_that_makes_no_error_has_no_ratio(store):
    measured = [silenced(0.0, 0.0), silenced(0.1, 3.0), silenced(0.5, 9.0)]
    exact = candidate("torch/ann", chosen=True, rank=1, resilience=measured)
    change(store, write_run, promoted(1, {"a": 1.0}, candidates=[exact]))
    outcome = CliRunner().invoke(app, ["resilience", "wages"])
    assert outcome.exit_code == 0
    _, *lines = [line.split() for line in outcome.stdout.splitlines()]
    assert lines[:3] == [
        ["0%", "0"],
        ["10%", "3", "2.7", "to", "3.3"],
        ["50%", "9", "8.1", "to", "9.9"],
    ]
    assert " ".join(lines[3]) == (
        "torch/ann makes no error on its test rows while no cell is silenced."
    )
