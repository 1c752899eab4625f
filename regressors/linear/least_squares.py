"""Least squares to the last digit.

A framework factors the design and solves in plain double. This file scales the columns by powers of
two (exact) and refines. The residual u and the solution x of weighted least squares are

    [ I    A ] [ u ]   [ f ]
    [ A'W  0 ] [ x ] = [ g ]

with g = 0. Bjorck's iteration on this system (BIT 7, 1967) carries residuals, u and x in
double-double. If a design has no unique solution, the steps of the refinement do not shrink. Then
the columns at fault are named, and the solution is the one of minimum norm: a coefficient is never
huge without a warning.
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
    without_inference,
)

DOUBTFUL_CONDITION = 1e14
PLAIN_INVERSE_CONDITION = 1e4
"""Up to here the inverse in plain double gives standard errors that are accurate to 1e-11."""
MAX_REFINEMENTS = 12


@dataclass(frozen=True)
class LeastSquares:
    """A solved problem of n rows: coefficients and inference, in original units.

    `warnings` are for the reader of the run, `notes` say why a figure has no value.
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
        """Return the estimates (p,), in the order of the columns of the design."""
        return np.array([coefficient.estimate for coefficient in self.coefficients])

    @property
    def degrees_of_freedom(self) -> int:
        """Return the number of rows minus the number of independent terms."""
        return self.rows - self.rank


def solve(
    design: Array,
    target: Array,
    terms: Sequence[str],
    solver: Solver,
    *,
    weight: Array | None = None,
    confidence: float = 0.95,
) -> LeastSquares:
    """Minimise sum(weight (target - design x)^2) and infer.

    `design` is (n, p), `target` (n,), `terms` the names of its p columns. `weight` (n,) is
    positive, proportional to one over an error variance; 1 where None. The intervals of the
    coefficients hold at `confidence` under normal errors. The residual SD is that of a row of
    weight 1.
    """
    problem = _Problem.of(design, target, weight)
    geometry = Geometry.of(problem.whitened)
    correction = refined = None
    if _may_be_unique(geometry, design.shape):
        correction = problem.correction(solver(problem.whitened))
        refined = _refine(problem, problem.target[:, None], np.zeros((len(terms), 1)), correction)
    if correction is None or refined is None:
        return _of_minimum_norm(problem, geometry, terms)
    return _unique(problem, geometry, terms, correction, *refined, confidence=confidence)


def powers_of_two(matrix: Array) -> Array:
    """Return for each column the power of two that brings its norm near 1; 1 for zeros."""
    largest = np.abs(matrix).max(axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms = safe * np.sqrt(np.square(matrix / safe).sum(axis=0))
    return np.where(largest > 0, 2.0 ** -np.round(np.log2(np.where(norms > 0, norms, 1.0))), 1.0)


@dataclass(frozen=True)
class _Problem:
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
    def of(cls, design: Array, target: Array, weight: Array | None) -> "_Problem":
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
        constant = (self.design == self.design[:1]).all(axis=0) & (self.design[:1] != 0)[0]
        return bool(constant.any()) or geometry.spans(self.root)


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


def _unique(
    problem: _Problem,
    geometry: Geometry,
    terms: Sequence[str],
    correction: Correction,
    x: dd.Pair,
    u: dd.Pair,
    *,
    confidence: float,
) -> LeastSquares:
    """Return the only solution, with its inference."""
    estimates = x.high[:, 0] * problem.column_scale / problem.target_scale
    residuals = u.high[:, 0] / problem.target_scale * problem.root
    rows, freedom = len(residuals), len(residuals) - len(terms)
    exact = is_exact(problem.observed, residuals, freedom)
    whole = overall(
        problem.observed,
        residuals,
        problem.root,
        rank=len(terms),
        constant=problem.has_constant(geometry),
        exact=exact,
    )
    inverse = _inverse_diagonal(problem, correction, geometry.condition_number)
    robust = robust_errors(geometry, residuals) if freedom else None
    if inverse is None or whole.residual_sd is None:
        coefficients = without_inference(terms, estimates)
    else:
        coefficients = coefficients_of(
            terms,
            estimates,
            np.sqrt(inverse) * problem.column_scale * whole.residual_sd,
            None if robust is None else robust * problem.column_scale,
            freedom=freedom,
            confidence=confidence,
            exact=exact,
        )
    return LeastSquares(
        coefficients=coefficients,
        overall=whole,
        condition_number=geometry.condition_number,
        rank=len(terms),
        rows=rows,
        warnings=_doubts(geometry.condition_number),
        notes=_notes(exact=exact, freedom=freedom, robust=robust is not None),
    )


def _inverse_diagonal(problem: _Problem, correction: Correction, condition: float) -> Array | None:
    """Return the diagonal of the inverse of A'WA, refined where plain double is not enough."""
    rows, columns = problem.design.shape
    zeros, identity = np.zeros((rows, columns)), np.eye(columns)
    if condition <= PLAIN_INVERSE_CONDITION:
        return np.diag(correction(zeros, -identity)[1])
    refined = _refine(problem, zeros, -identity, correction)
    return None if refined is None else np.diag(refined[0].high)


def _of_minimum_norm(problem: _Problem, geometry: Geometry, terms: Sequence[str]) -> LeastSquares:
    """Return the solution of minimum norm, which has no inference, and name the columns at fault.

    The norm is that of the coefficients of columns brought to unit norm, so that it does not depend
    on their units.
    """
    right = problem.target * problem.root
    shortest = minimum_norm(problem.whitened / geometry.norms, right, terms)
    scaled = shortest.solution / geometry.norms
    return LeastSquares(
        coefficients=without_inference(terms, scaled * problem.column_scale / problem.target_scale),
        overall=overall(
            right / problem.target_scale,
            (right - problem.whitened @ scaled) / problem.target_scale,
            problem.root,
            rank=shortest.rank,
            constant=problem.has_constant(geometry),
            exact=True,
        ),
        condition_number=geometry.condition_number,
        rank=shortest.rank,
        rows=len(right),
        warnings=(
            f"least squares has no unique solution: {shortest.reason}; "
            "the coefficients are those of minimum norm.",
        ),
    )


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
