"""Do the frameworks agree? Comparisons of what they came to, beyond the parity probe.

Least squares must be the same to the last digits in every framework; gradient descent must come
down to least squares; the ANNs of one recipe must be about as good as each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np

from regressors.candidate import Candidate
from regressors.frameworks import parity
from regressors.frameworks.parity import ProbeResult
from regressors.job import Fitted
from regressors.judging.selection import SAME_RESULT
from regressors.linear.fit import REACHED

LAST_DIGITS = 4.5e-16
"""Two units in the last place: what rare ties of rounding may come to."""
ANN_ROWS = 2000
"""From so many rows on, two frameworks' ANNs differ by less than 0.5%; below, by chance more."""


@dataclass(frozen=True)
class Comparison:
    """One figure of one framework against another's, or against a reference.

    `quantity` says what: "probe" (the parity probe's difference from NumPy), "coefficients"
    (largest relative difference), "excess_loss" (training loss over the least-squares one, less 1),
    "validation_rmse" (ratio of out-of-fold errors, less 1).
    """

    framework: str
    kind: str
    quantity: str
    compared_with: str
    figure: float
    allowed: float

    @property
    def agreed(self) -> bool:
        """Tell whether the figure is within what is allowed; NaN is not."""
        return self.figure <= self.allowed


def compare(
    probes: Mapping[str, ProbeResult],
    fits: Mapping[Candidate, Fitted | str],
    refits: Mapping[Candidate, Fitted | str],
    rmse: Mapping[Candidate, float],
) -> tuple[Comparison, ...]:
    """Return every comparison of a run.

    `rmse` holds each candidate's out-of-fold error. Within a kind the first framework is what the
    others are compared with.
    """
    of_probe = [
        Comparison(framework, kind, "probe", "numpy", figure, parity.BOUNDS[kind])
        for framework, probe in probes.items()
        for kind, figure in probe.figures.items()
        if Candidate(framework, kind) in fits
    ]
    refitted = {one: fit for one, fit in refits.items() if isinstance(fit, Fitted)}
    return (*of_probe, *_coefficients(refitted), *_excess(refitted), *_errors(rmse, fits))


def disagreements(comparisons: tuple[Comparison, ...]) -> tuple[str, ...]:
    """Say in a sentence each what a reader of the run should know; the probe's are told apart.

    A descent that stopped short says so itself, among its fit's warnings.
    """
    said = []
    for one in comparisons:
        if one.agreed or one.quantity in ("probe", "excess_loss"):
            continue
        names = f"{one.framework} and {one.compared_with}"
        if one.quantity == "coefficients":
            said.append(
                f"least squares of {names} differ by {one.figure:.1e} (relative), allowed "
                f"{one.allowed:.1e}: one of the two is not right to the last digit."
            )
        else:
            said.append(
                f"the ANNs of {names} differ by {one.figure:.2%} in out-of-fold error, "
                f"expected {one.allowed:.2%} at most."
            )
    return tuple(said)


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
            REACHED,
        )
        for framework, fit in _of_kind(refitted, "gradient_descent").items()
        if fit.descended is not None
    ]


def _errors(
    rmse: Mapping[Candidate, float], fits: Mapping[Candidate, Fitted | str]
) -> list[Comparison]:
    anns = {one: error for one, error in rmse.items() if not one.is_linear}
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
    return {one.framework: fit for one, fit in fits.items() if one.kind == kind}


def _estimates(fit: Fitted) -> np.ndarray:
    return np.array([one.estimate for one in fit.coefficients])


def _relative_difference(estimates: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest difference of a coefficient over its size; 0 where both are 0."""
    size = np.maximum(np.abs(estimates), np.abs(reference))
    apart = np.abs(estimates - reference)
    return float((apart / np.where(size > 0, size, 1.0)).max(initial=0.0))
