"""Compare a stored run, digit by digit, with the same run trained again."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.store.read.integrity import damage_of_run
from data.store.records import (
    CoefficientRecord,
    ModelRef,
    PredictionColumns,
    RunRecord,
    ScoreRecord,
)
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.progress import reporting_to
from tasks.run.attempt import Attempt, Trained
from tasks.run.predictions import of_candidate, of_incumbent, tonights_predictions
from tasks.run.progress import Progress
from tasks.run.provenance import library_versions, setup_fingerprint
from tasks.run.record import run_record

MAX_SHOWN_DIFFERENCES = 20
"""Differences that are listed one by one."""

COEFFICIENT = ("estimate", "standard_error", "robust_standard_error", "t", "p", "low", "high")
SCORE = ("rmse", "rmse_low", "rmse_high", "rmse_se", "mae", "r2", "n", "coverage")
PREDICTION = ("actual", "predicted", "lower", "upper", "role")

Figures = Mapping[str, tuple[Any, ...]]
"""Figures of a run by a name for people, in the order of one of the three tuples above."""


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
    with reporting_to(Progress(stored.dataset, "predicting again")):
        predicted = _predicted_again(stored, trained, store)
    again = run_record(run, home=home, predictions=predicted)
    coefficients = dict(_coefficients(stored))
    scores = dict(_scores(stored, names))
    predictions = dict(_predictions(stored, names))
    predictions_now = dict(_predictions(again, names))
    if stored.pruned_at is not None or _has_incumbents_new_rows_alone(stored):
        predictions_now = {n: v for n, v in predictions_now.items() if n in predictions}
    changed = _changed(stored, run)
    models = {} if _environment_changed(stored, run) else dict(_models(stored))
    models_now = {name: value for name, value in _models(again) if name in models}
    differences = [
        *(f"{name}: its bytes differ" for name in models if models[name] != models_now.get(name)),
        *_differences(coefficients, dict(_coefficients(again)), COEFFICIENT),
        *_differences(scores, dict(_scores(again, names)), SCORE),
        *_differences(predictions, predictions_now, PREDICTION),
    ]
    return Verification(
        run_id,
        stored.dataset,
        len(coefficients),
        len(scores),
        len(predictions),
        len(models),
        different=len(differences),
        differences=tuple(differences[:MAX_SHOWN_DIFFERENCES]),
        changed=changed,
        damaged=_damaged(run_id, trained, store),
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


def _has_incumbents_new_rows_alone(stored: RunRecord) -> bool:
    """Return whether an incumbent predicted new rows alone, as it did in version 0.1.0."""
    batches = [batch for batch in stored.predictions if isinstance(batch.model, int)]
    return any((batch.role == "new").all() for batch in batches)


def _predicted_again(stored: RunRecord, trained: Trained, store: Store) -> list[PredictionColumns]:
    """Return the predictions of the night, and of the models that a person promoted later.

    Those of training rows are among them if they were stored.
    """
    with_training = {batch.model: bool(batch.is_training.any()) for batch in stored.predictions}
    predictions = list(
        tonights_predictions(trained, store, with_training=any(with_training.values())).columns
    )
    tonight = {columns.model for columns in predictions}
    incumbent = trained.choice.incumbent
    for model in (columns.model for columns in stored.predictions):
        if model in tonight:
            continue
        if isinstance(model, str):
            candidate = Candidate.parse(model)
            fit, refit = trained.fits.get(candidate), trained.refits.get(candidate)
            if isinstance(fit, Fitted) and isinstance(refit, Fitted):
                predictions.append(
                    of_candidate(
                        trained.prepared,
                        candidate,
                        fit,
                        refit,
                        with_training=with_training[model],
                    )
                )
        elif incumbent and model == incumbent.serving.model_id:
            predictions.append(
                of_incumbent(
                    trained.prepared, incumbent, store, with_training=with_training[model]
                )[0]
            )
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


def _predictions(
    record: RunRecord, names: Mapping[int, str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for batch in record.predictions:
        columns = (getattr(batch, name).tolist() for name in PREDICTION)
        for key, *values in zip(batch.key, *columns, strict=True):
            yield f"{_name(batch.model, names)} {key}", tuple(map(_as_stored, values))


def _name(model: ModelRef, names: Mapping[int, str]) -> str:
    return model if isinstance(model, str) else names.get(model, f"model {model}")


def _values(record: CoefficientRecord | ScoreRecord, columns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(_as_stored(getattr(record, column)) for column in columns)


def _as_stored(value: Any) -> Any:
    """Return a value as the store keeps it: None if it is not a finite number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _differences(before: Figures, now: Figures, columns: tuple[str, ...]) -> Iterator[str]:
    for name, values in before.items():
        if name not in now:
            yield f"{name}: stored, but missing now"
            continue
        differing = [
            f"{column} was {_text(was)}, is now {_text(value)}"
            for column, was, value in zip(columns, values, now[name], strict=True)
            if was != value
        ]
        if differing:
            yield f"{name}: {'; '.join(differing)}"
    for name in now:
        if name not in before:
            yield f"{name}: not stored, but present now"


def _text(value: Any) -> str:
    return "empty" if value is None else repr(value)


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
