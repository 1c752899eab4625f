"""Least squares to the last digit, and its inference.

A framework factors the design and solves in plain double; this file scales the columns by
powers of two (exact) and refines: Bjorck's iteration on the augmented system (BIT 7, 1967)

    [ I   A ] [ r ]   [ f ]
    [ A'  0 ] [ x ] = [ g ]

with residuals, solution r and x carried in double-double. Refinement that does not shrink is how
a design without a unique solution shows itself: then the columns at fault are named, and the
solution is the one of minimum norm, never a silent huge coefficient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from regressors import double_double as dd

Array = NDArray[np.float64]
Correction = Callable[[Array, Array], tuple[Array, Array]]
"""(f (n, m), g (p, m)) to the solution (r (n, m), x (p, m)) in plain double."""
Solver = Callable[[Array], Correction]
"""A framework's factorisation of a design (n, p)."""

EPS = float(np.finfo(float).eps)
DOUBTFUL_CONDITION = 1e14
PLAIN_INVERSE_CONDITION = 1e4
"""Up to here the inverse in plain double gives standard errors right to 1e-11."""
STEPS = 12


@dataclass(frozen=True)
class Term:
    """One coefficient with its inference, in original units; None where it has no value."""

    name: str
    estimate: float
    standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LeastSquares:
    """A solved problem of n rows: what the fit says of itself, in original units."""

    terms: tuple[Term, ...]
    residual_sd: float | None
    r2: float | None
    condition_number: float
    rank: int
    rows: int
    degrees_of_freedom: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def estimates(self) -> Array:
        """Return the coefficients (p,), as the columns of the design."""
        return np.array([term.estimate for term in self.terms])


def solve(
    design: Array, target: Array, names: Sequence[str], solver: Solver, *, level: float = 0.95
) -> LeastSquares:
    """Minimise |target - design x| and infer; `design` (n, p), `target` (n,), `names` p terms.

    The intervals of the coefficients cover at `level` under normal errors of equal variance.
    """
    rows, columns = design.shape
    column_scale = _powers_of_two(design)
    target_scale = float(_powers_of_two(target[:, None])[0])
    scaled, right = design * column_scale, target * target_scale
    singular = _singular_values(scaled)
    condition = float(singular[0] / singular[-1]) if singular.size and singular[-1] else np.inf
    refined = None
    if rows >= columns and singular.size and singular[-1] > 10 * EPS * singular[0]:
        correction = solver(scaled)
        refined = _refine(scaled, right[:, None], np.zeros((columns, 1)), correction)
    if refined is None:
        return _minimum_norm(scaled, right, names, column_scale, target_scale, condition)
    x, r = refined
    estimates = x.high[:, 0] * column_scale / target_scale
    residuals = r.high[:, 0] / target_scale
    inverse = _inverse_diagonal(scaled, correction, condition)
    freedom = rows - columns
    residual_sd = _norm(residuals) / sqrt(freedom) if freedom else None
    return LeastSquares(
        terms=_inference(
            names,
            estimates,
            None if inverse is None else np.sqrt(inverse) * column_scale,
            residual_sd,
            freedom=freedom,
            level=level,
            exact=residual_sd is not None and residual_sd <= 4 * EPS * float(np.abs(target).max()),
        ),
        residual_sd=residual_sd,
        r2=_r_squared(design, target, residuals),
        condition_number=condition,
        rank=columns,
        rows=rows,
        degrees_of_freedom=freedom,
        warnings=_doubts(condition),
    )


def _powers_of_two(matrix: Array) -> Array:
    """Return for each column the power of two that brings its norm near 1; 1 for zeros."""
    largest = np.abs(matrix).max(axis=0, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    norms = safe * np.sqrt(np.square(matrix / safe).sum(axis=0))
    return np.where(largest > 0, 2.0 ** -np.round(np.log2(np.where(norms > 0, norms, 1.0))), 1.0)


def _singular_values(scaled: Array) -> Array:
    """Return the singular values of the design with columns of unit norm."""
    norms = np.sqrt(np.square(scaled).sum(axis=0))
    unit = scaled / np.where(norms > 0, norms, 1.0)
    return np.linalg.svd(np.linalg.qr(unit, mode="r"), compute_uv=False)


def _refine(
    design: Array, f: Array, g: Array, correction: Correction
) -> tuple[dd.Pair, dd.Pair] | None:
    """Return x (p, m) and r (n, m) in double-double, or None where the steps do not shrink."""
    right_f, right_g = dd.pair(f), dd.pair(g)
    r, x = correction(f, g)
    if not np.isfinite(x).all():
        return None
    residual, solution = dd.pair(r), dd.pair(x)
    before = np.abs(x).max(initial=0.0)
    for _ in range(STEPS):
        f_left = dd.subtract(dd.subtract(right_f, residual), dd.multiply(design, solution))
        g_left = dd.subtract(right_g, dd.multiply_transposed(design, residual))
        r, x = correction(f_left.high, g_left.high)
        step = np.abs(x).max(initial=0.0)
        largest = np.abs(solution.high).max(initial=0.0)
        if not np.isfinite(step) or (step > before / 2 and step > 2.0**-90 * largest):
            return None
        residual, solution = dd.add(residual, dd.pair(r)), dd.add(solution, dd.pair(x))
        settled = np.abs(x) <= 2.0**-60 * np.abs(solution.high)
        if settled.all() or step <= 2.0**-98 * largest:
            return solution, residual
        before = step
    return solution, residual


def _inverse_diagonal(scaled: Array, correction: Correction, condition: float) -> Array | None:
    """Return the diagonal of the inverse of A'A, refined where plain double does not do."""
    rows, columns = scaled.shape
    nothing, identity = np.zeros((rows, columns)), np.eye(columns)
    if condition <= PLAIN_INVERSE_CONDITION:
        return np.diag(correction(nothing, -identity)[1])
    refined = _refine(scaled, nothing, -identity, correction)
    return None if refined is None else np.diag(refined[0].high)


def _inference(
    names: Sequence[str],
    estimates: Array,
    unscaled_errors: Array | None,
    residual_sd: float | None,
    *,
    freedom: int,
    level: float,
    exact: bool,
) -> tuple[Term, ...]:
    if unscaled_errors is None or residual_sd is None:
        pairs = zip(names, estimates.tolist(), strict=True)
        return tuple(Term(name, estimate) for name, estimate in pairs)
    errors = unscaled_errors * residual_sd
    if exact:
        triples = zip(names, estimates.tolist(), errors.tolist(), strict=True)
        return tuple(Term(name, estimate, error) for name, estimate, error in triples)
    t = estimates / errors
    p = 2 * stdtr(freedom, -np.abs(t))
    half = stdtrit(freedom, (1 + level) / 2) * errors
    columns = (estimates, errors, t, p, estimates - half, estimates + half)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(Term(name, *row) for name, row in zip(names, values, strict=True))


def _minimum_norm(
    scaled: Array,
    right: Array,
    names: Sequence[str],
    column_scale: Array,
    target_scale: float,
    condition: float,
) -> LeastSquares:
    """Return the solution of minimum norm, in columns of like scale, and name the culprits."""
    rows, columns = scaled.shape
    cutoff = 10 * EPS * max(rows, columns)
    solution, _, rank, _ = scipy.linalg.lstsq(scaled, right, cond=cutoff)
    _, order = scipy.linalg.qr(scaled, mode="r", pivoting=True)
    culprits = sorted(names[i] for i in order[rank:]) or list(names)
    residuals = (right - scaled @ solution) / target_scale
    freedom = rows - int(rank)
    estimates = solution * column_scale / target_scale
    reason = (
        f"{rows} rows cannot tell {columns} terms apart"
        if rows < columns
        else "the columns of the design depend on each other"
    )
    return LeastSquares(
        terms=_inference(names, estimates, None, None, freedom=freedom, level=0.0, exact=False),
        residual_sd=_norm(residuals) / sqrt(freedom) if freedom else None,
        r2=_r_squared(scaled, right / target_scale, residuals),
        condition_number=condition,
        rank=int(rank),
        rows=rows,
        degrees_of_freedom=freedom,
        warnings=(
            f"least squares has no unique solution: {reason} ({', '.join(culprits[:5])}"
            f"{', ...' if len(culprits) > 5 else ''}); the coefficients are those of minimum norm.",
        ),
    )


def _r_squared(design: Array, target: Array, residuals: Array) -> float | None:
    """Return 1 - SSE / SST; about the mean where the design has a constant column."""
    constant = ((design == design[:1]).all(axis=0) & (design[:1] != 0)[0]).any()
    spread = _norm(target - target.mean() if constant else target)
    return 1 - float((_norm(residuals) / spread) ** 2) if spread else None


def _norm(values: Array) -> float:
    largest = float(np.abs(values).max(initial=0.0))
    return largest * float(np.sqrt(np.square(values / largest).sum())) if largest else 0.0


def _doubts(condition: float) -> tuple[str, ...]:
    if condition < DOUBTFUL_CONDITION:
        return ()
    return (
        f"least squares is close to having no unique solution: the scaled condition number is "
        f"{condition:.1e}; read the coefficients together, not one by one.",
    )
