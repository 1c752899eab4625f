"""The predictions of stored models, which also say which rows a model was fitted on."""

import numpy as np
from sqlalchemy import ColumnElement, Connection, select

from data.store.read.streaming import batches_of
from data.store.records import TRAINING_ROLES, ModelRef, PredictionColumns
from data.store.tables import model, prediction

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
    rows = [row for batch in batches_of(connection, statement) for row in batch]
    if not rows:
        return None
    key, role, note, *values = zip(*rows, strict=True)
    columns = {
        column: np.array(of_column, dtype=float)
        for column, of_column in zip(NUMBERS, values, strict=True)
    }
    return PredictionColumns(
        model=name,
        key=list(key),
        role=np.array(role),
        note=note if any(note) else None,
        **columns,
    )


def twin_training_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys of the rows that a model's twin was fitted on: no test rows.

    They are empty where the run that trained it did not store the predictions of its training rows.
    """
    return _keys(connection, model_id, prediction.c.role.in_(TRAINING_ROLES))


def other_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys of the rows of a model's own run that its twin was not fitted on."""
    return _keys(connection, model_id, prediction.c.role.not_in(TRAINING_ROLES))


def _keys(connection: Connection, model_id: int, which: ColumnElement[bool]) -> set[str]:
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id, which)
    )
    return {key for rows in batches_of(connection, statement) for (key,) in rows}
