"""A warning where standard errors by group or time are much larger than those of the p-values."""

import numpy as np

from regressors.encoding.matrices import INTERCEPT
from regressors.linear.inference import two_sided
from regressors.linear.least_squares import LeastSquares

MUCH_LARGER = 1.5
"""A standard error that is so many times that of the p-values is worth a warning."""
FEW_GROUPS = 20
"""With fewer groups, their standard errors tend to be too small as well."""


def groups_warning(solved: LeastSquares, group: str, groups: int) -> tuple[str, ...]:
    """Return a sentence on the term whose p-value is furthest off, if rows of a group are alike.

    `group` is the column that has so many `groups`. Its p-values are those of Student's t with one
    degree of freedom less than there are groups, as in Stata and statsmodels.
    """
    errors = [coefficient.cluster_standard_error for coefficient in solved.coefficients]
    few = f"; with {groups} groups even that may be too small" if groups < FEW_GROUPS else ""
    return _warning(solved, errors, f"by {group}", groups - 1, few)


def times_warning(solved: LeastSquares, time: str) -> tuple[str, ...]:
    """Return a sentence on the term whose p-value is furthest off, if rows near in time are alike.

    `time` is the column of times. Its p-values are those of Student's t, as in statsmodels.
    """
    errors = [coefficient.hac_standard_error for coefficient in solved.coefficients]
    return _warning(solved, errors, f"in the order of {time}", solved.degrees_of_freedom, "")


def _warning(
    solved: LeastSquares, errors: list[float | None], how: str, freedom: int, remark: str
) -> tuple[str, ...]:
    ratios = [
        (error / coefficient.standard_error, error, coefficient)
        for coefficient, error in zip(solved.coefficients, errors, strict=True)
        if error is not None
        and coefficient.standard_error
        and coefficient.p is not None
        and coefficient.term != INTERCEPT
    ]
    larger = sorted((r for r in ratios if r[0] >= MUCH_LARGER), key=lambda r: -r[0])
    if not larger:
        return ()
    _, error, worst = larger[0]
    more = f" (and {len(larger) - 1} more are too small)" if len(larger) > 1 else ""
    p = float(two_sided(np.array([worst.estimate / error]), freedom)[0])
    return (
        f"p-values assume rows that are independent of each other, but {how} the standard error of "
        f"{worst.term} is {error:.3g}, not {worst.standard_error:.3g}{more}, and its p is {p:.2g}, "
        f"not {worst.p:.2g}{remark}.",
    )
