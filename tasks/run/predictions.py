"""The predictions that are stored with a run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.store.records import PredictionColumns
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.run.attempt import Trained
from tasks.run.choice import Incumbent
from tasks.run.prepared import Prepared
from tasks.run.stored_model import predictions_of, stored_model


@dataclass(frozen=True)
class Predictions:
    """What models predict for tonight's rows, and what a reader should know about it."""

    columns: tuple[PredictionColumns, ...] = ()
    warnings: tuple[str, ...] = ()


def tonights_predictions(trained: Trained, store: Store, *, home: Path) -> Predictions:
    """Return the predictions of tonight's winner, and of the model that serves from now on.

    Each is of every row of tonight, and each labelled row is predicted by a model that was not
    trained with it. The winner's predictions are stored even if it was not promoted, so that a
    person may promote it later; a backfill stores no others.
    """
    choice = trained.choice
    columns = []
    for candidate in dict.fromkeys([choice.winner, choice.reported]):
        fit, refit = trained.fits[candidate], trained.refits[candidate]
        if isinstance(fit, Fitted) and isinstance(refit, Fitted):
            columns.append(of_candidate(trained.prepared, candidate, fit, refit))
    incumbent = choice.incumbent
    if choice.promoted is not None or choice.is_backfill or incumbent is None:
        return Predictions(tuple(columns))
    if incumbent.obstacle is not None:
        name = incumbent.serving.name_and_run
        stale = f"The predictions shown are still those of the last run that {name} could score."
        return Predictions(tuple(columns), (stale,))
    own, warnings = of_incumbent(trained.prepared, incumbent, store, home=home)
    return Predictions((*columns, own), warnings)


def of_candidate(
    prepared: Prepared, candidate: Candidate, fit: Fitted, refit: Fitted
) -> PredictionColumns:
    """Return a candidate's predictions of every row.

    Training rows are predicted out of fold, test rows by the twin, new rows by the refit.
    """
    role = prepared.split.role.astype(object)
    rows = prepared.rows
    reach = fit.model.reach(len(role), rows.weight)
    predicted = np.full(len(role), np.nan)
    predicted[prepared.is_train] = fit.out_of_fold
    lower, upper = predicted - reach, predicted + reach
    note = np.full(len(role), None, dtype=object)
    refitted = refit.model.with_interval_of(fit.model)
    for part, model in ((prepared.is_test, fit.model), (prepared.is_new, refitted)):
        if part.any():
            columns = prepared.source.columns(model.features, part)
            of_part = model.predicted(columns, rows.take(part).weight)
            predicted[part], note[part] = of_part.value, of_part.note
            lower[part], upper[part] = of_part.lower, of_part.upper
    if prepared.split.chained:
        role[prepared.is_train & (prepared.split.fold == 0)] = "warmup"
    return PredictionColumns(
        model=str(candidate),
        key=rows.keys.tolist(),
        actual=rows.target,
        predicted=predicted,
        lower=lower,
        upper=upper,
        role=role,
        note=note.tolist(),
    )


def of_incumbent(
    prepared: Prepared, incumbent: Incumbent, store: Store, *, home: Path
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the incumbent's predictions of every row, and what has changed in them."""
    return predictions_of(stored_model(store, incumbent.serving, home=home), prepared.source)
