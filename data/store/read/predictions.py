"""The predictions of stored models, which also say which rows a model was fitted on."""

from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, select

from data.store.read.streaming import batches_of
from data.store.records import TRAINING_ROLES, ModelRef, PredictionColumns
from data.store.tables import model, prediction
from data.texts import Texts

NUMBERS = ("actual", "predicted", "lower", "upper")


def has_predictions(connection: Connection, model_id: int) -> bool:
    """Return whether a model's predictions for the rows of its own run are stored."""
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id)
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def own_predictions(connection: Connection, model_id: int) -> PredictionColumns | None:
    """Return what a model predicted in the run that trained it; None if that is not stored.

    Its artifact was fitted on all of these rows but the new ones, and on the training rows of that
    run also where their predictions are not stored.
    """
    own = select(model.c.run_id).where(model.c.model_id == model_id)
    run_id = connection.execute(own).scalar_one()
    return predictions_in(connection, run_id, model_id, model_id)


def predictions_in(
    connection: Connection, run_id: int, model_id: int, name: ModelRef
) -> PredictionColumns | None:
    """Return what a model predicted in a run, by key; None if nothing is stored."""
    statement = (
        select(*(prediction.c[column] for column in ("key", "role", "note", *NUMBERS)))
        .where(prediction.c.model_id == model_id, prediction.c.run_id == run_id)
        .order_by(prediction.c.key)
    )
    keys, notes = [], []
    parts: dict[str, list[NDArray[Any]]] = {column: [] for column in ("role", *NUMBERS)}
    word: dict[Any, Any] = {}  # so that equal roles are one object
    for batch in batches_of(connection, statement):
        key, role, note, *values = zip(*batch, strict=True)
        keys.append(pa.array(map(str, key), pa.large_string()))
        notes.append(list(note) if any(note) else [None] * len(note))
        parts["role"].append(np.array([word.setdefault(r, r) for r in role], dtype=object))
        for column, of_column in zip(NUMBERS, values, strict=True):
            parts[column].append(np.array(of_column, dtype=float))
    if not keys:
        return None
    return PredictionColumns(
        model=name,
        key=Texts.of(pa.chunked_array(keys)),
        note=[*chain.from_iterable(notes)] if any(map(any, notes)) else None,
        **{column: np.concatenate(arrays) for column, arrays in parts.items()},
    )


def twin_training_keys(connection: Connection, model_id: int) -> Texts:
    """Return the keys of the rows that a model's twin was fitted on: no test rows.

    They are empty where the run that trained it did not store the predictions of its training rows.
    """
    return _keys(connection, model_id, prediction.c.role.in_(TRAINING_ROLES))


def other_keys(connection: Connection, model_id: int) -> Texts:
    """Return the keys of the rows of a model's own run that its twin was not fitted on."""
    return _keys(connection, model_id, prediction.c.role.not_in(TRAINING_ROLES))


def _keys(connection: Connection, model_id: int, which: ColumnElement[bool]) -> Texts:
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id, which)
    )
    batches = batches_of(connection, statement)
    keys = [pa.array([str(key) for (key,) in rows], pa.large_string()) for rows in batches]
    return Texts.of(pa.chunked_array(keys, pa.large_string()))
