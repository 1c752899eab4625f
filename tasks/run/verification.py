"""Compare a stored run, digit by digit, with the same run trained again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.store.read.integrity import damage_of_run
from data.store.read.predictions import prediction_batches
from data.store.read.whole_run import StoredPredictions, predictions_of_run
from data.store.records import CoefficientRecord, NaiveRecord, RunRecord, ScoreRecord
from data.store.row_columns import ModelRef, PredictionColumns
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.progress import reporting_to
from tasks.run.attempt import Attempt, Trained
from tasks.run.differences import Differences, as_stored, compare_figures, compare_predictions
from tasks.run.predictions import of_candidate, of_incumbent, tonights_predictions
from tasks.run.progress import Progress
from tasks.run.provenance import library_versions, setup_fingerprint
from tasks.run.record import run_record

MAX_SHOWN_DIFFERENCES = 20
"""Differences that are listed one by one."""

COEFFICIENT = ("estimate", "standard_error", "robust_standard_error", "t", "p", "low", "high")
NAIVE = ("rmse", "mae", "r2", "n")
SCORE = ("rmse", "rmse_low", "rmse_high", "rmse_se", "mae", "r2", "n", "coverage")


@dataclass(frozen=True)
class Verification:
    """How many figures of each kind a run has, how many differ, and the first of those.

    `models` counts the stored models and twins whose bytes were compared. `changed` lists what the
    run depends on, or had stored, that has changed since that night; `damaged` what the database
    holds that is not what was stored.
    """

    run_id: int
    dataset: str
    coefficients: int
    scores: int
    predictions: int
    models: int
    different: int
    differences: tuple[str, ...]
    changed: tuple[str, ...]
    damaged: tuple[str, ...]


def verification(
    run_id: int, stored: RunRecord, run: Attempt, trained: Trained, *, store: Store, home: Path
) -> Verification:
    """Return how a stored run differs from `run`, the attempt that trained it again."""
    serving = trained.choice.incumbent.serving if trained.choice.incumbent else None
    names = {serving.model_id: serving.name_and_run} if serving else {}
    again = run_record(run, home=home)
    coefficients, scores = dict(_coefficients(stored)), dict(_scores(stored, names))
    naive = dict(_naive(stored))
    changed = _changed(stored, run)
    models = {} if _environment_changed(stored, run) else dict(_models(stored))
    models_now = {name: value for name, value in _models(again) if name in models}
    found = Differences(MAX_SHOWN_DIFFERENCES)
    other = [name for name in models if models[name] != models_now.get(name)]
    found.add((f"{name}: its bytes differ" for name in other), len(other))
    compare_figures(coefficients, dict(_coefficients(again)), COEFFICIENT, found)
    compare_figures(scores, dict(_scores(again, names)), SCORE, found)
    if naive:  # a run of an earlier version has none
        compare_figures(naive, dict(_naive(again)), NAIVE, found)
    damaged = _damaged(run_id, trained, store)
    with store.reading() as connection:
        predictions = predictions_of_run(connection, run_id)
    stored_rows_alone = stored.pruned_at is not None or _has_incumbents_new_rows_alone(predictions)
    with reporting_to(Progress(stored.dataset, "predicting again")):
        predicted = _predicted_again(predictions, trained, store)
    with store.reading() as connection:
        batches = {
            _name(of.model, names): prediction_batches(connection, run_id, of.model_id, of.model)
            for of in predictions
        }
        now = {_name(columns.model, names): columns for columns in predicted}
        compare_predictions(batches, now, found, stored_rows_alone=stored_rows_alone)
    return Verification(
        run_id,
        stored.dataset,
        len(coefficients),
        len(scores) + len(naive),
        sum(of.rows for of in predictions),
        len(models),
        different=found.count,
        differences=tuple(found.first),
        changed=changed,
        damaged=damaged,
    )


def _damaged(run_id: int, trained: Trained, store: Store) -> tuple[str, ...]:
    """Return what is stored of a run, or of its incumbent, that is not what was stored then."""
    with store.reading() as connection:
        clauses = list(damage_of_run(connection, run_id))
    incumbent = trained.choice.incumbent
    if incumbent is not None and incumbent.damage is not None:
        clauses.append(f"the champion of that night: {incumbent.damage.what.rstrip('.')}")
    return tuple(clauses)


def _models(record: RunRecord) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of each stored model and twin of a run."""
    for candidate in record.candidates:
        if candidate.artifact is not None:
            yield f"{candidate.name} (the model)", candidate.artifact
        if candidate.twin is not None:
            yield f"{candidate.name} (its twin)", candidate.twin


def _has_incumbents_new_rows_alone(stored: Sequence[StoredPredictions]) -> bool:
    """Return whether an incumbent predicted new rows alone, as it did in version 0.1.0."""
    return any(isinstance(of.model, int) and set(of.roles) == {"new"} for of in stored)


def _predicted_again(
    stored: Sequence[StoredPredictions], trained: Trained, store: Store
) -> list[PredictionColumns]:
    """Return the predictions of the night, and of the models that a person promoted later.

    Those of training rows are among them if they were stored.
    """
    predictions = list(
        tonights_predictions(
            trained, store, with_training=any(of.with_training for of in stored)
        ).columns
    )
    tonight = {columns.model for columns in predictions}
    incumbent = trained.choice.incumbent
    for of in stored:
        model, with_training = of.model, of.with_training
        if model in tonight:
            continue
        if isinstance(model, str):
            candidate = Candidate.parse(model)
            if candidate in trained.rolled and trained.served(candidate) is not None:
                predictions.append(of_candidate(trained, candidate, with_training=with_training))
        elif incumbent and model == incumbent.serving.model_id:
            own, _ = of_incumbent(trained.prepared, incumbent, store, with_training=with_training)
            predictions.append(own)
    return predictions


def _coefficients(record: RunRecord) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for candidate in record.candidates:
        for coefficient in candidate.coefficients:
            yield f"{candidate.name} {coefficient.term}", _values(coefficient, COEFFICIENT)


def _scores(record: RunRecord, names: Mapping[int, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    by_model: dict[ModelRef, Any] = {
        candidate.name: candidate.scores for candidate in record.candidates
    }
    for model, scores in (by_model | dict(record.rescored)).items():
        for score in scores:
            yield f"{_name(model, names)} {score.rows}", _values(score, SCORE)


def _naive(record: RunRecord) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for naive in record.naive:
        yield f"the naive prediction {naive.name!r} {naive.rows}", _values(naive, NAIVE)


def _name(model: ModelRef, names: Mapping[int, str]) -> str:
    return model if isinstance(model, str) else names.get(model, f"model {model}")


def _values(
    record: CoefficientRecord | ScoreRecord | NaiveRecord, columns: tuple[str, ...]
) -> tuple[Any, ...]:
    return tuple(as_stored(getattr(record, column)) for column in columns)


def _environment_changed(stored: RunRecord, run: Attempt) -> bool:
    return setup_fingerprint(run.declaration) != stored.setup_fingerprint


def _changed(stored: RunRecord, run: Attempt) -> tuple[str, ...]:
    """Return what the run depends on, or had stored, that has changed since that night."""
    now, then = library_versions(), dict(stored.library_versions or {})
    changes = [
        f"{name} was {then.get(name, 'absent')}, is now {now.get(name, 'absent')}"
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]
    if not changes and _environment_changed(stored, run):
        changes.append("nightfit's own code has changed")
    if stored.pruned_at is not None:
        changes.append(
            f"predictions that nothing shows any more were pruned on {stored.pruned_at:%Y-%m-%d},"
            " and are not compared"
        )
    return tuple(changes)
