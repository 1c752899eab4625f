"""The predictions that are stored with a run."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from data.store.read.predictions import artifact_training_keys
from data.store.records import PredictionColumns
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.model import Model
from tasks.run.attempt import Trained
from tasks.run.choice import Incumbent
from tasks.run.prepared import Prepared
from tasks.run.rows import Rows, SnapshotRows

Array = NDArray[np.float64]


def tonights_predictions(trained: Trained, store: Store) -> list[PredictionColumns]:
    """Return the predictions of tonight's winner, and of the model that serves from now on.

    Each labelled row is predicted by a model that was not trained with it. An incumbent that stays
    predicts only the rows that it was not trained with: its predictions of the others are stored
    already. The winner's predictions are stored even if it was not promoted, so that a person may
    promote it later; a backfill stores no others.
    """
    choice = trained.choice
    predictions = []
    for candidate in dict.fromkeys([choice.winner, choice.reported]):
        fit, refit = trained.fits[candidate], trained.refits[candidate]
        if isinstance(fit, Fitted) and isinstance(refit, Fitted):
            predictions.append(of_candidate(trained.prepared, candidate, fit, refit))
    incumbent = choice.incumbent
    stays = choice.promoted is None and not choice.is_backfill
    if stays and incumbent and incumbent.obstacle is None:
        predictions.append(of_incumbent(trained.prepared, incumbent, store))
    return predictions


def of_candidate(
    prepared: Prepared, candidate: Candidate, fit: Fitted, refit: Fitted
) -> PredictionColumns:
    """Return a candidate's predictions of every row.

    Training rows are predicted out of fold, test rows by the twin, new rows by the refit.
    """
    role = prepared.split.role.astype(object)
    predicted = np.full(len(role), np.nan)
    predicted[prepared.is_train] = fit.out_of_fold
    predicted[prepared.is_test] = fit.model.predict(prepared.test.columns)
    if prepared.is_new.any():
        new = prepared.source.columns(refit.model.features, prepared.is_new)
        predicted[prepared.is_new] = refit.model.predict(new)
    if prepared.split.chained:
        role[prepared.is_train & (prepared.split.fold == 0)] = "warmup"
    reach = fit.model.reach(len(role), prepared.rows.weight)
    return _columns(str(candidate), prepared.rows, predicted, role, reach)


def of_incumbent(prepared: Prepared, incumbent: Incumbent, store: Store) -> PredictionColumns:
    """Return the incumbent's predictions of the rows that it was not trained with."""
    serving = incumbent.serving
    assert serving.artifact is not None  # a model that serves was refitted
    with store.reading() as connection:
        trained = artifact_training_keys(connection, serving.model_id)
    return of_stored(serving.model_id, serving.artifact, trained, prepared.source)


def of_stored(
    model_id: int, artifact: bytes, trained: Set[str], source: SnapshotRows
) -> PredictionColumns:
    """Return a stored model's predictions of the rows whose keys are not among `trained`."""
    model, rows = Model.from_bytes(artifact), source.rows
    unseen = np.array([key not in trained for key in rows.keys], dtype=bool)
    taken = rows.take(unseen)
    predicted = model.predict(source.columns(model.features, unseen))
    role = np.full(len(predicted), "new", dtype=object)
    return _columns(model_id, taken, predicted, role, model.reach(len(role), taken.weight))


def _columns(
    model: str | int,
    rows: Rows,
    predicted: Array,
    role: NDArray[np.object_],
    reach: Array,
) -> PredictionColumns:
    return PredictionColumns(
        model=model,
        key=rows.keys.tolist(),
        actual=rows.target,
        predicted=predicted,
        lower=predicted - reach,
        upper=predicted + reach,
        role=role,
    )
