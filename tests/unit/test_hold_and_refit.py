"""What prevents a promotion, and what a run refits."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from data.declarations.model import Declaration
from data.store.records import CandidateRecord, RunRecord
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.refit import to_refit
from tasks.run.hold import promotion_hold
from tasks.run.replay import replay_of

DECLARATION = Declaration.model_validate(
    {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y", "time": "t"}
)
TORCH_ANN = Candidate("torch", "ann")


def champion(data_until: float | None, **pin: object) -> SimpleNamespace:
    return SimpleNamespace(
        serving=SimpleNamespace(**{"pinned": False, **pin}, data_until=data_until)
    )


@pytest.mark.parametrize(
    ("as_of", "own", "later", "rule"),
    [
        ("2024-03-31", 10.0, 11.0, "backfill"),
        ("2024-03-31", 10.0, 10.0, None),
        ("2024-03-31", 10.0, 9.0, None),
        ("2024-03-31", 10.0, None, "backfill"),
        (None, 10.0, 11.0, None),
        (None, 10.0, None, None),
    ],
)
def test_past_night_replaces_no_champion_whose_data_is_or_may_be_later(as_of, own, later, rule):
    hold = promotion_hold(champion(later), as_of=as_of, data_until=own)
    assert (hold.rule if hold else None) == rule


def test_nothing_holds_a_promotion_back_before_there_is_a_champion():
    assert promotion_hold(None, as_of="2024-03-31", data_until=1.0) is None


def test_a_pin_holds_every_promotion_back_and_names_who_set_it():
    pinned = champion(1.0, pinned=True, pinned_by="ann", pinned_reason="an audit")
    hold = promotion_hold(pinned, as_of=None, data_until=2.0)
    assert (hold.rule, hold.why) == ("pinned", "pinned by ann: an audit")


def test_candidates_that_a_stored_run_refitted_are_refitted_when_it_is_replayed():
    fit = Fitted(model=None, out_of_fold=None, coefficients=(), details={})
    fits = {TORCH_ANN: fit, Candidate("theano", "ann"): "failed"}
    least_squares = Candidate("torch", "least_squares")
    choice = SimpleNamespace(winner=least_squares, reported=least_squares)
    assert to_refit(fits, choice) == {}
    assert to_refit(fits, choice, also=set(fits)) == {TORCH_ANN: fit}


def test_linear_candidates_are_always_refitted_since_each_has_an_equation():
    fit = Fitted(model=None, out_of_fold=None, coefficients=(), details={})
    linear = Candidate("theano", "gradient_descent")
    fits = {linear: fit, TORCH_ANN: fit, Candidate("theano", "ann"): fit}
    choice = SimpleNamespace(winner=TORCH_ANN, reported=TORCH_ANN)
    assert list(to_refit(fits, choice)) == [linear, TORCH_ANN]


def test_equations_of_segments_are_refitted_where_they_are_wanted_alone():
    fit = Fitted(model=None, out_of_fold=None, coefficients=(), details={})
    own, other = (Candidate(name, "segment_least_squares") for name in ("torch", "theano"))
    choice = SimpleNamespace(winner=TORCH_ANN, reported=TORCH_ANN)
    assert list(to_refit({own: fit, other: fit}, choice, also={own})) == [own]


def test_replay_refits_what_was_refitted_then_or_when_a_person_promoted_it(monkeypatch):
    monkeypatch.setattr("tasks.run.replay.snapshot_of", lambda *_, **__: None)
    fitted = {"framework": "torch", "status": "fitted"}
    stored = RunRecord(
        dataset="shop",
        status="succeeded",
        started_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
        declaration=DECLARATION.model_dump_json(),
        candidates=[
            CandidateRecord(kind="least_squares", **fitted),
            CandidateRecord(kind="ann", artifact=b"a model", **fitted),
        ],
    )
    assert replay_of(1, stored, home=Path("home")).also_refit == {TORCH_ANN}
