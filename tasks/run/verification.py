"""Compare a stored run with the same run trained again, digit by digit."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from data.store.records import (
    CoefficientRecord,
    ModelRef,
    PredictionColumns,
    RunRecord,
    ScoreRecord,
)
from regressors.candidate import Candidate
from regressors.job import Fitted
from tasks.run.attempt import Attempt
from tasks.run.predictions import of_candidate, of_incumbent, tonights_predictions
from tasks.run.provenance import library_versions, setup_fingerprint
from tasks.store import run_record

SHOWN = 20
"""Differences that are told one by one."""

COEFFICIENT = ("estimate", "standard_error", "robust_standard_error", "t", "p", "low", "high")
SCORE = ("rmse", "rmse_low", "rmse_high", "rmse_se", "mae", "r2", "n", "coverage")
PREDICTION = ("actual", "predicted", "lower", "upper", "role")

Figures = Mapping[str, tuple[Any, ...]]
"""What was measured, by a name for people; None where there is none."""


@dataclass(frozen=True)
class Verification:
    """How many figures of each sort a run has, how many are not the same, and the first of these.

    `changed` tells what the run depends on, or had stored, that is not as it was that night.
    """

    run_id: int
    dataset: str
    coefficients: int
    scores: int
    predictions: int
    different: int
    differences: tuple[str, ...]
    changed: tuple[str, ...]


def verification(run_id: int, stored: RunRecord, again: Attempt) -> Verification:
    """Return what differs between a stored run and the attempt that trained it again."""
    serving = again.incumbent.serving if again.incumbent else None
    names = {serving.model_id: serving.name_and_run} if serving else {}
    record = run_record(again, _predicted_again(stored, again))
    told: list[str] = []
    counts = []
    for columns, of in (
        (COEFFICIENT, _coefficients),
        (SCORE, _scores),
        (PREDICTION, _predictions),
    ):
        before, now = dict(of(stored, names)), dict(of(record, names))
        if of is _predictions and stored.pruned_at is not None:
            now = {name: values for name, values in now.items() if name in before}
        told += _differences(before, now, columns)
        counts.append(len(before))
    coefficients, scores, predictions = counts
    return Verification(
        run_id,
        stored.dataset,
        coefficients,
        scores,
        predictions,
        different=len(told),
        differences=tuple(told[:SHOWN]),
        changed=_changed(stored, again),
    )


def _predicted_again(stored: RunRecord, again: Attempt) -> list[PredictionColumns]:
    """Return the predictions of the night, and of what a person had serve afterwards."""
    told = tonights_predictions(again)
    for model in [said.model for said in stored.predictions]:
        if model in [said.model for said in told]:
            continue
        candidate = Candidate.parse(model) if isinstance(model, str) else None
        if candidate is not None and isinstance(again.refits.get(candidate), Fitted):
            told.append(of_candidate(again, candidate))
        elif again.incumbent and model == again.incumbent.serving.model_id:
            told.append(of_incumbent(again))
    return told


def _coefficients(record: RunRecord, _: Mapping[int, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for candidate in record.candidates:
        for term in candidate.coefficients:
            yield f"{candidate.name} {term.term}", _values(term, COEFFICIENT)


def _scores(record: RunRecord, names: Mapping[int, str]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    by_model: dict[ModelRef, Any] = {one.name: one.scores for one in record.candidates}
    for model, scores in (by_model | dict(record.rescored)).items():
        for part in scores:
            yield f"{_name(model, names)} {part.rows}", _values(part, SCORE)


def _predictions(
    record: RunRecord, names: Mapping[int, str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for said in record.predictions:
        columns = (getattr(said, name).tolist() for name in PREDICTION)
        for key, *values in zip(said.key, *columns, strict=True):
            yield f"{_name(said.model, names)} {key}", tuple(_known(value) for value in values)


def _name(model: ModelRef, names: Mapping[int, str]) -> str:
    return model if isinstance(model, str) else names.get(model, f"model {model}")


def _values(record: CoefficientRecord | ScoreRecord, columns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(_known(getattr(record, column)) for column in columns)


def _known(value: Any) -> Any:
    """Return a value as the store keeps it: none where it is no finite number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _differences(old: Figures, new: Figures, columns: tuple[str, ...]) -> list[str]:
    told = []
    for name, values in old.items():
        if name not in new:
            told.append(f"{name}: stored, and not found again")
            continue
        differing = [
            f"{column} was {_text(was)}, now {_text(now)}"
            for column, was, now in zip(columns, values, new[name], strict=True)
            if was != now
        ]
        if differing:
            told.append(f"{name}: {'; '.join(differing)}")
    return told + [f"{name}: not stored, and found now" for name in new if name not in old]


def _text(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _changed(stored: RunRecord, again: Attempt) -> tuple[str, ...]:
    """Say what the run depends on, or had stored, that is not as it was that night."""
    now, then = library_versions(), dict(stored.library_versions or {})
    told = [
        f"{name} was {then.get(name, 'absent')}, and is {now.get(name, 'absent')}"
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]
    if not told and setup_fingerprint(again.declaration) != stored.setup_fingerprint:
        told.append("nightfit's own code is not the same")
    if stored.pruned_at is not None:
        told.append(
            f"predictions of models that never served were pruned on {stored.pruned_at:%Y-%m-%d},"
            " and are not compared"
        )
    return tuple(told)
