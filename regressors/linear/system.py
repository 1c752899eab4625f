"""The system of equations that least squares solves, and its solution in double-double.

The residual u and the solution x of weighted least squares are

    [ I    A ] [ u ]   [ f ]
    [ A'W  0 ] [ x ] = [ g ]

with g = 0. The columns are scaled by powers of two (exact), a framework factors the design and
solves in plain double, and Bjorck's iteration (BIT 7, 1967) carries residuals, u and x in
double-double.
"""

from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array, Indices
from regressors.frameworks.contract import Correction
from regressors.linear import double_double as dd
from regressors.linear.inference import Geometry

MAX_REFINEMENTS = 12


@dataclass(frozen=True)
class Problem:
    """The augmented system: design (n, p) and target (n,), scaled, and weights (n,).

    `root` are the roots of the weights. `whitened` is the scaled design and `observed` the target
    in original units, each row times its root.
    """

    design: Array
    target: Array
    weight: Array
    root: Array
    whitened: Array
    observed: Array
    column_scale: Array
    target_scale: float

    @classmethod
    def of(cls, design: Array, target: Array, weight: Array | None) -> "Problem":
        """Scale the columns and the target to norms near 1."""
        root = np.ones(len(target)) if weight is None else np.sqrt(weight)
        column_scale = powers_of_two(design)
        target_scale = float(powers_of_two(target[:, None])[0])
        scaled = design * column_scale
        return cls(
            design=scaled,
            target=target * target_scale,
            weight=np.ones(len(target)) if weight is None else weight,
            root=root,
            whitened=scaled * root[:, None],
            observed=target * root,
            column_scale=column_scale,
            target_scale=target_scale,
        )

    def take(self, columns: Indices) -> "Problem":
        """Return the problem with some columns of the design."""
        return replace(
            self,
            design=np.ascontiguousarray(self.design[:, columns]),
            whitened=np.ascontiguousarray(self.whitened[:, columns]),
            column_scale=self.column_scale[columns],
        )

    def correction(self, whitened: Correction) -> Correction:
        """Return the solution of the weighted system, from that of the whitened design."""

        def correct(f: Array, g: Array) -> tuple[Array, Array]:
            r, x = whitened(f * self.root[:, None], g)
            return r / self.root[:, None], x

        return correct

    def left(self, f: dd.Pair, g: dd.Pair, u: dd.Pair, x: dd.Pair) -> tuple[Array, Array]:
        """Return what a solution leaves of both right-hand sides, rounded to double."""
        weighted = dd.scale(self.weight[:, None], u)
        f_left = dd.subtract(dd.subtract(f, u), dd.multiply(self.design, x))
        return f_left.high, dd.subtract(g, dd.multiply_transposed(self.design, weighted)).high

    def has_constant(self, geometry: Geometry) -> bool:
        """Return whether a column, or a combination of columns, is constant."""
        return self.intercept() is not None or geometry.spans(self.root)

    def intercept(self) -> int | None:
        """Return the position of the first column that is constant, None if there is none."""
        constant = (self.design == self.design[:1]).all(axis=0) & (self.design[:1] != 0).any(axis=0)
        return int(constant.argmax()) if constant.any() else None


def refine(
    problem: Problem, f: Array, g: Array, correction: Correction
) -> tuple[dd.Pair, dd.Pair] | None:
    """Return x (p, m) and u (n, m) in double-double, or None where the steps do not shrink."""
    right_f, right_g = dd.pair(f), dd.pair(g)
    u, x = correction(f, g)
    if not np.isfinite(x).all():
        return None
    residual, solution = dd.pair(u), dd.pair(x)
    before = np.abs(x).max(initial=0.0)
    for _ in range(MAX_REFINEMENTS):
        u, x = correction(*problem.left(right_f, right_g, residual, solution))
        step = np.abs(x).max(initial=0.0)
        largest = np.abs(solution.high).max(initial=0.0)
        if not np.isfinite(step) or (step > before / 2 and step > 2.0**-90 * largest):
            return None
        residual, solution = dd.add(residual, dd.pair(u)), dd.add(solution, dd.pair(x))
        settled = np.abs(x) <= 2.0**-60 * np.abs(solution.high)
        if settled.all() or step <= 2.0**-98 * largest:
            return solution, residual
        before = step
    return solution, residual


def powers_of_two(matrix: Array) -> Array:
    """Return for each column the power of two that brings its norm near 1; 1 for zeros."""
    largest = np.abs(matrix).max(axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms = safe * np.sqrt(np.square(matrix / safe).sum(axis=0))
    return np.where(largest > 0, 2.0 ** -np.round(np.log2(np.where(norms > 0, norms, 1.0))), 1.0)
