"""A model of an earlier run, and what it predicts for the rows of tonight.

A row that it was trained with keeps the prediction of its own run, which is out of fold or by the
twin: its artifact has seen the target. Only where a feature has changed since then is it predicted
again, and marked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.snapshot import Snapshot
from data.store.read.champions import ServingModel
from data.store.read.earlier_runs import kept_rows
from data.store.read.predictions import own_predictions
from data.store.records import PredictionColumns
from data.store.session import Store
from regressors.arrays import Columns, Values
from regressors.model import Model
from tasks.run.loading import damaged, loaded
from tasks.run.rows import Mask, SnapshotRows

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


def stored_model(store: Store, serving: ServingModel, *, home: Path) -> StoredModel:
    """Return a model that serves or served, whose predictions and bytes are therefore stored.

    Raises DamagedModel where they are not what was stored.
    """
    artifact, twin = loaded(serving, "artifact"), loaded(serving, "twin")
    with store.reading() as connection:
        own = own_predictions(connection, serving.model_id)
    if own is None:
        raise damaged(serving, "its predictions of the rows of its own run are missing")
    return StoredModel(
        serving.name_and_run,
        artifact,
        twin,
        own,
        training_rows(store, serving, home=home),
    )


def training_rows(store: Store, serving: ServingModel, *, home: Path) -> SnapshotRows | None:
    """Return the rows of the run that trained a model; None if they are gone or damaged."""
    path = home / (serving.snapshot or "")
    if serving.declaration is None or serving.rows_read is None or not path.is_file():
        return None
    snapshot = Snapshot(path, serving.fingerprint or "", serving.rows_read)
    with store.reading() as connection:
        kept = kept_rows(connection, serving.run_id, snapshot.rows)
    try:
        declaration = Declaration.model_validate_json(serving.declaration)
        return SnapshotRows(declaration, snapshot, kept, ())
    except (ValueError, SourceError):  # of a version that declared other things, or damaged
        return None


def predictions_of(
    model: StoredModel, source: SnapshotRows
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the model's predictions of all n rows, and sentences on what has changed in them."""
    rows, own = source.rows, model.own
    position = {key: at for at, key in enumerate(own.key) if own.role[at] != "new"}
    at = np.array([position.get(key, -1) for key in rows.keys], dtype=int)
    known = at >= 0
    role = np.full(len(at), "new", dtype=object)
    role[known] = own.role[at[known]]
    own_note: Values = np.array(own.note or [None] * len(own.key), dtype=object)
    values = {name: _taken(getattr(own, name), at) for name in ("predicted", "lower", "upper")}
    note = np.full(len(at), None, dtype=object)
    note[known] = own_note[at[known]]
    changes = _changes(model, source, known)
    changed = np.any([*changes.values(), np.zeros(len(at), dtype=bool)], axis=0)
    for part, fitted in (
        (~known, model.artifact),
        (changed & (role == "train"), model.artifact),
        (changed & (role == "test"), model.twin),
    ):
        if part.any():
            columns = source.columns(fitted.features, part)
            again = fitted.predicted(columns, rows.take(part).weight)
            values["predicted"][part] = again.value
            values["lower"][part], values["upper"][part] = again.lower, again.upper
            note[part] = again.note
    for row in np.flatnonzero(changed & (role != "warmup")):
        names = ", ".join(name for name, differs in changes.items() if differs[row])
        note[row] = "; ".join(filter(None, [note[row], f"{names} {CHANGED}"]))
    predictions = PredictionColumns(
        model=own.model,
        key=rows.keys.tolist(),
        actual=rows.target,
        role=role,
        note=note.tolist(),
        **values,
    )
    return predictions, _warnings(model, rows.keys, changes, changed)


def _taken(values: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the value at each position (n,), NaN where that is -1."""
    return np.where(at >= 0, np.append(values, np.nan)[at], np.nan)


def _changes(model: StoredModel, source: SnapshotRows, known: Mask) -> dict[str, Mask]:
    """Return the rows (n,) of tonight in which each feature that changed anywhere has changed."""
    then = model.trained_on
    if then is None or not known.any():
        return {}
    position = {key: at for at, key in enumerate(then.rows.keys)}
    rows = np.flatnonzero(known)
    at = np.array([position.get(key, -1) for key in source.rows.keys[known]], dtype=int)
    rows, at = rows[at >= 0], at[at >= 0]
    features = model.artifact.features
    before = then.columns(features, np.ones(len(then.rows.keys), dtype=bool))
    now = source.columns(features, np.ones(len(known), dtype=bool))
    changes = {}
    for name in features:
        differs = np.zeros(len(known), dtype=bool)
        differs[rows] = _differ(name, before, now, at, rows)
        if differs.any():
            changes[name] = differs
    return changes


def _differ(
    name: str, before: Columns, now: Columns, at: NDArray[np.int64], rows: NDArray[np.int64]
) -> Mask:
    if name not in before or name not in now:
        return np.full(len(rows), name in now, dtype=bool)
    old, new = before[name][at], now[name][rows]
    if old.dtype.kind != new.dtype.kind:
        return np.ones(len(rows), dtype=bool)
    both_missing = (old != old) & (new != new)  # noqa: PLR0124 (NaN and NaT differ from themselves)
    return np.asarray((old != new) & ~both_missing, dtype=bool)


def _warnings(
    model: StoredModel, keys: Values, changes: Mapping[str, Mask], changed: Mask
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
