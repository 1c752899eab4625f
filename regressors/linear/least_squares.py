"""Least squares to the last digit.

A framework factors the design and solves in plain double; this file scales the columns by
powers of two (exact) and refines. The residual u and the solution x of weighted least squares are

    [ I    A ] [ u ]   [ f ]
    [ A'W  0 ] [ x ] = [ g ]

with g = 0; Bjorck's iteration on this system (BIT 7, 1967) carries residuals, u and x in
double-double. Refinement that does not shrink is how a design without a unique solution shows
itself: then the columns at fault are named, and the solution is the one of minimum norm, never a
silent huge coefficient.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from regressors.arrays import Array
from regressors.frameworks.contract import Correction, Solver
from regressors.linear import double_double as dd
from regressors.linear.dependence import minimum_norm
from regressors.linear.inference import (
    EPS,
    Coefficient,
    Geometry,
    Overall,
    coefficients_of,
    is_exact,
    overall,
    robust_errors,
)

DOUBTFUL_CONDITION = 1e14
PLAIN_INVERSE_CONDITION = 1e4
"""Up to here the inverse in plain double gives standard errors right to 1e-11."""
STEPS = 12


@dataclass(frozen=True)
class LeastSquares:
    """A solved problem of n rows: what the fit says of itself, in original units.

    `warnings` are for whoever reads the run, `notes` say why a figure has no value.
    """

    coefficients: tuple[Coefficient, ...]
    overall: Overall
    condition_number: float
    rank: int
    rows: int
    warnings: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    @property
    def estimates(self) -> Array:
        """Return the coefficients (p,), as the columns of the design."""
        return np.array([one.estimate for one in self.coefficients])

    @property
    def degrees_of_freedom(self) -> int:
        """Return the rows that are left when every independent term has taken one."""
        return self.rows - self.rank


def solve(
    design: Array,
    target: Array,
    names: Sequence[str],
    solver: Solver,
    *,
    weight: Array | None = None,
    level: float = 0.95,
) -> LeastSquares:
    """Minimise sum(weight (target - design x)^2) and infer.

    `design` (n, p), `target` (n,), `names` p terms; `weight` (n,) is positive, in units of one over
    an error variance, 1 where None. The intervals of the coefficients cover at `level` under normal
    errors of variance 1 / weight, but for a factor. Residual SD is that of a row of weight 1.
    """
    root = np.ones(len(target)) if weight is None else np.sqrt(weight)
    column_scale = powers_of_two(design)
    target_scale = float(powers_of_two(target[:, None])[0])
    scaled, right = design * column_scale, target * target_scale
    whitened = scaled * root[:, None]
    geometry = Geometry.of(whitened)
    problem = _Problem(scaled, np.ones(len(target)) if weight is None else weight, root)
    refined = correction = None
    if _may_be_unique(geometry, design.shape):
        correction = problem.correction(solver(whitened))
        refined = _refine(problem, right[:, None], np.zeros((len(names), 1)), correction)
    if refined is None or correction is None:
        return _least(names, geometry, whitened, right * root, root, column_scale, target_scale)
    x, u = refined
    estimates = x.high[:, 0] * column_scale / target_scale
    residuals = u.high[:, 0] / target_scale * root
    freedom = len(target) - len(names)
    exact = is_exact(target * root, residuals, freedom)
    whole = overall(
        target * root,
        residuals,
        root,
        rank=len(names),
        constant=_has_constant(design) or geometry.spans(root),
        exact=exact,
    )
    inverse = _inverse_diagonal(problem, correction, geometry.condition_number)
    robust = robust_errors(geometry, residuals) if freedom else None
    if inverse is None or whole.residual_sd is None:
        coefficients = tuple(
            Coefficient(*pair) for pair in zip(names, estimates.tolist(), strict=True)
        )
    else:
        coefficients = coefficients_of(
            names,
            estimates,
            np.sqrt(inverse) * column_scale * whole.residual_sd,
            None if robust is None else robust * column_scale,
            freedom=freedom,
            level=level,
            exact=exact,
        )
    return LeastSquares(
        coefficients=coefficients,
        overall=whole,
        condition_number=geometry.condition_number,
        rank=len(names),
        rows=len(target),
        warnings=_doubts(geometry.condition_number),
        notes=_notes(exact=exact, freedom=freedom, robust=robust is not None),
    )


def powers_of_two(matrix: Array) -> Array:
    """Return for each column the power of two that brings its norm near 1; 1 for zeros."""
    largest = np.abs(matrix).max(axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms = safe * np.sqrt(np.square(matrix / safe).sum(axis=0))
    return np.where(largest > 0, 2.0 ** -np.round(np.log2(np.where(norms > 0, norms, 1.0))), 1.0)


@dataclass(frozen=True)
class _Problem:
    """The augmented system of a scaled design (n, p) and weights (n,) with their roots."""

    design: Array
    weight: Array
    root: Array

    def correction(self, whitened: Correction) -> Correction:
        """Return the solution of the weighted system from that of the whitened design's."""

        def correct(f: Array, g: Array) -> tuple[Array, Array]:
            r, x = whitened(f * self.root[:, None], g)
            return r / self.root[:, None], x

        return correct

    def left(self, f: dd.Pair, g: dd.Pair, u: dd.Pair, x: dd.Pair) -> tuple[Array, Array]:
        """Return what a solution leaves of both right-hand sides, rounded to double."""
        weighted = dd.scale(self.weight[:, None], u)
        f_left = dd.subtract(dd.subtract(f, u), dd.multiply(self.design, x))
        return f_left.high, dd.subtract(g, dd.multiply_transposed(self.design, weighted)).high


def _may_be_unique(geometry: Geometry, shape: tuple[int, ...]) -> bool:
    singular = geometry.singular
    return shape[0] >= shape[1] and bool(singular.size) and singular[-1] > 10 * EPS * singular[0]


def _refine(
    problem: _Problem, f: Array, g: Array, correction: Correction
) -> tuple[dd.Pair, dd.Pair] | None:
    """Return x (p, m) and u (n, m) in double-double, or None where the steps do not shrink."""
    right_f, right_g = dd.pair(f), dd.pair(g)
    u, x = correction(f, g)
    if not np.isfinite(x).all():
        return None
    residual, solution = dd.pair(u), dd.pair(x)
    before = np.abs(x).max(initial=0.0)
    for _ in range(STEPS):
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


def _inverse_diagonal(problem: _Problem, correction: Correction, condition: float) -> Array | None:
    """Return the diagonal of the inverse of A'WA, refined where plain double does not do."""
    rows, columns = problem.design.shape
    nothing, identity = np.zeros((rows, columns)), np.eye(columns)
    if condition <= PLAIN_INVERSE_CONDITION:
        return np.diag(correction(nothing, -identity)[1])
    refined = _refine(problem, nothing, -identity, correction)
    return None if refined is None else np.diag(refined[0].high)


def _least(
    names: Sequence[str],
    geometry: Geometry,
    whitened: Array,
    right: Array,
    root: Array,
    column_scale: Array,
    target_scale: float,
) -> LeastSquares:
    """Return the solution of minimum norm, which has no inference, and name the culprits.

    The norm is that of the coefficients of columns brought to unit norm, so that it does not depend
    on their units.
    """
    least = minimum_norm(whitened / geometry.norms, right, names)
    scaled = least.solution / geometry.norms
    estimates = scaled * column_scale / target_scale
    return LeastSquares(
        coefficients=tuple(
            Coefficient(*pair) for pair in zip(names, estimates.tolist(), strict=True)
        ),
        overall=overall(
            right / target_scale,
            (right - whitened @ scaled) / target_scale,
            root,
            rank=least.rank,
            constant=_has_constant(whitened / root[:, None]) or geometry.spans(root),
            exact=True,
        ),
        condition_number=geometry.condition_number,
        rank=least.rank,
        rows=len(right),
        warnings=(
            f"least squares has no unique solution: {least.reason}; "
            "the coefficients are those of minimum norm.",
        ),
    )


def _has_constant(design: Array) -> bool:
    return bool(((design == design[:1]).all(axis=0) & (design[:1] != 0)[0]).any())


def _doubts(condition: float) -> tuple[str, ...]:
    if condition < DOUBTFUL_CONDITION:
        return ()
    return (
        f"least squares is close to having no unique solution: the scaled condition number is "
        f"{condition:.1e}; read the coefficients together, not one by one.",
    )


def _notes(*, exact: bool, freedom: int, robust: bool) -> tuple[str, ...]:
    if not freedom:
        return ("there are as many terms as rows, so nothing is left to judge them by",)
    notes = ["the fit is exact, so t, p and intervals have no value"] if exact else []
    if not robust:
        notes.append("a row has a leverage of 1, so robust standard errors have no value")
    return tuple(notes)
