"""The solution of minimum norm, for a design that determines no other."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from regressors.arrays import Array
from regressors.linear.dependence import Centred
from regressors.linear.fitted_rows import scaled
from regressors.linear.inference import EPS
from regressors.linear.rows import Rows
from regressors.linear.system import System


@dataclass(frozen=True)
class MinimumNorm:
    """The shortest solution (p,) for scaled columns, the rank of the design, and what is left.

    `left` is the norm of the scaled residuals, and `condition_number` that of the design with
    columns of unit norm.
    """

    solution: Array
    rank: int
    left: float
    condition_number: float


def minimum_norm(rows: Rows, system: System, intercept: int | None) -> MinimumNorm:
    """Return the shortest solution of rows that have none, or too many.

    Singular values below 10 max(n, p) rounding units of the largest one count as zero. The rows are
    reduced to the triangle of a QR factorisation, block by block.
    """
    terms = rows.columns
    triangle = _triangle(rows, system)
    columns, target = triangle[:, 1:-1], triangle[:, -1]
    centred = Centred.of(system, terms, intercept)
    beside = triangle[1:] if intercept is not None else triangle
    matrix = np.where(centred.varies, beside[:, 1:-1] / centred.norms, 0.0)
    cutoff = 10 * EPS * max(len(rows.target), terms)
    shortest, _, rank, _ = scipy.linalg.lstsq(matrix, beside[:, -1], cond=cutoff)
    solution: Array = shortest / centred.norms
    if intercept is not None:
        level = float(np.ldexp(1.0, -system.exponents[-2]) * target[0] / triangle[0, 0])
        solution[intercept] = 0.0
        solution[intercept] = level / centred.constant - centred.level(solution)
        rank += 1
    left = float(np.linalg.norm(target - columns @ solution))
    norms = system.norms(range(terms))
    singular = np.linalg.svd(columns / np.where(norms > 0, norms, 1.0), compute_uv=False)
    condition = singular[0] / singular[-1] if singular.size and singular[-1] else np.inf
    return MinimumNorm(solution, int(rank), left, float(condition))


def _triangle(rows: Rows, system: System) -> Array:
    """Return the triangle of ones, columns and target, scaled, and times the roots of weights."""
    order = np.append(rows.columns, np.delete(np.arange(rows.columns + 2), rows.columns))
    exponents, root = -system.exponents[order], rows.root
    triangle: Array = np.zeros((0, rows.columns + 2))
    for block in rows.ranges():
        design, target = rows.design(block), rows.target[block]
        matrix = scaled(np.column_stack([np.ones(len(target)), design, target]), exponents)
        stacked = np.vstack([triangle, matrix * root[block, None]])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    return triangle
