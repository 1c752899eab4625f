"""Which rows a stored model was fitted on, according to the predictions of its own run."""

from sqlalchemy import ColumnElement, Connection, select

from data.store.read.streaming import batches_of
from data.store.tables import model, prediction


def has_predictions(connection: Connection, model_id: int) -> bool:
    """Return whether a model's predictions for the rows of its own run are stored."""
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id)
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def artifact_training_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys of the rows that a model's artifact was fitted on: all labelled rows."""
    return _keys(connection, model_id, prediction.c.role != "new")


def twin_training_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys of the rows that a model's twin was fitted on: no test rows."""
    return _keys(connection, model_id, prediction.c.role.in_(("train", "warmup")))


def _keys(connection: Connection, model_id: int, which: ColumnElement[bool]) -> set[str]:
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id, which)
    )
    return {key for rows in batches_of(connection, statement) for (key,) in rows}
