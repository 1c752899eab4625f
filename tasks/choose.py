"""Choose tonight's winner out of fold, then score it on the test rows and decide who serves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data.declare import Declaration
from data.division import Division
from data.expectations import Checked
from data.read import Snapshot
from data.settings import settings
from data.store.database import open_store
from data.store.query import ServingModel, champion_model
from regressors import selection
from regressors.encoding import CannotEncode
from regressors.job import Fitted
from regressors.model import Model
from regressors.scoring import Difference, Score, paired_difference, roots, score, spread
from regressors.selection import LINEAR_KINDS, Contender, Decision, Place
from tasks.progress import tell
from tasks.rows import Rows, load_rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """Tonight's ranking, scores and decision; candidates by name."""

    winner: str
    places: tuple[Place, ...]
    validation: Mapping[str, Score]
    test: Mapping[str, Score]
    incumbent: ServingModel | None
    incumbent_test: Score | None
    decision: Decision
    verdict: str
    difference: Difference | None


@task(cache_policy=NO_CACHE)
def choose(
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
    division: Division,
    fits: Mapping[str, Fitted | str],
) -> Choice:
    """Return who won, by what, and whether it serves."""
    rows = load_rows(declaration, snapshot, checked.kept, checked.features)
    train, test = rows.take(division.role == "train"), rows.take(division.role == "test")
    scored = division.fold[division.role == "train"] > 0  # the warm-up block has no prediction
    fitted = {name: fit for name, fit in fits.items() if isinstance(fit, Fitted)}
    out_of_fold = {name: _out_of_fold(fit)[scored] for name, fit in fitted.items()}
    target = train.target[scored]
    weight = None if train.weight is None else train.weight[scored]
    root, test_root = roots(weight, len(target)), roots(test.weight, len(test.target))
    places = selection.rank(
        [
            Contender(name, (target - out_of_fold[name]) * root)
            if isinstance(fit, Fitted)
            else Contender(name, None, fit)
            for name, fit in fits.items()
        ],
        spread=spread(target, weight),
    )
    winner = next(place.name for place in places if place.chosen)
    ranked = [place.name for place in places if place.name in fitted]
    linear = next((name for name in ranked if name.split("/")[1] in LINEAR_KINDS), None)
    ann = next((name for name in ranked if name.split("/")[1] not in LINEAR_KINDS), None)
    predicted = {
        name: fitted[name].model.predict(test.columns)
        for name in dict.fromkeys([winner, linear, ann])
        if name
    }
    difference = (
        paired_difference(
            (test.target - predicted[ann]) * test_root,
            (test.target - predicted[linear]) * test_root,
            confidence=declaration.promotion.confidence,
        )
        if ann and linear
        else None
    )
    incumbent = _incumbent_on(test.keys, declaration, snapshot, checked)
    test_scores = {
        name: _score(test, values, fitted[name].model.half_width)
        for name, values in predicted.items()
    }
    incumbent_test = (
        _score(test, incumbent.predicted, incumbent.half_width)
        if incumbent.predicted is not None
        else None
    )
    decision = selection.decide(
        test_scores[winner].rmse,
        incumbent_test.rmse if incumbent_test else None,
        names=(winner, incumbent.serving.name if incumbent.serving else None),
        obstacle=incumbent.obstacle,
        min_gain=declaration.promotion.min_gain,
        max_loss=declaration.promotion.max_loss,
    )
    tell(declaration.name, f"{winner} wins; {decision.reason}")
    return Choice(
        winner=winner,
        places=places,
        validation={
            name: score(target, values, half_width=fitted[name].model.half_width, weight=weight)
            for name, values in out_of_fold.items()
        },
        test=test_scores,
        incumbent=incumbent.serving,
        incumbent_test=incumbent_test,
        decision=decision,
        verdict=selection.verdict(difference),
        difference=difference,
    )


def _score(test: Rows, predicted: Array, half_width: float | None) -> Score:
    return score(test.target, predicted, half_width=half_width, weight=test.weight)


def _out_of_fold(fit: Fitted) -> Array:
    assert fit.out_of_fold is not None
    return fit.out_of_fold


@dataclass(frozen=True)
class _Incumbent:
    """The model that serves now, and its twin's predictions of tonight's test rows."""

    serving: ServingModel | None = None
    predicted: Array | None = None
    half_width: float | None = None
    obstacle: str | None = None


def _incumbent_on(
    test_keys: NDArray[np.object_],
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
) -> _Incumbent:
    """Score tonight's test rows with the incumbent's twin, which never saw its own test rows."""
    engine = open_store(settings().database_url)
    serving = champion_model(engine, declaration.name)
    engine.dispose()
    if serving is None or serving.twin is None:
        return _Incumbent()
    twin = Model.from_bytes(serving.twin)
    try:
        rows = load_rows(declaration, snapshot, checked.kept, twin.features)
        predicted = twin.predict(rows.take(np.isin(rows.keys, test_keys)).columns)
    except CannotEncode as obstacle:
        return _Incumbent(serving, obstacle=str(obstacle))
    return _Incumbent(serving, predicted, twin.half_width)
