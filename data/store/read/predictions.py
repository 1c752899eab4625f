"""The predictions of stored models, which also say which rows a model was fitted on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, func, select

from data.store.read.streaming import batches_of
from data.store.records import FURTHER, NUMBERS, TRAINING_ROLES, ModelRef, PredictionColumns
from data.store.tables import model, prediction
from data.texts import Texts


def has_predictions(connection: Connection, model_id: int) -> bool:
    """Return whether a model's predictions for the rows of its own run are stored."""
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id)
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def prediction_batches(
    connection: Connection, run_id: int, model_id: int, name: ModelRef
) -> Iterator[PredictionColumns]:
    """Yield what a model predicted in a run, some rows at a time, in the order of their keys."""
    names = (*NUMBERS, *FURTHER)
    statement = (
        select(*(prediction.c[column] for column in ("key", "role", "note", *names)))
        .where(prediction.c.model_id == model_id, prediction.c.run_id == run_id)
        .order_by(prediction.c.key)
    )
    word: dict[Any, Any] = {}  # so that equal roles are one object
    for batch in batches_of(connection, statement):
        key, role, note, *values = zip(*batch, strict=True)
        numbers = zip(names, values, strict=True)
        yield PredictionColumns(
            model=name,
            key=Texts.of(pa.array(map(str, key), pa.large_string())),
            role=np.array([word.setdefault(r, r) for r in role], dtype=object),
            note=list(note) if any(note) else None,
            **{
                column: np.array(of_column, dtype=float)
                for column, of_column in numbers
                if column in NUMBERS or any(value is not None for value in of_column)
            },
        )


def roles_in(connection: Connection, run_id: int, model_id: int) -> dict[str, int]:
    """Return how many rows of each role a model predicted in a run, as far as that is stored."""
    statement = (
        select(prediction.c.role, func.count())
        .where(prediction.c.model_id == model_id, prediction.c.run_id == run_id)
        .group_by(prediction.c.role)
    )
    return {role: rows for role, rows in connection.execute(statement)}


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
