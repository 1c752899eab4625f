"""What the model that serves after a run says of its rows."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from data.settings import settings
from data.store.read.predictions import artifact_training_keys
from data.store.records import PredictionColumns
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.model import Model
from tasks.run.attempt import Attempt
from tasks.run.rows import Rows, SnapshotRows

Array = NDArray[np.float64]


def tonights_predictions(run: Attempt) -> list[PredictionColumns]:
    """Return tonight's predictions of the winner, and of the model that serves from now on.

    A labelled row gets what a model said that had not seen it. Of an incumbent that goes on, only
    the rows that it was not trained with are predicted: those of its training stand in the store.
    A winner that was refused has its own predictions stored all the same, so that a person may
    promote it later; in a night of the past they are all there is.
    """
    assert run.choice is not None
    names = dict.fromkeys([run.choice.winner, run.measured])
    told = [of_candidate(run, name) for name in names if isinstance(run.refits[name], Fitted)]
    goes_on = run.choice.promoted is None and not run.choice.is_backfill
    if goes_on and run.incumbent and run.incumbent.obstacle is None:
        told.append(of_incumbent(run))
    return told


def of_candidate(run: Attempt, name: Candidate) -> PredictionColumns:
    """Return what one of tonight's candidates, refitted, says of every row."""
    assert run.prepared
    prepared = run.prepared
    fit, refit = run.fits[name], run.refits[name]
    assert isinstance(fit, Fitted)
    assert isinstance(refit, Fitted)
    role = prepared.split.role.astype(object)
    predicted = np.full(len(role), np.nan)
    predicted[prepared.is_train] = fit.out_of_fold
    predicted[prepared.is_test] = fit.model.predict(prepared.test.columns)
    if prepared.is_new.any():
        new = prepared.source.columns(refit.model.features, prepared.is_new)
        predicted[prepared.is_new] = refit.model.predict(new)
    if prepared.split.chained:
        role[prepared.is_train & (prepared.split.fold == 0)] = "warmup"
    return _columns(str(name), prepared.rows, predicted, role, fit.model.half_width)


def of_incumbent(run: Attempt) -> PredictionColumns:
    """Return what the champion of before says of the rows that it was not trained with."""
    assert run.prepared and run.incumbent
    serving = run.incumbent.serving
    assert serving.artifact is not None
    with Store(settings().database_url).reading() as connection:
        trained = artifact_training_keys(connection, serving.model_id)
    return of_stored(serving.model_id, serving.artifact, trained, run.prepared.source)


def of_stored(
    model_id: int, artifact: bytes, trained: Set[str], source: SnapshotRows
) -> PredictionColumns:
    """Return a stored model's predictions of the rows whose keys are not among `trained`."""
    model, rows = Model.from_bytes(artifact), source.rows
    unseen = np.array([key not in trained for key in rows.keys], dtype=bool)
    predicted = model.predict(source.columns(model.features, unseen))
    role = np.full(len(predicted), "new", dtype=object)
    return _columns(model_id, rows.take(unseen), predicted, role, model.half_width)


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
