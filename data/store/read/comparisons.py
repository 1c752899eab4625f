"""The errors by which two models were compared."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, func, select

from data.store.row_columns import ModelRef, PairedErrors
from data.store.tables import model, paired_error, run


@dataclass(frozen=True)
class PairedComparison:
    """One comparison of two models, named for people: the run that made it, and their errors."""

    run_id: int
    model: str
    other: str
    errors: PairedErrors


def latest_comparison(connection: Connection, dataset: str) -> PairedComparison | None:
    """Return the latest comparison of a dataset, or None if there was none yet."""
    compared = select(paired_error.c.run_id).where(paired_error.c.run_id == run.c.run_id)
    latest = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, compared.exists())
    run_id = connection.execute(latest).scalar()
    if run_id is None:
        return None
    errors = paired_errors_of(connection, run_id, {})
    assert errors is not None
    name = model.c.framework + "/" + model.c.kind
    models = select(model.c.model_id, name, model.c.run_id).where(
        model.c.model_id.in_([errors.model, errors.other])
    )
    names = {
        model_id: text if trained_by == run_id else f"{text} of run {trained_by}"
        for model_id, text, trained_by in connection.execute(models)
    }
    return PairedComparison(run_id, names[errors.model], names[errors.other], errors)


def paired_errors_of(
    connection: Connection, run_id: int, names: Mapping[int, ModelRef]
) -> PairedErrors | None:
    """Return the paired errors of a run, if it has any; a model not among `names` keeps its id."""
    statement = (
        select(paired_error).where(paired_error.c.run_id == run_id).order_by(paired_error.c.key)
    )
    rows = connection.execute(statement).mappings().all()
    if not rows:
        return None
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    model_id, other_id = columns["model_id"][0], columns["other_model_id"][0]
    return PairedErrors(
        model=names.get(model_id, model_id),
        other=names.get(other_id, other_id),
        key=columns["key"],
        error=np.array(columns["error"]),
        other_error=np.array(columns["other_error"]),
        unit=None if columns["unit"][0] is None else np.array(columns["unit"]),
    )
