"""Store a run: one record, one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import isfinite

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from data.declare import Declaration
from data.division import CannotDivide
from data.errors import StoreError, UserError
from data.settings import settings
from data.store.database import open_store
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    PredictionColumns,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.write import write_run
from regressors import recipe
from regressors.job import Fitted
from regressors.scoring import Score
from regressors.selection import NothingFitted, Place
from tasks.attempt import Attempt, Rejected
from tasks.progress import tell
from tasks.provenance import library_versions, setup_fingerprint
from tasks.serving import served_predictions


class RunFailed(UserError):
    """A run that came to nothing: its data was refused, or nothing could be fitted."""

    def __init__(self, dataset: str, status: str, reason: str) -> None:
        super().__init__(reason, where=f"{dataset} {status}")
        self.status = status


@contextmanager
def attempt(declaration: Declaration, *, dry_run: bool) -> Iterator[Attempt]:
    """Yield a new attempt; where it fails after its source was read, store how it failed.

    An unreadable source writes nothing, nor does anything that kills the process.
    """
    open_store(settings().database_url).dispose()  # to hear of a broken store before the work
    run = Attempt(declaration)
    try:
        yield run
    except StoreError:
        raise
    except Exception as error:
        if run.snapshot is None:
            raise
        refused = isinstance(error, Rejected | CannotDivide)
        told = isinstance(error, UserError | NothingFitted)
        run.status = "rejected" if refused else "failed"
        run.reason = str(error) if told else f"{type(error).__name__}: {error}"
        if not dry_run:
            _write(run)
        if told:
            raise RunFailed(declaration.name, run.status, run.reason) from error
        raise


@task(cache_policy=NO_CACHE)
def store(run: Attempt, *, dry_run: bool) -> None:
    """Store a run with its models, scores, coefficients, predictions and the decision."""
    assert run.choice is not None
    refit = run.refits[run.choice.winner]
    if isinstance(refit, str):
        raise NothingFitted(f"the refit of the winner, {run.choice.winner}, failed: {refit}")
    predictions = served_predictions(run)
    if dry_run:
        tell(run.declaration.name, "dry run: nothing is stored")
        return
    _write(run, predictions)
    tell(run.declaration.name, f"stored as run {run.run_id}")


def _write(run: Attempt, predictions: PredictionColumns | None = None) -> None:
    engine = open_store(settings().database_url)
    try:
        run.run_id = write_run(engine, run_record(run, predictions))
    finally:
        engine.dispose()


def run_record(run: Attempt, predictions: PredictionColumns | None = None) -> RunRecord:
    """Return the attempt as plain values, with as much as it found out."""
    record = RunRecord(
        dataset=run.declaration.name,
        status=run.status,
        started_at=run.started_at,
        finished_at=datetime.now(UTC),
        setup_fingerprint=setup_fingerprint(run.declaration),
        declaration=run.declaration.model_dump_json(),
        library_versions=library_versions(),
        warnings=run.warnings,
        reason=run.reason,
        flow_run_id=runtime.flow_run.id,
        predictions=predictions,
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
        )
    if run.division is not None:
        role = run.division.role
        record = replace(
            record,
            rows_labelled=int((role != "new").sum()),
            rows_test=int((role == "test").sum()),
            rows_new=int((role == "new").sum()),
        )
    if run.status != "rejected":
        record = replace(
            record,
            candidates=_candidates(run),
            agreement=[AgreementRecord(**asdict(one), agreed=one.agreed) for one in run.agreement],
        )
    return _with_choice(record, run) if run.choice and run.status == "succeeded" else record


def _with_choice(record: RunRecord, run: Attempt) -> RunRecord:
    """Add the verdict, the decision and the incumbent's score on tonight's test rows."""
    choice = run.choice
    assert choice is not None
    decision, incumbent, difference = choice.decision, choice.incumbent, choice.difference
    rescored = {}
    if incumbent and choice.incumbent_test:
        rescored[incumbent.model_id] = [_score("test", choice.incumbent_test)]
    serving = incumbent.model_id if incumbent and not run.serves_tonight else choice.winner
    return replace(
        record,
        verdict=choice.verdict,
        verdict_difference=difference.value if difference else None,
        verdict_low=difference.low if difference else None,
        verdict_high=difference.high if difference else None,
        change="first champion" if incumbent is None else decision.decision,
        reason=decision.reason,
        rescored=rescored,
        promotion=PromotionRecord(
            decision=decision.decision,
            model=serving,
            reason=decision.reason,
            incumbent=incumbent.model_id if incumbent else None,
            challenger=choice.winner,
            incumbent_rmse=decision.incumbent_rmse,
            challenger_rmse=decision.challenger_rmse,
            gain=decision.gain,
            rule=decision.rule,
        ),
    )


def _candidates(run: Attempt) -> tuple[CandidateRecord, ...]:
    places = {place.name: place for place in run.choice.places} if run.choice else {}
    return tuple(
        _failed(name, fit, places.get(name))
        if isinstance(fit, str)
        else _fitted(name, fit, run, places.get(name))
        for name, fit in run.fits.items()
    )


def _failed(name: str, why: str, place: Place | None) -> CandidateRecord:
    framework, kind = name.split("/")
    rank = place.rank if place else None
    return CandidateRecord(framework=framework, kind=kind, status="failed", reason=why, rank=rank)


def _fitted(name: str, fit: Fitted, run: Attempt, place: Place | None) -> CandidateRecord:
    framework, kind = name.split("/")
    refit = run.refits.get(name)
    failed_refit = f"; its refit failed: {refit}" if isinstance(refit, str) else ""
    record = CandidateRecord(
        framework=framework,
        kind=kind,
        status="fitted",
        fit_seconds=fit.seconds,
        seed=str(recipe.seed_of(run.declaration.name, kind, 1)) if kind == "ann" else None,
        details=fit.details,
        twin=fit.model.to_bytes(),
    )
    if place is not None:
        assert run.choice is not None
        validation, test = run.choice.validation.get(name), run.choice.test.get(name)
        scores = [_score("validation", validation)] if validation else []
        scores += [_score("test", test)] if test else []
        record = replace(
            record,
            reason=place.reason + failed_refit,
            rank=place.rank,
            chosen=place.chosen,
            no_skill=place.no_skill,
            scores=scores,
            resilience=_resilience(run) if place.chosen else (),
        )
    if isinstance(refit, Fitted):
        model = replace(refit.model, half_width=fit.model.half_width)
        record = replace(
            record,
            details={**fit.details, "refit": refit.details},
            artifact=model.to_bytes(),
            coefficients=[
                CoefficientRecord(term=values.pop("name"), **values)
                for values in map(asdict, refit.terms)
            ],
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
