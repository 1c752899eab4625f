"""The own line of a segment, one at a time, by the solver of a line of all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.gram_sums import Products
from regressors.linear.inference import Coefficient
from regressors.linear.least_squares import LeastSquares, solve_rows
from regressors.linear.rows import Rows

MIN_SPARE_ROWS = 10
"""A segment needs so many rows more than its equation has terms."""


@dataclass(frozen=True)
class OwnLine:
    """The equation of one segment, NaN for terms that are left out, or why there is none.

    `estimates` and the standard errors are (p,).
    """

    estimates: Array
    standard_errors: Array
    robust_standard_errors: Array
    freedom: int
    exact: bool
    residual_sd: float
    r2: float
    reason: str | None


def own_line(
    design: Array,
    target: Array,
    weight: Array | None,
    terms: Sequence[str],
    row_products: Products,
    *,
    recency: float | None,
    robust: bool,
) -> OwnLine:
    """Solve the least squares of a segment's rows: design (n, p), target and weight (n,).

    As in R's `lm`, terms that depend on earlier ones are left out. The rows are read again only for
    `robust` standard errors.
    """
    there = varying_terms(design)
    few = too_few_rows(len(target), len(there))
    if few is not None:
        return none_of(len(terms), few)
    rows = Rows.of(np.ascontiguousarray(design[:, there]), target, weight)
    solved = solve_rows(
        rows,
        rows.gram(row_products),
        [terms[i] for i in there],
        recency=recency,
        robust=robust,
    )
    kept = solved.without_aliases or solved.coefficients
    few = too_few_rows(len(target), solved.rank)
    if few is not None or len(kept) > solved.rank:
        return none_of(len(terms), few or "its rows cannot tell the terms apart")
    return _line(solved, kept, terms)


def _line(solved: LeastSquares, kept: Sequence[Coefficient], terms: Sequence[str]) -> OwnLine:
    estimates, errors, robust = np.full((3, len(terms)), np.nan)
    positions = {term: i for i, term in enumerate(terms)}
    for coefficient in kept:
        at = positions[coefficient.term]
        estimates[at] = coefficient.estimate
        errors[at] = _number(coefficient.standard_error)
        robust[at] = _number(coefficient.robust_standard_error)
    return OwnLine(
        estimates,
        errors,
        robust,
        solved.degrees_of_freedom,
        kept[0].t is None,
        _number(solved.overall.residual_sd),
        _number(solved.overall.r2),
        None,
    )


def varying_terms(design: Array) -> Indices:
    """Return the columns (k,) of a design but those of zeros, and constant ones but the first."""
    low, high = design.min(axis=0, initial=np.inf), design.max(axis=0, initial=-np.inf)
    constant = np.flatnonzero((low == high) & (low != 0))
    left_out = (low >= high) if len(design) else np.ones(design.shape[1], dtype=bool)
    if len(design):
        left_out[constant[:1]] = False
    there: Indices = np.flatnonzero(~left_out)
    return there


def too_few_rows(rows: int, terms: int) -> str | None:
    """Return why so many rows cannot have an equation of so many terms, None where they can."""
    needed = terms + MIN_SPARE_ROWS
    if rows >= needed:
        return None
    return (
        f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} too few for"
        f" {counted(terms, 'term')}: at least {needed:,} are needed"
    )


def counted(number: int, what: str) -> str:
    """Return a number of things: 1 row, 1,200 rows."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def none_of(terms: int, reason: str) -> OwnLine:
    """Return that a segment has no equation of its own, with the reason."""
    nothing = np.full(terms, np.nan)
    return OwnLine(nothing, nothing, nothing, 0, False, np.nan, np.nan, reason)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
