"""The predictions that are stored with a run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.declarations.model import MAX_WITH_TRAINING, Declaration
from data.split import NEW, TEST, TRAIN
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.texts import Texts
from regressors.arrays import Mask
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.run.attempt import Trained
from tasks.run.choice import Incumbent
from tasks.run.predicting import Predict, predicted_here
from tasks.run.prediction_columns import Made, in_files, prediction_columns
from tasks.run.prepared import Prepared
from tasks.run.stored_model import predictions_of, stored_model


@dataclass(frozen=True)
class Predictions:
    """What models predict for tonight's rows, and what a reader should know about it."""

    columns: tuple[PredictionColumns, ...] = ()
    warnings: tuple[str, ...] = ()


def tonights_predictions(
    trained: Trained,
    store: Store,
    *,
    with_training: bool,
    predict: Predict = predicted_here,
) -> Predictions:
    """Return the predictions of tonight's winner, and of the model that serves from now on.

    Each is of every row of tonight, or without `with_training` of those that its twin was not
    trained with, and each labelled row is predicted by a model that was not trained with it. The
    winner's predictions are stored even if it was not promoted, so that a person may promote it
    later; a backfill stores no others. Behind them are those of other models that serve segments,
    of the rows of these. New rows are predicted by `predict`.
    """
    choice, warnings = trained.choice, tuple[str, ...]()
    by_candidate = partial(of_candidate, trained, with_training=with_training, predict=predict)
    columns = []
    for candidate in dict.fromkeys([choice.winner, choice.reported]):
        if trained.served(candidate) is not None:
            columns.append(by_candidate(candidate))
    incumbent = choice.incumbent
    if choice.promoted is None and not choice.is_backfill and incumbent is not None:
        if incumbent.obstacle is None:
            own, warnings = of_incumbent(
                trained.prepared, incumbent, store, with_training=with_training
            )
            columns.append(own)
        else:
            name = incumbent.serving.name_and_run
            warnings = (
                f"The predictions shown are still those of the last run that {name} could score.",
            )
    stored = {own.model for own in columns}
    columns += [
        by_candidate(candidate, of_segments=True)
        for candidate in (trained.routing.candidates if trained.routing else ())
        if str(candidate) not in stored
    ]
    return Predictions(tuple(columns), warnings)


def unstored_warning(declaration: Declaration, *, labelled: int, training: int) -> Iterator[str]:
    """Yield that a run does not store its training rows' predictions, unless it is declared so."""
    if declaration.predictions is None and not declaration.stores_training_predictions(labelled):
        yield (
            f"The out-of-fold predictions of the {training:,} training rows are not stored, because"
            f" more than {MAX_WITH_TRAINING:,} rows have a target: 'predictions: all' in the"
            " declaration stores them, and 'predictions: new' ends this warning."
        )


def of_candidate(
    trained: Trained,
    candidate: Candidate,
    *,
    with_training: bool,
    of_segments: bool = False,
    predict: Predict = predicted_here,
) -> PredictionColumns:
    """Return a candidate's predictions of every row, or of all but the training rows.

    Training rows are predicted out of fold, test rows as `rolled`, new rows by the refit, by way of
    `predict`; the interval of each comes from the residuals of other rows. With `of_segments` they
    are those of the rows whose segments it serves.
    """
    prepared, fit = trained.prepared, trained.fits[candidate]
    rolled, served = trained.rolled[candidate], trained.served(candidate)
    assert isinstance(fit, Fitted) and served is not None
    chosen = _of_segments(trained, candidate) if of_segments else None
    made = {TEST: Made(rolled.predicted, rolled.ends, rolled.noted, rolled.note)}
    if with_training:
        assert fit.out_of_fold is not None
        made[TRAIN] = Made(fit.out_of_fold, fit.ends)
    new = prepared.new if chosen is None else prepared.new.take(chosen[prepared.is_new])
    if len(new.keys):
        columns = prepared.source.columns_of(new, served.features)
        of_new = predict(served, columns, new.weight)
        made[NEW] = Made.of_new(of_new, prepared.rows)
    segments = prepared.segment_texts
    rows = prepared.rows.without_columns()
    args = str(candidate), rows, prepared.split, made, len(fit.ends), chosen, segments
    (arranged,) = prepared.source.do("arranging predictions", [(prediction_columns, args)])
    return in_files(arranged, prepared.rows)


def _of_segments(trained: Trained, candidate: Candidate) -> Mask:
    """Return which rows (n,) are of segments that a candidate serves."""
    segments, routing = trained.prepared.segments, trained.routing
    assert segments is not None and routing is not None
    served = np.append(routing.served_by(candidate), False)  # a row without a segment
    return served[segments.codes]


def of_incumbent(
    prepared: Prepared, incumbent: Incumbent, store: Store, *, with_training: bool
) -> tuple[PredictionColumns, tuple[str, ...]]:
    """Return the incumbent's predictions of tonight's rows, and what has changed in them."""
    model = stored_model(store, incumbent.serving, incumbent.rows_then)
    columns, warnings = predictions_of(model, prepared.source, with_training=with_training)
    return with_segments(columns, prepared), warnings


def with_segments(columns: PredictionColumns, prepared: Prepared) -> PredictionColumns:
    """Return predictions of some of a run's rows with the segment of each."""
    segments = prepared.segment_texts
    if segments is None:
        return columns
    keys = Texts.of(columns.key)
    rows = prepared.rows.keys
    at = slice(None) if len(keys) == len(rows) else keys.positions_in(rows)
    return replace(columns, segment=segments[at])
