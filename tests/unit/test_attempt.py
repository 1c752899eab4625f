"""What an attempt holds back, and what it fits again."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from data.declarations.model import Declaration
from data.store.records import CandidateRecord, RunRecord
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.run.attempt import Attempt
from tasks.run.prepared import Times
from tasks.run.replay import replayed

DECLARATION = Declaration.model_validate(
    {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y", "time": "t"}
)
ANN, OTHER_ANN = Candidate("torch", "ann"), Candidate("theano", "ann")


def attempt(as_of: str | None, own: float | None, champion: float | None) -> Any:
    serving = SimpleNamespace(data_until=champion, pinned=False)
    run: Any = Attempt(DECLARATION, as_of=as_of)
    run.prepared = SimpleNamespace(times=Times(own, own))
    run.incumbent = SimpleNamespace(serving=serving)
    return run


@pytest.mark.parametrize(
    ("as_of", "own", "champion", "rule"),
    [
        ("2024-03-31", 10.0, 11.0, "backfill"),
        ("2024-03-31", 10.0, 10.0, None),
        ("2024-03-31", 10.0, 9.0, None),
        ("2024-03-31", 10.0, None, "backfill"),
        (None, 10.0, 11.0, None),
        (None, 10.0, None, None),
    ],
)
def test_night_of_the_past_replaces_no_champion_whose_data_is_or_may_be_later(
    as_of, own, champion, rule
):
    hold = attempt(as_of, own, champion).hold
    assert (hold.rule if hold else None) == rule


def test_attempt_without_a_champion_is_held_back_by_nothing():
    run: Any = Attempt(DECLARATION, as_of="2024-03-31")
    run.prepared = SimpleNamespace(times=Times(1.0, 1.0))
    assert run.hold is None


def test_candidates_that_a_stored_run_refitted_are_refitted_where_it_is_replayed():
    fit = Fitted(model=None, out_of_fold=None, coefficients=(), details={})
    run: Any = Attempt(DECLARATION, fits={ANN: fit, OTHER_ANN: "failed"})
    run.choice = SimpleNamespace(winner=Candidate("torch", "least_squares"), promoted=None)
    assert run.to_refit == {}
    run.refitted = frozenset({ANN, OTHER_ANN})
    assert run.to_refit == {ANN: fit}


def test_replayed_run_wants_what_was_refitted_then_or_when_a_person_promoted_it(monkeypatch):
    monkeypatch.setattr("tasks.run.replay.snapshot_of", lambda *_: None)
    given = {"framework": "torch", "status": "fitted"}
    stored = RunRecord(
        dataset="shop",
        status="succeeded",
        started_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
        declaration=DECLARATION.model_dump_json(),
        candidates=[
            CandidateRecord(kind="least_squares", **given),
            CandidateRecord(kind="ann", artifact=b"a model", **given),
        ],
    )
    run = replayed(1, stored, lambda run, before_run: None)
    assert run.refitted == {ANN}
