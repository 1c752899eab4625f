"""Score the model that serves now on those of tonight's test rows that are new to it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from data.checks.waivers import waiver
from data.declarations.model import Declaration
from data.errors import DamagedModel
from data.store.read.champions import ServingModel, champion_model
from data.store.read.contract import acceptance_since
from data.store.read.predictions import other_keys, twin_training_keys
from data.store.session import Store
from data.texts import Texts
from regressors.encoding.columns import CannotEncode
from regressors.predicted import Predicted
from regressors.progress import reporting_to
from tasks.run import progress
from tasks.run.choice import Incumbent
from tasks.run.judged_over_time import judged_over_time
from tasks.run.loading import intact
from tasks.run.predicting import Predict, predicted_here
from tasks.run.prepared import Prepared
from tasks.run.rows import Mask, Rows
from tasks.run.step import step
from tasks.run.trained_rows import RowsThen, rows_of_run, without_prediction


@step()
def incumbent(
    prepared: Prepared,
    store: Store,
    *,
    home: Path,
    predict: Predict = predicted_here,
    before_run: int | None = None,
) -> Incumbent | None:
    """Return the champion, or the champion before a stored run; None if nothing serves yet.

    The test rows are predicted by `predict`. One that is not what was stored is returned with
    its damage, and predicts nothing.
    """
    declaration, test = prepared.declaration, prepared.test
    stored = store.read(lambda c: _champion(c, declaration.name, before_run=before_run))
    if stored is None:
        return None
    serving, accepted_by = stored
    try:
        models = intact(serving)
    except DamagedModel as error:
        progress.log(declaration.name, error.what, warning=True)
        return _damaged(serving, error, len(test.keys))
    rows_then = rows_of_run(store, serving, home=home, do=prepared.source.do)
    model = models["twin" if test.instants is None else "artifact"]
    then = json.loads(serving.declaration or "{}")
    obstacle = declaration_obstacle(then, declaration)
    try:
        if obstacle is None:
            columns = prepared.source.columns_of(test, model.features)
            with reporting_to(progress.Progress(declaration.name, "testing the champion")):
                predicted = predict(model, columns, test.weight)
            if test.instants is None:
                judged = _by_twin(prepared, serving, store, rows_then, predicted)
            else:
                judged = judged_over_time(
                    test,
                    serving,
                    predicted,
                    store,
                    rows_then,
                    then=then,
                    declaration=declaration,
                    before_run=before_run,
                )
            if np.isfinite(judged.predicted[judged.compared]).all():
                return judged
            obstacle = "its predictions of some of them are not finite"
    except CannotEncode as error:
        obstacle = str(error)
    why = explanation(model.features, then, declaration, accepted_by=accepted_by)
    nothing = np.full(len(test.keys), np.nan)
    compared = np.zeros(len(test.keys), dtype=bool)
    return Incumbent(serving, compared, nothing, (nothing, nothing), rows_then, obstacle, why)


def _by_twin(
    prepared: Prepared, serving: ServingModel, store: Store, rows_then: RowsThen, twin: Predicted
) -> Incumbent:
    """Return the champion as its twin predicts the test rows that are new to it."""
    rows = prepared.rows.without_columns()
    trained, blind = trained_with(rows, serving, store, rows_then)
    args = rows, rows.stored(trained), prepared.is_test
    (compared,) = rows.do("finding new rows", [(_new_to, args)])
    interval = twin.lower, twin.upper
    return Incumbent(serving, compared, twin.value, interval, rows_then, blind=blind)


def _champion(
    connection: Connection, dataset: str, *, before_run: int | None
) -> tuple[ServingModel, str | None] | None:
    """Return the champion, and who accepted the source since its run."""
    serving = champion_model(connection, dataset, before_run=before_run)
    if serving is None:
        return None
    accepted_by = acceptance_since(connection, dataset, serving.run_id, before_run=before_run)
    return serving, accepted_by


def trained_with(
    rows: Rows, serving: ServingModel, store: Store, rows_then: RowsThen
) -> tuple[Mask, str | None]:
    """Return which rows (n,) a twin was trained with, and what to know if that is a guess.

    `rows_then` returns the rows of its run, which are needed if their predictions are not stored.
    """
    training = store.read(lambda c: twin_training_keys(c, serving.model_id))
    if training:
        args = rows.keys, rows.stored_texts(training)
        (known,) = rows.do("finding known rows", [(Texts.is_in, args)])
        return known, None
    others = rows.stored_texts(store.read(lambda c: other_keys(c, serving.model_id)))
    then = rows_then()
    blind = (
        f"The rows that {serving.name_and_run} was trained with no longer exist, or are damaged,"
        " and their predictions are not stored: it is compared on test rows and new rows of its own"
        " run alone."
    )
    keys_then = None if then is None else then.rows.keys
    (known,) = rows.do("finding known rows", [(without_prediction, (rows.keys, others, keys_then))])
    return known, blind if then is None else None


def _damaged(serving: ServingModel, error: DamagedModel, rows: int) -> Incumbent:
    nothing = np.full(rows, np.nan)
    return Incumbent(
        serving,
        np.zeros(rows, dtype=bool),
        nothing,
        (nothing, nothing),
        rows_then=lambda: None,
        obstacle=error.what.rstrip("."),
        damage=error,
    )


def explanation(
    features: Sequence[str],
    then: Mapping[str, Any],
    now: Declaration,
    *,
    accepted_by: str | None,
) -> str | None:
    """Return why a model of these features need not fit tonight's rows; None if it should.

    The declaration has changed since that of the model (`then`, JSON), or a person has accepted how
    the source looks now.
    """
    changed = waiver(now, then)
    keys = dict.fromkeys([*changed.keys, *(changed.columns.get(name, "") for name in features)])
    if names := " and ".join(f"'{key}'" for key in keys if key):
        return f"the declaration of {names} has changed"
    return f"{accepted_by} has accepted how the source looks now" if accepted_by else None


def _new_to(rows: Rows, trained: Mask, is_test: Mask) -> Mask:
    """Return which test rows (m,) are new to a model that was trained with some of n rows."""
    return ~seen(rows, trained)[is_test]


def seen(rows: Rows, trained: Mask) -> Mask:
    """Return which rows (n,) are known to a model that was trained with some of them.

    The rows of a group resemble each other, and so do those that repeat each other: a model that
    saw one of them knows them all.
    """
    numbers = rows.together
    return trained if numbers is None else np.isin(numbers, numbers[trained])


def declaration_obstacle(then: Mapping[str, Any], now: Declaration) -> str | None:
    """Return why a model declared as in `then` (JSON) cannot be compared now; None if it can."""
    target, key = then.get("target", now.target), then.get("key", list(now.key))
    if target != now.target:
        return f"it predicts {target!r}, but tonight's target is {now.target!r}"
    if list(key) != list(now.key):
        names = ", ".join(map(repr, key))
        return f"its rows had another key, {names}, so it is not known which rows it was trained on"
    return None
