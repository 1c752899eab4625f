"""The summary of a run: its results in words, for people who did not watch it."""

from dataclasses import dataclass

import numpy as np

from data.checks.findings import counted
from data.declarations.intervals import intervals_in_words
from data.declarations.model import Declaration
from regressors.candidate import Candidate
from regressors.judging.agreement import Comparison
from regressors.judging.scoring import MIN_UNITS
from regressors.judging.selection import too_few
from regressors.linear.descent import percent
from tasks.report.labels import number
from tasks.run.ann_plan import AnnPlan
from tasks.run.attempt import Attempt, Trained
from tasks.run.choice import Choice
from tasks.run.loading import declared
from tasks.run.prepared import Prepared
from tasks.run.segment_summary import segment_figures


@dataclass(frozen=True)
class Summary:
    """One run in words and figures; None if it has no such figure."""

    dataset: str
    status: str
    run_id: int | None = None
    as_of: str | None = None
    rows_read: int | None = None
    read: str | None = None
    rows_rejected: int | None = None
    target: str | None = None
    champion: str | None = None
    change: str | None = None
    rmse: float | None = None
    rmse_low: float | None = None
    rmse_high: float | None = None
    r2: float | None = None
    scheme: str | None = None
    interval: str | None = None
    naive: str | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    recency: str | None = None
    ann_plan: str | None = None
    segments: tuple[str, ...] = ()
    agreement: str | None = None
    decision: str | None = None
    sight: str | None = None
    remarks: tuple[str, ...] = ()
    undelivered: str | None = None


def report(run: Attempt) -> Summary:
    """Return the summary of a run that succeeded or was skipped."""
    if run.trained is None:
        return Summary(
            run.declaration.name,
            run.status,
            run.run_id,
            run.as_of,
            rows_read=run.snapshot.rows if run.snapshot else None,
            read=run.snapshot.in_words() if run.snapshot else None,
            remarks=(run.reason or "",),
        )
    trained, prepared, choice = run.trained, run.trained.prepared, run.trained.choice
    score, kept = choice.champion_test, choice.kept
    candidate = kept.candidate if kept else choice.reported
    change = "kept" if kept else "promoted" if choice.incumbent else "first champion"
    return Summary(
        dataset=run.declaration.name,
        status=run.status,
        run_id=run.run_id,
        as_of=run.as_of,
        rows_read=prepared.snapshot.rows,
        read=prepared.snapshot.in_words(),
        rows_rejected=len(prepared.checked.rejected_rows),
        target=run.declaration.target,
        champion=choice.champion,
        change=change,
        rmse=score.rmse if score else None,
        rmse_low=score.rmse_low if score else None,
        rmse_high=score.rmse_high if score else None,
        r2=score.r2 if score else None,
        scheme=prepared.split.scheme,
        interval=_interval(run.declaration, choice),
        naive=_naive(choice),
        verdict=choice.verdict,
        verdict_reason=_verdict_reason(prepared, choice, candidate),
        recency=run.recency.sentence or None,
        ann_plan=_ann_plan(run.ann_plan),
        segments=_segments(trained),
        agreement=_agreement(trained.agreement),
        decision=choice.reason,
        sight=_sight(prepared, choice),
        remarks=(*run.warnings, *_failures(trained)),
    )


def _interval(tonight: Declaration, choice: Choice) -> str | None:
    """Return the declared intervals of who serves, and how many test rows are in the widest."""
    score = choice.champion_test
    if score is None or score.coverage is None:
        return None
    declaration = declared(choice.kept.serving) if choice.kept else tonight
    words = intervals_in_words(declaration.interval, declaration.bounds)
    widest = " the widest" if len(declaration.interval.levels) > 1 else ""
    return f"{words}; {score.coverage:.1%} of the test rows are inside{widest}"


def _ann_plan(made: AnnPlan | None) -> str | None:
    """Return the plan of the ANNs, and who decided on their groups."""
    if made is None:
        return None
    groups = {"none": "no groups", "columns": "groups of single columns", "pairs": "all groups"}
    return f"{made.sentence}; {groups[made.grouping]}, as {made.decided_by} decided"


def _segments(trained: Trained) -> tuple[str, ...]:
    """Return what serves the segments; nothing where none are declared."""
    if trained.routing is None:
        return ()
    choice = trained.choice
    waits = choice.is_without_predictions
    return tuple(segment_figures(trained.routing, choice.champion, waits=waits).lines())


def _naive(choice: Choice) -> str | None:
    """Return the errors of the naive predictions of the test rows, the smallest first."""
    scored = sorted((n for n in choice.naive if n.rows == "test"), key=lambda n: n.score.rmse)
    few = choice.test[choice.winner].n
    parts = [
        f"{number(n.score.rmse)} by the {n.name}"
        + (f" ({n.score.n:,} of {few:,} rows)" if n.score.n < few else "")
        for n in scored
    ]
    return f"without a model, test RMSE {', '.join(parts)}" if parts else None


def _sight(prepared: Prepared, choice: Choice) -> str | None:
    """Return how large a gain the gate detects with tonight's test rows."""
    if choice.paired is None:
        return None
    count, units, gain = choice.paired.rows, choice.paired.units, choice.paired.smallest_gain
    rows = f"{count:,} test rows"
    if gain is None and too_few(count, units):
        together = f" in {counted(units, 'unit')}" if units < count else ""
        return f"{rows}{together} are too few: no other candidate can replace the champion"
    if gain is None:
        return f"on {rows} one of the models makes no error"
    if gain == 0:
        return f"on {rows} both models make the same errors"
    nights = "every night uses the same test rows"
    if prepared.split.chained:
        nights = "newer test rows take the place of older ones"
    return (
        f"with {rows} it finds a gain of {gain:.1%} four times out of five and errs in"
        f" {1 - choice.rules.confidence:.0%} of its decisions; {nights}"
    )


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value, 3)}"


def _verdict_reason(prepared: Prepared, choice: Choice, champion: Candidate) -> str:
    """Return the figures of the verdict, or why there are none, and why the champion differs."""
    difference = choice.difference
    if difference is None:
        return _why_undecided(prepared, choice)
    side = "lower" if difference.value < 0 else "higher"
    size = number(abs(difference.value), 3)
    reason = (
        f"the best ANN's test RMSE is {size} {side} than the best linear model's"
        f" ({choice.rules.confidence:.0%} interval {_signed(difference.low)} to"
        f" {_signed(difference.high)})"
    )
    if prepared.split.chained:
        reason += ", both by rolling origins"
    if choice.verdict == ("yay" if champion.is_linear else "nay"):
        reason += f"; {_why_other(choice, champion)}"
    return reason


def _why_undecided(prepared: Prepared, choice: Choice) -> str:
    for kind, best, is_linear in (
        ("linear model", choice.best_linear, True),
        ("ANN", choice.best_ann, False),
    ):
        if best is not None:
            continue
        if any(ranked.candidate.is_linear == is_linear for ranked in choice.ranking):
            return f"there is no {kind} to compare, because each of them failed"
        return f"no {kind} is declared, so there is nothing to compare"
    test = prepared.test
    count = len(test.keys) if test.units is None else len(np.unique(test.units))
    noun = "group" if test.group is not None else "row"
    if test.instants is not None:
        times = len(np.unique(test.instants))
        count, noun = (times, "time") if times < MIN_UNITS else (count, "block of time")
    units = (
        counted(count, noun) if noun != "block of time" else f"{counted(count, 'block')} of time"
    )
    return (
        f"the {counted(len(test.keys), 'test row')} are of {units}, but at least"
        f" {MIN_UNITS} are needed to compare the best ANN with the best linear model"
    )


def _why_other(choice: Choice, champion: Candidate) -> str:
    """Return why the champion is of the other kind than the better one of the verdict."""
    if choice.winner.is_linear != champion.is_linear:
        return f"{champion} serves until the gate, or a person, lets another replace it"
    reason = next(entry.reason for entry in choice.ranking if entry.candidate == choice.winner)
    why = reason.removeprefix("chosen: ").partition(";")[0]
    return f"{champion} serves all the same, since the choice is made by out-of-fold errors: {why}"


def _agreement(comparisons: tuple[Comparison, ...]) -> str | None:
    """Return how far apart the frameworks are at most, in each quantity that was compared."""
    worst: dict[str, Comparison] = {}
    for comparison in comparisons:
        so_far = worst.get(comparison.quantity)
        if so_far is None or not comparison.figure <= so_far.figure:  # a NaN is the worst
            worst[comparison.quantity] = comparison
    parts = []
    if solved := worst.get("coefficients"):
        apart = f"differs by {solved.figure:.1e}"
        parts.append(f"least squares {'is the same to the last digit' if solved.agreed else apart}")
    if descended := worst.get("excess_loss"):
        short = f"stays {percent(descended.figure)} above the loss of least squares"
        parts.append(f"gradient descent {'reaches least squares' if descended.agreed else short}")
    if errors := worst.get("validation_rmse"):
        parts.append(f"the ANNs' errors differ by at most {max(100 * errors.figure, 0.01):.2g}%")
    return "; ".join(parts) or None


def _failures(trained: Trained) -> list[str]:
    return [f"{c} failed: {fit}" for c, fit in trained.fits.items() if isinstance(fit, str)]
