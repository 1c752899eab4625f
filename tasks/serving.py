"""What the model that serves after a run says of its rows."""

import numpy as np
from numpy.typing import NDArray

from data.settings import settings
from data.store.database import open_store
from data.store.query import trained_keys
from data.store.records import PredictionColumns
from regressors.job import Fitted
from regressors.model import Model
from tasks.attempt import Attempt
from tasks.rows import Rows, load_rows

Array = NDArray[np.float64]


def served_predictions(run: Attempt) -> PredictionColumns:
    """Return tonight's predictions of the model that serves from now on.

    A labelled row gets what a model said that had not seen it. Of an incumbent that goes on, only
    the rows that it was not trained with are predicted: those of its training stand in the store.
    """
    assert run.choice is not None
    return _of_winner(run) if run.serves_tonight else _of_incumbent(run)


def _of_winner(run: Attempt) -> PredictionColumns:
    assert run.snapshot and run.checked and run.division and run.choice
    fit, refit = run.fits[run.choice.winner], run.refits[run.choice.winner]
    assert isinstance(fit, Fitted)
    assert isinstance(refit, Fitted)
    rows = load_rows(run.declaration, run.snapshot, run.checked.kept, run.checked.features)
    role = run.division.role.astype(object)
    predicted = np.full(len(role), np.nan)
    predicted[role == "train"] = fit.out_of_fold
    for name, model in (("test", fit.model), ("new", refit.model)):
        chosen = role == name
        if chosen.any():
            predicted[chosen] = model.predict(rows.take(chosen).columns)
    if run.division.chained:
        role[(role == "train") & (run.division.fold == 0)] = "warmup"
    return _columns(run.choice.winner, rows, predicted, role, fit.model.half_width)


def _of_incumbent(run: Attempt) -> PredictionColumns:
    assert run.snapshot and run.checked and run.choice and run.choice.incumbent
    incumbent = run.choice.incumbent
    engine = open_store(settings().database_url)
    trained = set(trained_keys(engine, incumbent.model_id))
    engine.dispose()
    assert incumbent.artifact is not None
    model = Model.from_bytes(incumbent.artifact)
    rows = load_rows(run.declaration, run.snapshot, run.checked.kept, model.features)
    unseen = rows.take(np.array([key not in trained for key in rows.keys], dtype=bool))
    predicted = model.predict(unseen.columns)
    role = np.full(len(predicted), "new", dtype=object)
    return _columns(incumbent.model_id, unseen, predicted, role, model.half_width)


def _columns(
    model: str | int, rows: Rows, predicted: Array, role: NDArray[np.object_], half: float | None
) -> PredictionColumns:
    reach = np.nan if half is None else half
    return PredictionColumns(
        model=model,
        key=rows.keys.tolist(),
        actual=rows.target,
        predicted=predicted,
        lower=predicted - reach,
        upper=predicted + reach,
        role=role,
    )
