"""Report a run in words: what the summary of a night says of each dataset."""

from dataclasses import dataclass

import numpy as np

from regressors.judging.agreement import Comparison
from regressors.judging.scoring import Score
from regressors.judging.selection import too_few
from regressors.linear.descent import percent
from tasks.choose import Choice
from tasks.run.attempt import Attempt

LOW_COVERAGE_SHARE = 0.8
"""Below this share of the nominal coverage the summary says so."""


@dataclass(frozen=True)
class Summary:
    """One dataset's night, in words and figures; None where the run did not come so far."""

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
    """Return the summary of a run that succeeded, or was skipped."""
    assert run.snapshot
    if run.choice is None:
        name, rows = run.declaration.name, run.snapshot.rows
        told = (run.reason or "",)
        return Summary(name, run.status, run.run_id, run.as_of, rows_read=rows, remarks=told)
    assert run.checked
    choice = run.choice
    serving = choice.incumbent.serving if choice.incumbent else None
    scored: Score | None = choice.test[run.measured]
    champion, change = str(run.measured), "promoted" if serving else "first champion"
    if serving and not choice.promoted:
        champion, scored, change = serving.name, choice.incumbent_test, "kept"
    return Summary(
        dataset=run.declaration.name,
        status=run.status,
        run_id=run.run_id,
        as_of=run.as_of,
        rows_read=run.snapshot.rows,
        rows_rejected=len(run.checked.rejected_rows),
        target=run.declaration.target,
        champion=champion,
        change=change,
        rmse=scored.rmse if scored else None,
        rmse_low=scored.rmse_low if scored else None,
        rmse_high=scored.rmse_high if scored else None,
        r2=scored.r2 if scored else None,
        verdict=choice.verdict,
        verdict_reason=_verdict_reason(run),
        agreement=_agreement(run.agreement),
        decision=" ".join(one.reason for one in choice.decisions),
        sight=_sight(choice),
        remarks=(*_doubts(run, scored), *run.warnings, *_failures(run)),
    )


def _sight(choice: Choice) -> str | None:
    """Say what the gate can see with tonight's test rows."""
    if choice.paired is None:
        return None
    rows, rate = f"{len(choice.paired.keys):,} test rows", 1 - choice.rules.confidence
    few = too_few(len(choice.paired.keys), len(np.unique(choice.paired.unit)))
    if choice.paired.smallest_gain is None and not few:
        return f"on {rows} one of the models makes no error"
    if choice.paired.smallest_gain is None:
        return f"with {rows} it lets no other candidate take over, whatever its gain"
    if choice.paired.smallest_gain == 0:
        return f"on {rows} both models make the same errors"
    return (
        f"with {rows} it finds a gain of {choice.paired.smallest_gain:.1%} four times out of five;"
        f" it errs in {rate:.0%} of such decisions, and the same rows are used again every night"
    )


def _verdict_reason(run: Attempt) -> str:
    assert run.choice is not None
    difference = run.choice.difference
    if difference is None:
        return "no linear model and ANN to compare"
    side = "lower" if difference.value < 0 else "higher"
    return (
        f"the best ANN's test RMSE is {abs(difference.value):.3g} {side} than the best linear "
        f"model's ({run.declaration.promotion.confidence:.0%} interval "
        f"{difference.low:+.3g} to {difference.high:+.3g})"
    )


def _agreement(comparisons: tuple[Comparison, ...]) -> str | None:
    """Say how far apart the frameworks are, at the worst, in each thing that was compared."""
    worst: dict[str, Comparison] = {}
    for one in comparisons:
        if one.quantity not in worst or not one.figure <= worst[one.quantity].figure:
            worst[one.quantity] = one
    said = []
    if solved := worst.get("coefficients"):
        apart = f"apart by {solved.figure:.1e}"
        said.append(f"least squares {'the same to the last digit' if solved.agreed else apart}")
    if descended := worst.get("excess_loss"):
        short = f"stays {percent(descended.figure)} above the loss of least squares"
        said.append(f"gradient descent {'reaches least squares' if descended.agreed else short}")
    if errors := worst.get("validation_rmse"):
        said.append(f"ANNs' errors within {max(100 * errors.figure, 0.01):.2g}%")
    return "; ".join(said) or None


def _doubts(run: Attempt, scored: Score | None) -> list[str]:
    """Say plainly where the champion should not be leaned on."""
    nominal, said = run.declaration.interval, []
    r2, coverage = (scored.r2, scored.coverage) if scored else (None, None)
    newest = " (the newest rows)" if run.prepared and run.prepared.split.chained else ""
    one = run.choice.incumbent if run.choice and not run.choice.promoted else None
    if one is not None and one.obstacle:
        said.append(
            f"the champion, {one.serving.name_and_run}, cannot score tonight's rows "
            f" ({one.obstacle}): they have no prediction of it."
        )
    if r2 is not None and r2 < 0:
        said.append(
            f"on the test rows{newest} the champion is worse than their mean (R2 {r2:.2f}): "
            "the relation has moved; do not lean on these predictions."
        )
    if coverage is not None and coverage < LOW_COVERAGE_SHARE * nominal:
        said.append(
            f"{coverage:.0%} of the test rows{newest} lie inside their {nominal:.0%} interval: "
            "the intervals are too narrow."
        )
    return said


def _failures(run: Attempt) -> list[str]:
    return [f"{name} failed: {fit}" for name, fit in run.fits.items() if isinstance(fit, str)]
