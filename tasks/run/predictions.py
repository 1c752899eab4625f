"""The predictions that are stored with a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from data.declarations.model import MAX_WITH_TRAINING, Declaration
from data.split import NEW, ROLES, TEST
from data.store.row_columns import ENDS, PredictionColumns
from data.store.session import Store
from regressors.arrays import Mask, Values
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


def tonights_predictions(trained: Trained, store: Store, *, with_training: bool) -> Predictions:
    """Return the predictions of tonight's winner, and of the model that serves from now on.

    Each is of every row of tonight, or without `with_training` of those that its twin was not
    trained with, and each labelled row is predicted by a model that was not trained with it. The
    winner's predictions are stored even if it was not promoted, so that a person may promote it
    later; a backfill stores no others.
    """
    choice = trained.choice
    columns = []
    for candidate in dict.fromkeys([choice.winner, choice.reported]):
        if trained.served(candidate) is not None:
            columns.append(of_candidate(trained, candidate, with_training=with_training))
    incumbent = choice.incumbent
    if choice.promoted is not None or choice.is_backfill or incumbent is None:
        return Predictions(tuple(columns))
    if incumbent.obstacle is not None:
        name = incumbent.serving.name_and_run
        stale = f"The predictions shown are still those of the last run that {name} could score."
        return Predictions(tuple(columns), (stale,))
    own, warnings = of_incumbent(trained.prepared, incumbent, store, with_training=with_training)
    return Predictions((*columns, own), warnings)


def unstored_warning(declaration: Declaration, *, labelled: int, training: int) -> Iterator[str]:
    """Yield that a run does not store its training rows' predictions, unless it is declared so."""
    if declaration.predictions is None and not declaration.stores_training_predictions(labelled):
        yield (
            f"The out-of-fold predictions of the {training:,} training rows are not stored, because"
            f" more than {MAX_WITH_TRAINING:,} rows have a target: 'predictions: all' in the"
            " declaration stores them, and 'predictions: new' ends this warning."
        )


def of_candidate(
    trained: Trained, candidate: Candidate, *, with_training: bool
) -> PredictionColumns:
    """Return a candidate's predictions of every row, or of all but the training rows.

    Training rows are predicted out of fold, test rows as `rolled`, new rows by the refit; the
    interval of each comes from the residuals of other rows.
    """
    prepared, fit = trained.prepared, trained.fits[candidate]
    rolled, served = trained.rolled[candidate], trained.served(candidate)
    assert isinstance(fit, Fitted) and served is not None
    rows, is_train, code = prepared.rows, prepared.is_train, prepared.split.code
    stored = np.ones(len(code), dtype=bool) if with_training else ~is_train
    role = np.array(ROLES, dtype=object)[code[stored]]
    predicted = np.full(len(role), np.nan)
    ends = [np.full(len(role), np.nan) for _ in range(2 * len(fit.ends))]
    if with_training:
        predicted[is_train] = fit.out_of_fold
        for own, out_of_fold in zip(ends, chain.from_iterable(fit.ends), strict=True):
            own[is_train] = out_of_fold
    notes = []
    tests, new = code[stored] == TEST, code[stored] == NEW
    of_tests = tuple(chain.from_iterable(rolled.ends))
    made = [(tests, rolled.predicted, of_tests, rolled.notes())]
    if new.any():
        columns = prepared.source.columns_of(prepared.new, served.features)
        of_new = served.predicted(columns, prepared.new.weight)
        made.append((new, of_new.value, of_new.ends, of_new.note))
    for part, value, of_part, note in made:
        predicted[part] = value
        for own, end in zip(ends, of_part, strict=False):
            own[part] = end
        notes.append((part, note))
    if prepared.split.chained:
        role[(is_train & (prepared.split.fold == 0))[stored]] = "warmup"
    return PredictionColumns(
        model=str(candidate),
        key=rows.keys if with_training else rows.keys[stored],
        actual=rows.target if with_training else rows.target[stored],
        predicted=rows.stored(predicted),
        **dict(zip(ENDS, map(rows.stored, ends), strict=False)),
        role=role,
        note=_noted(len(role), notes),
    )


def _noted(rows: int, notes: Sequence[tuple[Mask, Values]]) -> list[str | None] | None:
    """Return the notes of all rows, given those of parts of them (masks); None if there is none."""
    if not any(any(of_part) for _, of_part in notes):
        return None
    note = np.full(rows, None, dtype=object)
    for part, of_part in notes:
        note[part] = of_part
    texts: list[str | None] = note.tolist()
    return texts


def of_incumbent(
    prepared: Prepared, incumbent: Incumbent, store: Store, *, with_training: bool
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the incumbent's predictions of tonight's rows, and what has changed in them."""
    model = stored_model(store, incumbent.serving, incumbent.rows_then)
    return predictions_of(model, prepared.source, with_training=with_training)
