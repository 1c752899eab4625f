"""Turn an attempt into the records that are stored of its run."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from prefect import runtime

from data.calls import Call
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    NaiveRecord,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.results.columns import KeyColumns, key_columns_of
from data.store.row_columns import PairedErrors, PredictionColumns, Targets
from regressors.arrays import Array
from regressors.blocks import release
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.scoring import Interval, Score, coverage_of
from regressors.judging.selection import Decision
from regressors.network import recipe
from regressors.rolling import Rolled
from tasks.report.run_figures import RunFigures
from tasks.run.attempt import Attempt, Trained
from tasks.run.choice import Choice
from tasks.run.naive import NaiveScore
from tasks.run.prepared import Prepared
from tasks.run.provenance import framework_version, library_versions, setup_fingerprint
from tasks.run.segment_record import segment_coefficients, segment_columns, segment_decisions


def run_record(
    run: Attempt, *, home: Path, predictions: Sequence[PredictionColumns] = ()
) -> RunRecord:
    """Return an attempt as plain values, with as much as it has come to."""
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
        figures=_figures(run),
    )
    record = _with_rows(record, run, home)
    if run.status in ("rejected", "skipped"):
        return record
    record = _with_fits(record, run)
    if run.trained is not None and run.status == "succeeded":
        targets = _unstored_targets(run.trained.prepared, predictions)
        record = replace(record, unstored_targets=targets)
        record = _with_segments(record, run.trained)
        return _with_choice(record, run.trained.choice)
    return record


def _with_segments(record: RunRecord, trained: Trained) -> RunRecord:
    """Add what serves each segment, and which of them moved tonight."""
    routing = trained.routing
    if routing is None:
        return record
    return replace(
        record,
        segments=segment_columns(routing),
        segment_decisions=[*segment_decisions(routing, trained.choice.rules.confidence)],
        segments_against=routing.standing.latest_decision,
    )


def _figures(run: Attempt) -> dict[str, Any] | None:
    """Return what the run is drawn from, with the times of its steps so far."""
    if run.figures is None and not run.step_times:
        return None
    return replace(run.figures or RunFigures(), steps=tuple(run.step_times)).plain()


def _unstored_targets(
    prepared: Prepared, predictions: Sequence[PredictionColumns]
) -> Targets | None:
    """Return the targets of the training rows, unless their predictions are stored."""
    if not predictions or prepared.stores_training_predictions:
        return None
    return Targets(key=prepared.train.keys, actual=prepared.train.target)


def _with_rows(record: RunRecord, run: Attempt, home: Path) -> RunRecord:
    """Add what was read, how it met its checks, and how it was split."""
    if run.snapshot is not None:
        record = replace(
            record,
            rows_read=run.snapshot.rows,
            fingerprint=run.snapshot.fingerprint,
            snapshot=run.snapshot.path.relative_to(home).as_posix(),
            key_columns=_key_columns(run.snapshot, run.declaration),
        )
    if run.checked is not None:
        record = replace(
            record,
            expectations=run.checked.results,
            rejected_rows=run.checked.rejected_rows,
            rows_rejected=len(run.checked.rejected_rows),
            features=", ".join(run.checked.features) or None,
            columns=run.checked.columns,
        )
    if run.prepared is not None:
        times = run.prepared.times
        first, last = times.period or (None, None)
        record = replace(
            record,
            rows_labelled=run.prepared.labelled_rows,
            scheme=run.prepared.split.scheme,
            rows_test=len(run.prepared.test.keys),
            rows_new=len(run.prepared.new.keys),
            data_until=times.data_until,
            train_until=times.train_until,
            period_from=first,
            period_until=last,
        )
    return record


def _key_columns(snapshot: Snapshot, declaration: Declaration) -> KeyColumns | None:
    """Return the columns of the key; None if the snapshot is gone, which others report."""
    try:
        return key_columns_of(StoredColumns(snapshot.path).schema, declaration.key)
    except (OSError, ValueError):
        return None


def _with_choice(record: RunRecord, choice: Choice) -> RunRecord:
    """Add the verdict, the decisions and the incumbent's score on tonight's test rows."""
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
        reason=choice.reason,
        rescored=rescored,
        naive=[_naive(each) for each in choice.naive],
        backfill=choice.is_backfill,
        promotions=[_promotion(decision, choice) for decision in choice.decisions],
        against=serving.promotion_id if serving else None,
        paired_errors=_paired_errors(choice),
    )


def _naive(naive: NaiveScore) -> NaiveRecord:
    own = naive.score
    return NaiveRecord(
        name=naive.name, rows=naive.rows, rmse=own.rmse, mae=own.mae, r2=own.r2, n=own.n
    )


def _promotion(decision: Decision, choice: Choice) -> PromotionRecord:
    serving, gain = choice.incumbent.serving if choice.incumbent else None, decision.gain
    challenger = str(decision.challenger)
    test = choice.test[decision.challenger]
    return PromotionRecord(
        decision=decision.decision,
        model=serving.model_id if serving and decision.decision == "kept" else challenger,
        reason=decision.reason,
        incumbent=serving.model_id if serving else None,
        challenger=challenger,
        incumbent_rmse=gain.incumbent_rmse if gain else None,
        challenger_rmse=gain.challenger_rmse if gain else test.rmse,
        gain=gain.value if gain else None,
        gain_low=gain.low if gain else None,
        gain_high=gain.high if gain else None,
        rows=gain.rows if gain else None,
        units=gain.units if gain else None,
        confidence=choice.rules.confidence,
        smallest_gain=choice.paired.smallest_gain if choice.paired else None,
        rule=decision.rule,
    )


def _paired_errors(choice: Choice) -> PairedErrors | None:
    paired, serving = choice.paired, choice.incumbent.serving if choice.incumbent else None
    if paired is None:
        return None
    return PairedErrors(
        model=str(choice.winner),
        other=serving.model_id if serving and paired.other is None else str(paired.other),
        key=paired.keys,
        error=paired.errors,
        other_error=paired.other_errors,
        unit=paired.unit,
    )


def _with_fits(record: RunRecord, run: Attempt) -> RunRecord:
    """Add what became of each candidate, and how far the frameworks agree."""
    candidates = [
        CandidateRecord(
            framework=candidate.framework, kind=candidate.kind, status="failed", reason=fit
        )
        if isinstance(fit, str)
        else _fitted(candidate, fit, run)
        for candidate, fit in run.fits.items()
    ]
    trained = run.trained
    if trained is None:
        return replace(record, candidates=candidates)
    return replace(
        record,
        candidates=[_with_training(candidate, trained) for candidate in candidates],
        agreement=[
            AgreementRecord(**asdict(comparison), agreed=comparison.agreed)
            for comparison in trained.agreement
        ],
    )


def _fitted(candidate: Candidate, fit: Fitted, run: Attempt) -> CandidateRecord:
    is_ann, dataset, words = candidate.kind == "ann", run.declaration.name, run.recency.sentence
    details = {**fit.details, "intervals": _interval_facts(fit)}
    return CandidateRecord(
        framework=candidate.framework,
        kind=candidate.kind,
        status="fitted",
        fit_seconds=fit.seconds,
        seed=str(recipe.seed_of(dataset, candidate.kind, 1)) if is_ann else None,
        framework_version=framework_version(candidate.framework),
        details=details | {"recency": words} if words else details,
        twin=fit.model.to_bytes(),
    )


def _interval_facts(fit: Fitted) -> dict[str, Any] | None:
    """Return what is to be told about the intervals, None where rows were too few for them."""
    intervals = fit.model.intervals
    return None if intervals is None else dict(intervals.facts)


def _covered(rolled: Rolled, prepared: Prepared) -> dict[str, float | None]:
    """Return by level, the widest first, what share of the test rows is inside the intervals."""
    levels = [f"{level:g}" for level in prepared.declaration.interval.levels]
    calls: list[Call] = [(_share_inside, (prepared.test.target, ends)) for ends in rolled.ends]
    return dict(zip(levels, prepared.source.do("coverage of test rows", calls), strict=False))


def _share_inside(target: Array, ends: Interval) -> float | None:
    covered = coverage_of(target, ends)
    release([target, *ends])
    return covered


def _with_training(record: CandidateRecord, trained: Trained) -> CandidateRecord:
    """Add a candidate's rank, scores and refit, if it has them."""
    candidate = Candidate(record.framework, record.kind)
    fit, refit = trained.fits[candidate], trained.refits.get(candidate)
    ranked = {entry.candidate: entry for entry in trained.choice.ranking}[candidate]
    record = replace(record, rank=ranked.rank)
    if isinstance(fit, str):
        return record
    details = dict(record.details)
    rolled = trained.rolled.get(candidate)
    if rolled is not None and rolled.details:
        details["rolled"] = rolled.details
    if rolled is not None and details["intervals"] is not None:
        covered = _covered(rolled, trained.prepared)
        details["intervals"] = {**details["intervals"], "test_coverage": covered}
    scores = (("validation", trained.choice.validation), ("test", trained.choice.test))
    failed_refit = f"; its refit failed: {refit}" if isinstance(refit, str) else ""
    record = replace(
        record,
        details=details,
        reason=ranked.reason + failed_refit,
        chosen=ranked.chosen,
        no_skill=ranked.no_skill,
        scores=[_score(rows, of[candidate]) for rows, of in scores if candidate in of],
        resilience=[ResilienceRecord(**asdict(share)) for share in trained.resilience]
        if candidate == trained.choice.reported
        else (),
    )
    served = trained.served(candidate)
    if not isinstance(refit, Fitted) or served is None:
        return record
    return replace(
        record,
        details={**details, "refit": refit.details},
        artifact=served.to_bytes(),
        coefficients=[CoefficientRecord(**asdict(c)) for c in refit.coefficients],
        variants=_variants(refit),
        linear_fit=_linear_fit(refit),
        segment_coefficients=segment_coefficients(candidate, refit),
    )


def _variants(refit: Fitted) -> list[CoefficientRecord]:
    """Return the coefficients of a linear refit fitted in other ways, if it was."""
    solved, complete = refit.solved, refit.complete_cases
    variants = []
    if solved is not None:
        variants.append(("aliases left out", solved.rows, solved.without_aliases))
    if complete is not None:
        variants.append(("complete cases", complete.rows, complete.coefficients))
    return [
        CoefficientRecord(**asdict(coefficient), variant=variant, rows=rows)
        for variant, rows, coefficients in variants
        for coefficient in coefficients
    ]


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


def _score(rows: str, score: Score) -> ScoreRecord:
    return ScoreRecord(rows=rows, **asdict(score))
