"""The solution of minimum norm, for a design that determines no other."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.linalg

from regressors.arrays import Array
from regressors.linear.dependence import Centred
from regressors.linear.fitted_rows import scaled
from regressors.linear.inference import EPS, IN_THE_SPAN
from regressors.linear.rounding import ratio
from regressors.linear.rows import Rows
from regressors.linear.system import System
from regressors.linear.wide_factor import MIN_COLUMNS, precise


@dataclass(frozen=True)
class MinimumNorm:
    """The shortest solution (p,) for scaled columns, the rank of the design, and what is left.

    `left` is the norm of the scaled residuals, `constant` whether a combination of columns is
    constant, and `condition_number` that of the design with columns of unit norm.
    """

    solution: Array
    rank: int
    left: float
    constant: bool
    condition_number: float


def minimum_norm(rows: Rows, system: System, intercept: int | None) -> MinimumNorm:
    """Return the shortest solution of rows that have none, or too many.

    Singular values below 10 max(n, p) rounding units of the largest one count as zero.
    """
    terms = rows.columns
    means = _means(system)
    triangle = _triangle(rows, system, means)
    ones, columns, target = triangle[:, 0], triangle[:, 1:-1], triangle[:, -1]
    centred = Centred.of(system, terms, intercept)
    beside = slice(0 if intercept is None else 1, None)  # what they have beside their means
    matrix, target = columns[beside], target[beside]
    matrix = np.where(centred.varies, matrix / centred.norms, 0.0)
    cutoff = 10 * EPS * max(len(rows.target), terms)
    shortest, _, rank, _ = scipy.linalg.lstsq(matrix, target, cond=cutoff)
    solution: Array = shortest / centred.norms
    left = float(np.linalg.norm(target - matrix @ shortest))
    if intercept is not None:
        solution[intercept] = 0.0
        solution[intercept] = means[-1] / centred.constant - centred.level(solution)
        rank += 1
    norms = system.norms(range(terms))
    units = columns / np.where(norms > 0, norms, 1.0)
    left_vectors, singular, _ = np.linalg.svd(units, full_matrices=False)
    condition = singular[0] / singular[-1] if singular.size and singular[-1] else np.inf
    span = left_vectors[:, singular > cutoff * singular.max(initial=0.0)]
    constant = intercept is not None or (span.size > 0 and _spans(span, ones))
    return MinimumNorm(solution, int(rank), left, constant, float(condition))


def _means(system: System) -> Array:
    """Return the weighted means of the scaled columns and of the scaled target, the last one."""
    ones = len(system.exponents) - 2
    sums = [system.sum(column, ones) for column in (*range(ones), ones + 1)]
    weight = system.sum(ones, ones) or Fraction(1)  # of no rows, all sums are zero
    means = np.array([ratio(each / weight) for each in sums])
    return scaled(means, -system.exponents[ones])


def _triangle(rows: Rows, system: System, means: Array) -> Array:
    """Return rows (k, p + 2) with the sums of products of ones, scaled columns and target.

    Ones have a part in the first row alone, and rows are weighted. Few columns are factored
    exactly, whatever the order of the rows. For many that would take minutes: their rows, about the
    means of their columns, are reduced to the triangle of a QR factorisation, block by block.
    """
    if rows.columns + 2 < MIN_COLUMNS:
        return precise(system, [rows.columns, *range(rows.columns), rows.columns + 1]).triangle
    exponents = -np.delete(system.exponents, rows.columns)
    triangle: Array = np.zeros((0, rows.columns + 2))
    for block in rows.ranges():
        matrix = (
            scaled(np.column_stack([rows.design(block), rows.target[block]]), exponents) - means
        )
        whole = np.column_stack([np.ones(len(matrix)), matrix]) * rows.root(block)[:, None]
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, whole]), mode="r"))
    triangle[:, 1:] += np.outer(triangle[:, 0], means)
    return triangle


def _spans(q: Array, other: Array) -> bool:
    """Return whether a column (k,) is a combination of orthonormal ones (k, r)."""
    outside = other - q @ (q.T @ other)
    return bool(np.linalg.norm(outside) <= IN_THE_SPAN * np.linalg.norm(other))
