"""Do the frameworks agree? Comparisons of their results, beyond the parity probe.

Least squares must be the same to the last digits in every framework, gradient descent must reach
least squares, and the ANNs of one recipe must be about equally good.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from regressors.arrays import Array
from regressors.candidate import Candidate
from regressors.frameworks import parity
from regressors.frameworks.parity import ProbeResult
from regressors.job import Fitted
from regressors.judging.ranking import SAME_RESULT
from regressors.linear.descent import REACHED_EXCESS

LAST_DIGITS = 4.5e-16
"""Two units in the last place: the most that rare ties in rounding amount to."""
ANN_ROWS = 2000
"""From so many rows on, the ANNs of two frameworks differ by less than 0.5%; below, by more."""


@dataclass(frozen=True)
class Comparison:
    """One figure of a framework, compared with another framework or with a reference.

    `quantity` is "probe" (the parity probe's difference from NumPy), "coefficients" (the largest
    relative difference), "excess_loss" (training loss over that of least squares, minus 1) or
    "validation_rmse" (ratio of out-of-fold errors, minus 1).
    """

    framework: str
    kind: str
    quantity: str
    compared_with: str
    figure: float
    allowed: float

    @property
    def agreed(self) -> bool:
        """Return whether the figure is within what is allowed; NaN is not."""
        return self.figure <= self.allowed


def compare(
    probes: Mapping[str, ProbeResult],
    fits: Mapping[Candidate, Fitted | str],
    refits: Mapping[Candidate, Fitted | str],
    rmse: Mapping[Candidate, float],
) -> tuple[Comparison, ...]:
    """Return every comparison of a run.

    `probes` are by framework; `rmse` holds out-of-fold errors. Within a kind the others are
    compared with the first framework.
    """
    probed = [
        Comparison(framework, kind, "probe", "numpy", figure, parity.BOUNDS[kind])
        for framework, probe in probes.items()
        for kind, figure in probe.figures.items()
        if Candidate(framework, kind) in fits
    ]
    refitted = {candidate: fit for candidate, fit in refits.items() if isinstance(fit, Fitted)}
    return (*probed, *_coefficients(refitted), *_excess(refitted), *_errors(rmse, fits))


def disagreements(comparisons: tuple[Comparison, ...]) -> tuple[str, ...]:
    """Return a sentence for each disagreement that a reader of the run should know of.

    A failed probe is reported elsewhere, and a descent that stopped short is among the warnings of
    its fit.
    """
    sentences = []
    for comparison in comparisons:
        if comparison.agreed or comparison.quantity in ("probe", "excess_loss"):
            continue
        names = f"{comparison.framework} and {comparison.compared_with}"
        if comparison.quantity == "coefficients":
            sentences.append(
                f"least squares of {names} differ by {comparison.figure:.1e} (relative), allowed "
                f"{comparison.allowed:.1e}: one of the two is not right to the last digit."
            )
        else:
            sentences.append(
                f"the ANNs of {names} differ by {comparison.figure:.2%} in out-of-fold error, "
                f"expected {comparison.allowed:.2%} at most."
            )
    return tuple(sentences)


def _coefficients(refitted: Mapping[Candidate, Fitted]) -> list[Comparison]:
    solved = _of_kind(refitted, "least_squares")
    first = next(iter(solved), None)
    return [
        Comparison(
            framework,
            "least_squares",
            "coefficients",
            first,
            _relative_difference(_estimates(fit), _estimates(solved[first])),
            LAST_DIGITS,
        )
        for framework, fit in solved.items()
        if first is not None and framework != first
    ]


def _excess(refitted: Mapping[Candidate, Fitted]) -> list[Comparison]:
    return [
        Comparison(
            framework,
            "gradient_descent",
            "excess_loss",
            "least squares",
            fit.descended.excess_loss,
            REACHED_EXCESS,
        )
        for framework, fit in _of_kind(refitted, "gradient_descent").items()
        if fit.descended is not None
    ]


def _errors(
    rmse: Mapping[Candidate, float], fits: Mapping[Candidate, Fitted | str]
) -> list[Comparison]:
    anns = {candidate: error for candidate, error in rmse.items() if not candidate.is_linear}
    if not anns:
        return []
    first, *others = anns
    reference = fits[first]
    assert isinstance(reference, Fitted)
    assert reference.out_of_fold is not None
    rows = int((~np.isnan(reference.out_of_fold)).sum())
    allowed = SAME_RESULT * max(1.0, sqrt(ANN_ROWS / max(rows, 1)))
    return [
        Comparison(
            other.framework,
            "ann",
            "validation_rmse",
            first.framework,
            abs(anns[other] / anns[first] - 1) if anns[first] else float(anns[other] > 0),
            allowed,
        )
        for other in others
    ]


def _of_kind(fits: Mapping[Candidate, Fitted], kind: str) -> dict[str, Fitted]:
    return {candidate.framework: fit for candidate, fit in fits.items() if candidate.kind == kind}


def _estimates(fit: Fitted) -> Array:
    return np.array([coefficient.estimate for coefficient in fit.coefficients])


def _relative_difference(estimates: Array, reference: Array) -> float:
    """Return the largest difference of a coefficient over its size; 0 where both are 0."""
    size = np.maximum(np.abs(estimates), np.abs(reference))
    apart = np.abs(estimates - reference)
    return float((apart / np.where(size > 0, size, 1.0)).max(initial=0.0))
