"""The predictions of stored models, which also say which rows a model was fitted on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from data.store.read.streaming import batches_of
from data.store.read.text_column import texts_of
from data.store.row_columns import (
    FURTHER,
    NUMBERS,
    TRAINING_ROLES,
    Array,
    ModelRef,
    PredictionColumns,
)
from data.store.tables import model, prediction, prediction_checksum, target_unknown
from data.texts import Texts

WORDS = ("key", "role", "note", "segment")
"""The columns of predictions that are texts."""

KEYS_PER_STATEMENT = 500
"""Few enough for any database to look each key up in its index."""


def has_predictions(connection: Connection, model_id: int) -> bool:
    """Return whether a model's predictions for the rows of its own run are stored.

    Those of a model that served single segments alone are not all that others have of the run.
    """
    of_run = (
        select(prediction_checksum)
        .join(model, model.c.run_id == prediction_checksum.c.run_id)
        .where(model.c.model_id == model_id)
    )
    rows = {row.model_id: row.rows for row in connection.execute(of_run)}
    if rows.get(model_id, 0) < max(rows.values(), default=0):
        return False
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
        select(*(prediction.c[column] for column in (*WORDS, "routed", *names)))
        .where(prediction.c.model_id == model_id, prediction.c.run_id == run_id)
        .order_by(prediction.c.key)
    )
    word: dict[Any, Any] = {}  # so that equal roles are one object
    for batch in batches_of(connection, statement):
        key, role, note, segment, routed, *values = zip(*batch, strict=True)
        numbers = zip(names, values, strict=True)
        yield PredictionColumns(
            model=name,
            key=Texts.of(pa.array(map(str, key), pa.large_string())),
            role=np.array([word.setdefault(r, r) for r in role], dtype=object),
            note=list(note) if any(note) else None,
            segment=_if_any(segment),
            routed=np.array(routed, dtype=bool) if any(routed) else None,
            **{
                column: np.array(of_column, dtype=float)
                for column, of_column in numbers
                if column in NUMBERS or any(value is not None for value in of_column)
            },
        )


def _if_any(values: Sequence[str | None]) -> list[str | None] | None:
    return list(values) if any(value is not None for value in values) else None


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


@dataclass(frozen=True)
class KeyPredictions:
    """What a model predicted for rows, by their keys (n,), which are different from each other."""

    keys: Texts
    predicted: Array
    lower: Array
    upper: Array


def test_predictions(connection: Connection, model_id: int) -> KeyPredictions:
    """Return what the run that trained a model stored of its test rows."""
    statement = _of_keys(model_id).where(
        prediction.c.run_id == model.c.run_id, prediction.c.role == "test"
    )
    return _key_predictions(batches_of(connection, statement))


def predictions_before_known(
    connection: Connection, model_id: int, keys: Texts, *, before_run: int | None = None
) -> KeyPredictions:
    """Return what a model predicted for those of some rows whose target was not known yet.

    Of several runs, `before_run` ones alone if that is given, it is the latest.
    """
    unknown = target_unknown(prediction) & (prediction.c.model_id == model_id)
    if before_run is not None:
        unknown &= prediction.c.run_id < before_run
    latest: dict[str, Row[Any]] = {}
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        some = keys[start : start + KEYS_PER_STATEMENT].tolist()
        statement = _of_keys(model_id).where(unknown, prediction.c.key.in_(some))
        for row in connection.execute(statement.order_by(prediction.c.run_id)):
            latest[str(row.key)] = row
    return _key_predictions([[*latest.values()]])


def _of_keys(model_id: int) -> Select[Any]:
    columns = (prediction.c[name] for name in ("key", "predicted", "lower", "upper"))
    joined = select(*columns).join(model, model.c.model_id == prediction.c.model_id)
    return joined.where(prediction.c.model_id == model_id)


def _key_predictions(batches: Iterable[Sequence[Row[Any]]]) -> KeyPredictions:
    keys, numbers = [], [np.empty((0, 3))]
    for rows in batches:
        keys.append(pa.array([str(row[0]) for row in rows], pa.large_string()))
        numbers.append(np.array([row[1:] for row in rows], dtype=float).reshape(-1, 3))
    predicted, lower, upper = np.concatenate(numbers).T
    texts = Texts.of(pa.chunked_array(keys, pa.large_string()))
    return KeyPredictions(texts, predicted, lower, upper)


def _keys(connection: Connection, model_id: int, which: ColumnElement[bool]) -> Texts:
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id, which)
    )
    return texts_of(connection, statement)
