"""Least squares to the last digit, with its inference.

If a design has no unique solution, the steps of the refinement do not shrink. Then the columns that
do not depend on earlier ones are fitted, and what every solution has in common is taken from there.
With fewer rows than columns, the solution is only the one of minimum norm. A coefficient is never
huge without a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regressors.arrays import Array, Indices
from regressors.frameworks.contract import Correction, Solver
from regressors.linear.dependence import (
    Centred,
    Dependences,
    independent_columns,
    listed,
    minimum_norm,
)
from regressors.linear.inference import (
    EPS,
    Coefficient,
    Geometry,
    Overall,
    StandardErrors,
    coefficients_of,
    is_exact,
    overall,
    without_inference,
)
from regressors.linear.sandwich import cluster_errors, hac_errors, robust_errors
from regressors.linear.system import Problem, refine

ROUNDING = 2.0**-90
"""A smaller share of the largest coefficient is rounding, in the double-double of the solution."""
DOUBTFUL_CONDITION = 1e14
SAME_FIT, SAME_LEVEL = 1e-8, 1e-13
"""Shares of the spread and of the size of the target by which two predictions may differ."""
PLAIN_INVERSE_CONDITION = 1e4
"""Up to here the inverse in plain double gives standard errors that are accurate to 1e-11."""


@dataclass(frozen=True)
class LeastSquares:
    """A solved problem of n rows: coefficients and inference, in original units.

    `warnings` are for the reader of the run, `notes` say why a figure has no value. Where terms
    depend on each other, `without_aliases` is the same fit without those that depend on earlier
    ones, all with their inference, and a row of a design times `breaches` (p, m) is by how many SDs
    it breaks each dependence.
    """

    coefficients: tuple[Coefficient, ...]
    overall: Overall
    condition_number: float
    rank: int
    rows: int
    warnings: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    without_aliases: tuple[Coefficient, ...] = field(default=())
    breaches: Array | None = None

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
    groups: Indices | None = None,
    times: Array | None = None,
    confidence: float = 0.95,
) -> LeastSquares:
    """Minimise sum(weight (target - design x)^2) and infer.

    `design` is (n, p), `target` (n,), `terms` the names of its p columns. `weight` (n,) is
    positive, proportional to one over an error variance; 1 where None. Rows with equal numbers in
    `groups` (n,) or close in `times` (n,) may have errors that are alike, for which there are more
    standard errors. The intervals of the coefficients hold at `confidence` under normal errors. The
    residual SD is that of a row of weight 1.

    If columns depend on one another, the fit is that without those that depend on earlier ones, as
    in R's `lm`. A term that has the same coefficient in every solution has its inference; the
    others have coefficients of minimum norm and none.
    """
    problem = Problem.of(design, target, weight)
    geometry = Geometry.of(problem.whitened)
    if len(target) < len(terms):
        few = f"{len(target)} rows cannot distinguish {len(terms)} terms ({listed(terms)})"
        return _of_minimum_norm(problem, geometry, terms, few)
    related = _Related(groups, times)
    solved = _unique(problem, geometry, terms, solver, related, confidence)
    if solved is not None:
        return solved
    for kept in independent_columns(geometry.r):
        part, names = problem.take(kept), [terms[i] for i in kept]
        independent = Geometry.of(part.whitened)
        solved = _unique(part, independent, names, solver, related, confidence)
        if solved is not None:
            whole = _with_dependences(solved, problem, geometry, kept, terms)
            if whole is not None:
                return whole
            break
    hopeless = f"the scaled condition number is {geometry.condition_number:.1e}"
    return _of_minimum_norm(problem, geometry, terms, hopeless)


@dataclass(frozen=True)
class _Related:
    """The groups (n,) and times (n,) by which the errors of rows may be alike."""

    groups: Indices | None
    times: Array | None


def _may_be_unique(geometry: Geometry, shape: tuple[int, ...]) -> bool:
    singular = geometry.singular
    return shape[0] >= shape[1] and bool(singular.size) and singular[-1] > 10 * EPS * singular[0]


def _unique(
    problem: Problem,
    geometry: Geometry,
    terms: Sequence[str],
    solver: Solver,
    related: _Related,
    confidence: float,
) -> LeastSquares | None:
    """Return the only solution, with its inference; None if it is not the only one."""
    if not _may_be_unique(geometry, problem.design.shape):
        return None
    correction = problem.correction(solver(problem.whitened))
    zeros = np.zeros((len(terms), 1))
    refined = refine(problem, problem.target[:, None], zeros, correction)
    if refined is None:
        return None
    x, u = refined
    estimates = _cleared(x.high[:, 0]) * problem.column_scale / problem.target_scale
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
        classical = np.sqrt(inverse) * whole.residual_sd
        errors = _errors(geometry, residuals, related, classical, robust)
        coefficients = coefficients_of(
            terms,
            estimates,
            errors.times(problem.column_scale),
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
        notes=_notes(exact=exact, freedom=freedom, robust=robust),
    )


def _cleared(x: Array) -> Array:
    """Return a solution (p,) of the scaled system with 0 for what is only rounding of the rest."""
    largest = max(1.0, float(np.abs(x).max(initial=0.0)))  # the scaled target has a norm near 1
    return np.where(np.abs(x) > ROUNDING * largest, x, 0.0)


def _errors(
    geometry: Geometry,
    residuals: Array,
    related: _Related,
    classical: Array,
    robust: Array | None,
) -> StandardErrors:
    """Return the standard errors of every kind, for the scaled columns."""
    groups, times = related.groups, related.times
    return StandardErrors(
        classical,
        robust,
        None if groups is None else cluster_errors(geometry, residuals, groups),
        None if times is None else hac_errors(geometry, residuals, times),
    )


def _inverse_diagonal(problem: Problem, correction: Correction, condition: float) -> Array | None:
    """Return the diagonal of the inverse of A'WA, refined where plain double is not enough."""
    rows, columns = problem.design.shape
    zeros, identity = np.zeros((rows, columns)), np.eye(columns)
    if condition <= PLAIN_INVERSE_CONDITION:
        return np.diag(correction(zeros, -identity)[1])
    refined = refine(problem, zeros, -identity, correction)
    return None if refined is None else np.diag(refined[0].high)


def _with_dependences(
    solved: LeastSquares,
    problem: Problem,
    geometry: Geometry,
    kept: Indices,
    terms: Sequence[str],
) -> LeastSquares | None:
    """Return the fit of all terms, from that of the `kept` columns, which are independent.

    None if those are so close to depending on each other that it would not be the same fit.
    """
    intercept = problem.intercept()
    centre = intercept if intercept in kept else None
    dependences = Dependences.of(Centred.of(problem.design, problem.root, centre), kept)
    fitted = np.zeros(len(terms))
    fitted[kept] = solved.estimates / problem.column_scale[kept]
    shortest = dependences.shortest(fitted)
    apart = np.abs(problem.design @ (shortest - fitted)).max() * problem.target_scale
    if not apart <= SAME_FIT * np.ptp(problem.target) + SAME_LEVEL * np.abs(problem.target).max():
        return None
    coefficients = list(without_inference(terms, shortest * problem.column_scale))
    for position, coefficient in zip(kept, solved.coefficients, strict=True):
        if dependences.estimable[position]:
            coefficients[position] = coefficient
    aliases = listed([terms[i] for i in dependences.others])
    warning = (
        f"{dependences.clauses(terms)}: the rows cannot tell their effects apart, so these terms "
        "share them by minimum norm and have no standard errors (current_coefficient, variant "
        f"'aliases left out', has the fit without {aliases})."
    )
    return replace(
        solved,
        coefficients=tuple(coefficients),
        without_aliases=solved.coefficients,
        breaches=dependences.breaches * problem.column_scale[:, None],
        condition_number=geometry.condition_number,
        warnings=(warning, *solved.warnings),
    )


def _of_minimum_norm(
    problem: Problem, geometry: Geometry, terms: Sequence[str], reason: str
) -> LeastSquares:
    """Return the solution of minimum norm, which has no inference, with the reason."""
    solution, rank = minimum_norm(problem.design, problem.target, problem.root, problem.intercept())
    rows = len(problem.target)
    residuals = (problem.target * problem.root - problem.whitened @ solution) / problem.target_scale
    warning = (
        f"least squares has no unique solution: {reason}; the coefficients are those of minimum "
        "norm, without standard errors."
        if rank
        else f"least squares has no terms: {listed(terms)} {_is(len(terms))} zero in every row."
    )
    return LeastSquares(
        coefficients=without_inference(
            terms, solution * problem.column_scale / problem.target_scale
        ),
        overall=overall(
            problem.observed,
            residuals,
            problem.root,
            rank=rank,
            constant=problem.has_constant(geometry),
            exact=is_exact(problem.observed, residuals, rows - rank),
        ),
        condition_number=geometry.condition_number,
        rank=rank,
        rows=rows,
        warnings=(warning,),
    )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _doubts(condition: float) -> tuple[str, ...]:
    if condition < DOUBTFUL_CONDITION:
        return ()
    return (
        f"least squares is close to having no unique solution: the scaled condition number is "
        f"{condition:.1e}; read the coefficients together, not one by one.",
    )


def _notes(*, exact: bool, freedom: int, robust: Array | None) -> tuple[str, ...]:
    if not freedom:
        return ("there are as many terms as rows, so nothing is left to judge them by",)
    notes = ["the fit is exact, so t, p and intervals have no value"] if exact else []
    if robust is not None and np.isnan(robust).any():
        notes.append(
            "a row has a leverage of 1: the terms that it decides have no robust standard error"
        )
    return tuple(notes)
