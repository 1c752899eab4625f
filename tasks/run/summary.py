"""The summary of a run: its results in words, for people who did not watch it."""

from dataclasses import dataclass

import numpy as np

from regressors.judging.agreement import Comparison
from regressors.judging.scoring import Score
from regressors.judging.selection import too_few
from regressors.linear.descent import percent
from tasks.run.attempt import Attempt, Trained
from tasks.run.choice import Choice

LOW_COVERAGE_SHARE = 0.8
"""The summary warns if intervals cover less than this share of what they should cover."""


@dataclass(frozen=True)
class Summary:
    """One run in words and figures; None if it has no such figure."""

    dataset: str
    status: str
    run_id: int | None = None
    as_of: str | None = None
    rows_read: int | None = None
    rows_rejected: int | None = None
    target: str | None = None
    champion: str | None = None
    change: str | None = None
    rmse: float | None = None
    rmse_low: float | None = None
    rmse_high: float | None = None
    r2: float | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    agreement: str | None = None
    decision: str | None = None
    sight: str | None = None
    remarks: tuple[str, ...] = ()


def report(run: Attempt) -> Summary:
    """Return the summary of a run that succeeded or was skipped."""
    if run.trained is None:
        return Summary(
            run.declaration.name,
            run.status,
            run.run_id,
            run.as_of,
            rows_read=run.snapshot.rows if run.snapshot else None,
            remarks=(run.reason or "",),
        )
    trained, prepared, choice = run.trained, run.trained.prepared, run.trained.choice
    serving = choice.incumbent.serving if choice.incumbent else None
    score: Score | None = choice.test[choice.reported]
    champion, change = str(choice.reported), "promoted" if serving else "first champion"
    if serving and not choice.promoted:
        champion, score, change = serving.name, choice.incumbent_test, "kept"
    return Summary(
        dataset=run.declaration.name,
        status=run.status,
        run_id=run.run_id,
        as_of=run.as_of,
        rows_read=prepared.snapshot.rows,
        rows_rejected=len(prepared.checked.rejected_rows),
        target=run.declaration.target,
        champion=champion,
        change=change,
        rmse=score.rmse if score else None,
        rmse_low=score.rmse_low if score else None,
        rmse_high=score.rmse_high if score else None,
        r2=score.r2 if score else None,
        verdict=choice.verdict,
        verdict_reason=_verdict_reason(choice),
        agreement=_agreement(trained.agreement),
        decision=choice.reason,
        sight=_sight(choice),
        remarks=(*_doubts(trained, score), *run.warnings, *_failures(trained)),
    )


def _sight(choice: Choice) -> str | None:
    """Return how large a gain the gate detects with tonight's test rows."""
    if choice.paired is None:
        return None
    count, gain = len(choice.paired.keys), choice.paired.smallest_gain
    rows = f"{count:,} test rows"
    if gain is None and too_few(count, len(np.unique(choice.paired.unit))):
        return f"{rows} are too few: no other candidate can replace the champion"
    if gain is None:
        return f"on {rows} one of the models makes no error"
    if gain == 0:
        return f"on {rows} both models make the same errors"
    return (
        f"with {rows} it finds a gain of {gain:.1%} four times out of five and errs in"
        f" {1 - choice.rules.confidence:.0%} of its decisions; every night uses the same test rows"
    )


def _verdict_reason(choice: Choice) -> str:
    difference = choice.difference
    if difference is None:
        return "the comparison needs both a linear model and an ANN"
    side = "lower" if difference.value < 0 else "higher"
    return (
        f"the best ANN's test RMSE is {abs(difference.value):.3g} {side} than the best linear "
        f"model's ({choice.rules.confidence:.0%} interval "
        f"{difference.low:+.3g} to {difference.high:+.3g})"
    )


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


def _doubts(trained: Trained, score: Score | None) -> list[str]:
    """Return warnings, in plain words, that the champion should not be relied on."""
    declaration = trained.prepared.declaration
    r2, coverage = (score.r2, score.coverage) if score else (None, None)
    newest = " (the newest rows)" if trained.prepared.split.chained else ""
    doubts = []
    if r2 is not None and r2 < 0:
        doubts.append(
            f"on the test rows{newest} the champion predicts worse than their mean (R2 {r2:.2f}):"
            " the relation has changed, so do not rely on these predictions."
        )
    if coverage is not None and coverage < LOW_COVERAGE_SHARE * declaration.interval:
        doubts.append(
            f"{coverage:.0%} of the test rows{newest} lie inside their"
            f" {declaration.interval:.0%} interval: the intervals are too narrow."
        )
    return doubts


def _failures(trained: Trained) -> list[str]:
    return [f"{c} failed: {fit}" for c, fit in trained.fits.items() if isinstance(fit, str)]
