"""What a night, or a person who decides, asks of the nights before."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from data.store.read.stored import latest_comparison
from data.store.records import PairedErrors
from data.store.tables import model, prediction, rejected_row, run


@dataclass(frozen=True)
class ComparedNight:
    """The latest comparison of a dataset: of which run, of which two models, and their errors."""

    run_id: int
    model: str
    other: str
    errors: PairedErrors


def same_run(connection: Connection, dataset: str, fingerprint: str, setup: str) -> int | None:
    """Return the latest run that succeeded on these rows with this setup, backfills too."""
    statement = select(func.max(run.c.run_id)).where(
        run.c.dataset == dataset,
        run.c.status == "succeeded",
        run.c.fingerprint == fingerprint,
        run.c.setup_fingerprint == setup,
    )
    return connection.execute(statement).scalar()


def has_predictions(connection: Connection, model_id: int) -> bool:
    """Tell whether a model's predictions of its own run's rows are stored."""
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id)
        .limit(1)
    )
    return connection.execute(statement).first() is not None


def kept_rows(connection: Connection, run_id: int, rows: int) -> NDArray[np.bool_]:
    """Return which of so many rows of a run's source went on, and were not set aside."""
    kept = np.ones(rows, dtype=bool)
    statement = select(rejected_row.c.row_number).where(rejected_row.c.run_id == run_id)
    kept[[number - 1 for number in connection.execute(statement).scalars()]] = False
    return kept


def compared_night(connection: Connection, dataset: str) -> ComparedNight | None:
    """Return the latest comparison of a dataset with the names of both models; None: none yet."""
    found = latest_comparison(connection, dataset)
    if found is None:
        return None
    run_id, errors = found
    name = model.c.framework + "/" + model.c.kind
    models = select(model.c.model_id, name, model.c.run_id).where(
        model.c.model_id.in_([errors.model, errors.other])
    )
    named = {
        model_id: text if trained == run_id else f"{text} of run {trained}"
        for model_id, text, trained in connection.execute(models)
    }
    return ComparedNight(run_id, named[errors.model], named[errors.other], errors)
