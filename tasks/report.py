"""Report a run in words: what the summary of a night says of each dataset."""

from dataclasses import dataclass

from regressors.agreement import Comparison
from regressors.linear import percent
from tasks.attempt import Attempt

LOW_COVERAGE_SHARE = 0.8
"""Below this share of the nominal coverage the summary says so."""


@dataclass(frozen=True)
class Summary:
    """One dataset's night, in words and figures; None where the run did not come so far."""

    dataset: str
    status: str
    run_id: int | None = None
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
    remarks: tuple[str, ...] = ()


def report(run: Attempt) -> Summary:
    """Return the summary of a run that succeeded."""
    assert run.snapshot and run.checked and run.choice
    choice = run.choice
    if run.serves_tonight or choice.incumbent is None:
        champion, scored = choice.winner, choice.test[choice.winner]
    else:
        assert choice.incumbent_test is not None
        champion = choice.incumbent.name
        scored = choice.incumbent_test
    return Summary(
        dataset=run.declaration.name,
        status=run.status,
        run_id=run.run_id,
        rows_read=run.snapshot.rows,
        rows_rejected=len(run.checked.rejected_rows),
        target=run.declaration.target,
        champion=champion,
        change="first champion" if choice.incumbent is None else choice.decision.decision,
        rmse=scored.rmse,
        rmse_low=scored.rmse_low,
        rmse_high=scored.rmse_high,
        r2=scored.r2,
        verdict=choice.verdict,
        verdict_reason=_verdict_reason(run),
        agreement=_agreement(run.agreement),
        remarks=(*_doubts(run, scored.r2, scored.coverage), *run.warnings, *_failures(run)),
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


def _doubts(run: Attempt, r2: float | None, coverage: float | None) -> list[str]:
    """Say plainly where the champion should not be leaned on."""
    nominal, said = run.declaration.interval, []
    newest = " (the newest rows)" if run.division and run.division.chained else ""
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
