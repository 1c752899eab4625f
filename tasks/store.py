"""Store a run: one record, one transaction."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from data.declarations.model import Declaration
from data.errors import NothingFitted, RunFailed, UserError
from data.settings import settings
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    PairedErrors,
    PredictionColumns,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.session import Store
from data.store.write.run import write_run
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.scoring import Score
from regressors.judging.selection import Decision, RankedCandidate
from regressors.network import recipe
from tasks.choose import Choice
from tasks.run.attempt import Attempt
from tasks.run.predictions import tonights_predictions
from tasks.run.progress import tell
from tasks.run.provenance import framework_version, library_versions, setup_fingerprint

MOST_PAIRED = 5_000
"""Rows whose paired errors are kept, about; what the gate says of itself needs no more."""
LEAST_UNITS_KEPT = 1_000
"""With fewer groups or blocks of time than this left, all rows are kept: they would be too few."""


@contextmanager
def attempt(declaration: Declaration, *, as_of: str | None, dry_run: bool) -> Iterator[Attempt]:
    """Yield a new attempt; where it fails after its source was read, store how it failed.

    One that is skipped ends here, stored as such. An unreadable source writes nothing, nor does
    anything that kills the process.
    """
    Store(settings().database_url).ensure_ready()  # report a broken store before the work
    run = Attempt(declaration, as_of=as_of)
    try:
        yield run
    except Exception as error:
        ours = error if isinstance(error, UserError) else None
        status = ours.run_status if ours else "failed"
        if run.snapshot is None or status is None:
            raise
        run.status = status
        run.reason = ours.run_reason if ours else f"{type(error).__name__}: {error}"
        if not dry_run:
            _write(run)
        if status == "skipped":
            tell(declaration.name, f"skipped: {run.reason}")
            return
        if ours:
            raise RunFailed(declaration.name, status, str(error)) from error
        raise


@task(cache_policy=NO_CACHE)
def store(run: Attempt, *, dry_run: bool) -> None:
    """Store a run with its models, scores, coefficients, predictions and the decision."""
    assert run.choice is not None
    decided = " ".join(one.reason for one in run.choice.decisions)
    tell(run.declaration.name, f"{run.choice.winner} wins; {decided}")
    refit = run.refits[run.measured]
    if isinstance(refit, str):
        raise NothingFitted(f"the refit of {run.measured} failed: {refit}")
    predictions = tonights_predictions(run)
    if dry_run:
        tell(run.declaration.name, "dry run: nothing is stored")
        return
    _write(run, predictions)
    tell(run.declaration.name, f"stored as run {run.run_id}")


def _write(run: Attempt, predictions: Sequence[PredictionColumns] = ()) -> None:
    record = run_record(run, predictions)
    with Store(settings().database_url).writing() as connection:
        run.run_id = write_run(connection, record)


def run_record(run: Attempt, predictions: Sequence[PredictionColumns] = ()) -> RunRecord:
    """Return the attempt as plain values, with as much as it found out."""
    record = RunRecord(
        dataset=run.declaration.name,
        status=run.status,
        started_at=run.started_at,
        finished_at=datetime.now(UTC),
        setup_fingerprint=setup_fingerprint(run.declaration),
        declaration=run.declaration.model_dump_json(),
        library_versions=library_versions(),
        python_version=platform.python_version(),
        warnings=run.warnings,
        reason=run.reason,
        flow_run_id=runtime.flow_run.id,
        predictions=predictions,
        as_of=run.as_of,
        data_until=run.times.data_until,
        train_until=run.times.train_until,
    )
    if run.snapshot is not None:
        place = run.snapshot.path.relative_to(settings().home).as_posix()
        read = run.snapshot
        record = replace(record, rows_read=read.rows, fingerprint=read.fingerprint, snapshot=place)
    if run.checked is not None:
        rejected = run.checked.rejected_rows
        record = replace(
            record,
            expectations=run.checked.results,
            rejected_rows=rejected,
            rows_rejected=len(rejected),
            features=", ".join(run.checked.features) or None,
        )
    if run.prepared is not None:
        role = run.prepared.split.role
        first, last = run.times.period or (None, None)
        record = replace(
            record,
            rows_labelled=int((role != "new").sum()),
            rows_test=int((role == "test").sum()),
            rows_new=int((role == "new").sum()),
            period_from=first,
            period_until=last,
        )
    if run.status not in ("rejected", "skipped"):
        record = replace(
            record,
            candidates=_candidates(run),
            agreement=[AgreementRecord(**asdict(one), agreed=one.agreed) for one in run.agreement],
        )
    return _with_choice(record, run) if run.choice and run.status == "succeeded" else record


def _with_choice(record: RunRecord, run: Attempt) -> RunRecord:
    """Add the verdict, the decisions and the incumbent's score on tonight's test rows."""
    choice = run.choice
    assert choice is not None
    serving = choice.incumbent.serving if choice.incumbent else None
    difference, last = choice.difference, choice.decisions[-1]
    rescored = {}
    if serving and choice.incumbent_test:
        rescored[serving.model_id] = [_score("test", choice.incumbent_test)]
    return replace(
        record,
        verdict=choice.verdict,
        verdict_difference=difference.value if difference else None,
        verdict_low=difference.low if difference else None,
        verdict_high=difference.high if difference else None,
        change="first champion" if serving is None else last.decision,
        reason=" ".join(one.reason for one in choice.decisions),
        rescored=rescored,
        backfill=choice.is_backfill,
        promotions=[_promotion(one, choice) for one in choice.decisions],
        against=serving.promotion_id if serving else None,
        paired_errors=_paired(choice),
    )


def _promotion(one: Decision, choice: Choice) -> PromotionRecord:
    serving, gain = choice.incumbent.serving if choice.incumbent else None, one.gain
    kept = serving.model_id if serving and one.decision == "kept" else str(one.challenger)
    test = choice.test[one.challenger]
    return PromotionRecord(
        decision=one.decision,
        model=kept,
        reason=one.reason,
        incumbent=serving.model_id if serving else None,
        challenger=str(one.challenger),
        incumbent_rmse=gain.incumbent_rmse if gain else None,
        challenger_rmse=gain.challenger_rmse if gain else test.rmse,
        gain=gain.value if gain else None,
        gain_low=gain.low if gain else None,
        gain_high=gain.high if gain else None,
        rows=gain.rows if gain else None,
        units=gain.units if gain else None,
        confidence=choice.rules.confidence,
        smallest_gain=choice.paired.smallest_gain if choice.paired else None,
        rule=one.rule,
    )


def _paired(choice: Choice) -> PairedErrors | None:
    paired, serving = choice.paired, choice.incumbent.serving if choice.incumbent else None
    if paired is None:
        return None
    drawn = _drawn(paired.unit)
    return PairedErrors(
        model=str(choice.winner),
        other=serving.model_id if serving and paired.other is None else str(paired.other),
        key=paired.keys[drawn].tolist(),
        error=paired.errors[drawn],
        other_error=paired.other_errors[drawn],
        unit=paired.unit[drawn],
    )


def _drawn(unit: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows to keep: whole units drawn at random where there are very many of both."""
    units = np.unique(unit)
    share = MOST_PAIRED / max(len(unit), 1)
    if share >= 1 or share * len(units) < LEAST_UNITS_KEPT:
        return np.ones(len(unit), dtype=bool)
    chosen = np.random.default_rng(len(unit)).random(len(units)) < share
    return np.isin(unit, units[chosen])


def _candidates(run: Attempt) -> tuple[CandidateRecord, ...]:
    places = {place.candidate: place for place in run.choice.places} if run.choice else {}
    return tuple(
        _failed(name, fit, places.get(name))
        if isinstance(fit, str)
        else _fitted(name, fit, run, places.get(name))
        for name, fit in run.fits.items()
    )


def _failed(candidate: Candidate, why: str, place: RankedCandidate | None) -> CandidateRecord:
    framework, kind = candidate.framework, candidate.kind
    rank = place.rank if place else None
    return CandidateRecord(framework=framework, kind=kind, status="failed", reason=why, rank=rank)


def _fitted(
    candidate: Candidate, fit: Fitted, run: Attempt, place: RankedCandidate | None
) -> CandidateRecord:
    framework, kind = candidate.framework, candidate.kind
    refit = run.refits.get(candidate)
    failed_refit = f"; its refit failed: {refit}" if isinstance(refit, str) else ""
    record = CandidateRecord(
        framework=framework,
        kind=kind,
        status="fitted",
        fit_seconds=fit.seconds,
        seed=str(recipe.seed_of(run.declaration.name, kind, 1)) if kind == "ann" else None,
        framework_version=framework_version(framework),
        details=fit.details,
        twin=fit.model.to_bytes(),
    )
    if place is not None:
        assert run.choice is not None
        validation, test = run.choice.validation.get(candidate), run.choice.test.get(candidate)
        scores = [_score("validation", validation)] if validation else []
        scores += [_score("test", test)] if test else []
        record = replace(
            record,
            reason=place.reason + failed_refit,
            rank=place.rank,
            chosen=place.chosen,
            no_skill=place.no_skill,
            scores=scores,
            resilience=_resilience(run) if candidate == run.measured else (),
        )
    if isinstance(refit, Fitted):
        model = replace(refit.model, half_width=fit.model.half_width)
        record = replace(
            record,
            details={**fit.details, "refit": refit.details},
            artifact=model.to_bytes(),
            coefficients=[CoefficientRecord(**asdict(one)) for one in refit.coefficients],
            linear_fit=_linear_fit(refit),
        )
    return record


def _linear_fit(refit: Fitted) -> LinearFitRecord | None:
    if refit.descended is not None:
        return LinearFitRecord(**asdict(refit.descended))
    if refit.solved is None:
        return None
    solved = refit.solved
    return LinearFitRecord(
        rows=solved.rows,
        rank=solved.rank,
        degrees_of_freedom=solved.degrees_of_freedom,
        condition_number=solved.condition_number if isfinite(solved.condition_number) else None,
        **asdict(solved.overall),
    )


def _resilience(run: Attempt) -> list[ResilienceRecord]:
    return [ResilienceRecord(**asdict(one)) for one in run.resilience]


def _score(rows: str, score: Score) -> ScoreRecord:
    return ScoreRecord(rows=rows, **asdict(score))
