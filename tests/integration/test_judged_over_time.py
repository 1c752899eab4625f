"""With a time column, the model that serves is judged by what it really predicted."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.store_nights import NEW, kept, predictions, promoted, serving, write

from data.declarations.model import Declaration
from data.store.session import Store
from data.texts import Texts
from tasks.run.judged_over_time import judged_over_time, same_scheme
from tasks.run.rows import Rows

DECLARED = {"name": "wages", "source": {"path": "/w.csv"}, "key": "id", "target": "y", "time": "t"}
DECLARATION = Declaration.model_validate(DECLARED)
TONIGHT = {"old": 1.0, "own": 2.0, "late": 3.0, "known": 4.0, "newest": 5.0, "far": 6.0}
"""The test rows of tonight and their times."""
TIMES = np.array([*TONIGHT.values()])
OWN = {"warm": 1.0, "old": 1.0, "own": 2.0, "late": NEW, "known": NEW, "gone": 9.0}
ROLES = ["warmup", "train", "test", "new", "new", "test"]


@pytest.fixture
def judged(store: Store):
    """Return a function that judges a champion whose data ended at time 3."""
    own = predictions("torch/ann", OWN, roles=ROLES)
    own.predicted[:] = np.arange(6) + 0.5
    write(store, promoted(0, {"own": 7.0}, dataset="other"))
    write(store, promoted(1, {}, predictions=[own], data_until=3.0))
    model = serving(store).model_id
    later = predictions(model, {"known": NEW, "newest": NEW, "far": 6.0}, roles=["new"] * 3)
    later.predicted[:] = 60.5, 61.5, 62.5
    write(store, kept(2, model, {}, predictions=[later]))

    def of(
        *,
        then: dict | None = None,
        before_run: int | None = None,
        time: np.ndarray = TIMES,
        **declared,
    ):
        champion = serving(store)
        now = np.arange(6) + 100.0
        rows = Rows(Texts.of([*TONIGHT]), {}, np.zeros(6), time=time)
        return judged_over_time(
            rows,
            champion,
            SimpleNamespace(value=now, lower=now - 1, upper=now + 1),
            store,
            lambda: None,
            then=DECLARATION.model_dump(mode="json") if then is None else then,
            declaration=Declaration.model_validate(DECLARED | declared),
            before_run=before_run,
        )

    return of


def test_rows_are_judged_by_the_test_of_its_run_then_as_really_predicted_then_by_the_artifact(
    judged,
):
    """A row that trained it is not compared, nor a late one: it is older than the data it saw."""
    incumbent = judged()
    assert incumbent.compared.tolist() == [False, True, False, True, True, True]
    assert incumbent.predicted[incumbent.compared].tolist() == [2.5, 60.5, 61.5, 105.0]
    assert incumbent.interval[1][-1] == 106.0
    assert incumbent.basis == (
        "Of these rows, torch/ann of run 2 predicted 1 in its own test, 2 before their target was"
        " known and 1 tonight, since they are newer than its own rows."
    )


def test_replay_of_a_run_knows_nothing_that_was_predicted_later(judged):
    assert judged(before_run=3).predicted[3:].tolist() == [4.5, 104.0, 105.0]


def test_test_of_another_horizon_is_not_compared(judged):
    then = DECLARATION.model_dump(mode="json") | {"horizon": "7 days"}
    incumbent = judged(then=then)
    assert incumbent.compared.tolist() == [False, False, False, True, True, True]


def test_rows_nearer_than_the_declared_horizon_are_not_compared(judged):
    """Tonight's candidates predict from 3 before, so the champion may not from 1 or 2."""
    then = DECLARATION.model_dump(mode="json") | {"horizon": 3.0}
    incumbent = judged(then=then, horizon=3)
    assert incumbent.compared.tolist() == [False, True, False, False, False, True]
    moments = np.array([0, 0, 0, 0, 1_000_002, 1_000_003], dtype="M8[us]")
    then["horizon"] = "1 second"
    incumbent = judged(then=then, horizon="1 second", time=moments)
    assert incumbent.compared.tolist() == [False, True, False, False, False, True]


def test_run_without_this_time_is_compared_on_nothing(judged):
    for then in ({"time": None}, {"time": "other"}):
        incumbent = judged(then=then)
        assert not incumbent.compared.any()
        assert "had no time, or another one" in incumbent.basis


def test_store_of_a_version_without_horizons_was_tested_otherwise():
    then = DECLARATION.model_dump(mode="json")
    assert same_scheme(then, DECLARATION)
    assert not same_scheme({**then, "horizon": 3.0}, DECLARATION)
