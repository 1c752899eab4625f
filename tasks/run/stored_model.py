"""A model of an earlier run, and what it predicts for the rows of tonight.

A row that it was trained with keeps the prediction of its own run, which is out of fold or by the
twin: its artifact has seen the target. Only where a feature has changed since then is it predicted
again, and marked. Where its run did not store that prediction, the row gets none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.store.read.champions import ServingModel
from data.store.read.predictions import own_predictions
from data.store.records import PredictionColumns
from data.store.session import Store
from data.texts import BATCH_ROWS, Texts
from regressors.arrays import Coded
from regressors.model import Model
from tasks.run.loading import damaged, loaded
from tasks.run.rows import Mask, SnapshotRows
from tasks.run.trained_rows import RowsThen, without_prediction

CHANGED = "changed since the model was trained"
MAX_NAMES = 5
"""Features that a warning names."""


@dataclass(frozen=True)
class StoredModel:
    """A model of an earlier run, with its predictions of that run's rows.

    `trained_on` are those rows; None if their snapshot is gone or damaged, so that nobody knows
    which of them have changed.
    """

    name: str
    artifact: Model
    twin: Model
    own: PredictionColumns
    trained_on: SnapshotRows | None


def stored_model(store: Store, serving: ServingModel, rows_then: RowsThen) -> StoredModel:
    """Return a model that serves or served, whose predictions and bytes are therefore stored.

    `rows_then` returns the rows of its run. Raises DamagedModel where they are not what was stored.
    """
    artifact, twin = loaded(serving, "artifact"), loaded(serving, "twin")
    with store.reading() as connection:
        own = own_predictions(connection, serving.model_id)
    if own is None:
        raise damaged(serving, "its predictions of the rows of its own run are missing")
    return StoredModel(serving.name_and_run, artifact, twin, own, rows_then())


def predictions_of(
    model: StoredModel, source: SnapshotRows, *, with_training: bool
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the model's predictions of n rows, and sentences on what has changed in them.

    Without `with_training`, the rows that its twin was trained with are left out. So are those of
    them that have no stored prediction.
    """
    rows, own = source.rows, model.own
    stored = np.append(np.flatnonzero(own.role != "new"), -1)  # the last one: nowhere
    at = stored[rows.keys.positions_in(Texts.of(own.key)[stored[:-1]])]
    unstored = _unstored(model, source, at >= 0)
    kept = ~unstored if with_training else ~unstored & ~np.append(own.is_training, False)[at]
    keys, at, number = rows.keys[kept], at[kept], np.flatnonzero(kept)
    known = at >= 0
    role = np.full(len(at), "new", dtype=object)
    role[known] = own.role[at[known]]
    values = {name: _taken(getattr(own, name), at) for name in ("predicted", "lower", "upper")}
    note = np.full(len(at), None, dtype=object)
    if own.note is not None:
        note[known] = np.array(own.note, dtype=object)[at[known]]
    changes = _changes(model, source, keys, np.where(known, number, -1))
    changed = np.any([*changes.values(), np.zeros(len(at), dtype=bool)], axis=0)
    for part, fitted in (
        (~known, model.artifact),
        (changed & (role == "train"), model.artifact),
        (changed & (role == "test"), model.twin),
    ):
        if part.any():
            chosen = np.zeros(len(kept), dtype=bool)
            chosen[number[part]] = True
            columns = source.columns(fitted.features, chosen)
            again = fitted.predicted(columns, None if rows.weight is None else rows.weight[chosen])
            values["predicted"][part] = again.value
            values["lower"][part], values["upper"][part] = again.lower, again.upper
            note[part] = again.note
    for row in np.flatnonzero(changed & (role != "warmup")):
        names = ", ".join(name for name, differs in changes.items() if differs[row])
        note[row] = "; ".join(filter(None, [note[row], f"{names} {CHANGED}"]))
    predictions = PredictionColumns(
        model=own.model,
        key=keys,
        actual=rows.target[kept],
        role=role,
        note=note.tolist() if any(note) else None,
        **values,
    )
    return predictions, (
        *_unstored_warning(model, int(unstored.sum()), with_training=with_training),
        *_warnings(model, keys, changes, changed),
    )


def _unstored(model: StoredModel, source: SnapshotRows, known: Mask) -> Mask:
    """Return which rows (n,) it was trained with, or may have been, but stored nothing for.

    A row that has no target tonight is predicted also where it is not known what it was then.
    """
    if model.own.is_training.any():
        return np.zeros(len(known), dtype=bool)
    unstored = without_prediction(source.rows.keys, Texts.of(model.own.key), model.trained_on)
    return unstored if model.trained_on is not None else unstored & ~np.isnan(source.rows.target)


def _unstored_warning(model: StoredModel, missing: int, *, with_training: bool) -> Iterator[str]:
    """Yield a sentence if rows that should have a prediction of the model have none."""
    is_known = model.trained_on is not None
    if not missing or (is_known and not with_training):
        return
    rows, has = ("1 row", "has") if missing == 1 else (f"{missing:,} rows", "have")
    was = "was" if is_known else "may have been"
    next_one = " They get one from the next model that serves." if with_training else ""
    yield (
        f"{rows} that {model.name} {was} trained with {has} no prediction, since its run stored"
        f" those of new rows and test rows alone.{next_one}"
    )


def _taken(values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the value at each position (n,), NaN where that is -1."""
    return np.where(at >= 0, np.append(values, np.nan)[at], np.nan)


def _changes(
    model: StoredModel, source: SnapshotRows, keys: Texts, number: NDArray[np.int64]
) -> dict[str, Mask]:
    """Return the rows (n,) of tonight in which each feature that changed anywhere has changed.

    `number` (n,) is that of each row in `source`, -1 in a row that is not to be compared.
    """
    then = model.trained_on
    known = np.flatnonzero(number >= 0)
    if then is None or not known.size:
        return {}
    at = keys[known].positions_in(then.rows.keys)
    known, at = known[at >= 0], at[at >= 0]
    changes = {}
    for name in model.artifact.features:
        differs = np.zeros(len(keys), dtype=bool)
        differs[known] = _differ(then.coded(name), source.coded(name), at, number[known])
        if differs.any():
            changes[name] = differs
    return changes


def _differ(
    before: Coded | None, now: Coded | None, at: NDArray[np.int64], rows: NDArray[np.int64]
) -> Mask:
    if before is None or now is None:
        return np.full(len(rows), now is not None, dtype=bool)
    differs = np.empty(len(rows), dtype=bool)
    for start in range(0, len(rows), BATCH_ROWS):
        part = slice(start, start + BATCH_ROWS)
        old, new = before.taken(at[part]), now.taken(rows[part])
        if old.dtype.kind != new.dtype.kind:
            return np.ones(len(rows), dtype=bool)
        missing = (old != old) & (new != new)  # noqa: PLR0124 (NaN and NaT differ from themselves)
        differs[part] = (old != new) & ~missing
    return differs


def _warnings(
    model: StoredModel, keys: Texts, changes: Mapping[str, Mask], changed: Mask
) -> tuple[str, ...]:
    if model.trained_on is None:
        return (
            f"The rows that {model.name} was trained with no longer exist, or are damaged, so it is"
            " not known whether their features have changed: its predictions of them are those of"
            " its own run.",
        )
    if not changed.any():
        return ()
    count, first = int(changed.sum()), keys[int(np.argmax(changed))]
    names = ", ".join([*changes][:MAX_NAMES]) + (", ..." if len(changes) > MAX_NAMES else "")
    rows = "1 row has" if count == 1 else f"{count:,} rows have"
    return (
        f"{rows} changed since {model.name} was trained ({names}; the first has key {first}):"
        " predicted again, with a note.",
    )
