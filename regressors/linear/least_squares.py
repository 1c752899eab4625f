"""Least squares to the last digit, with its inference.

All that is needed of the rows for the coefficients and their classical inference is the exact Gram
matrix of design and target, and the equations are solved without rounding. Standard errors of other
kinds come from a second pass over the rows.

If columns depend on each other, those that do not depend on earlier ones are fitted, and what every
solution has in common is taken from there. With fewer rows than columns, the solution is only the
one of minimum norm. A coefficient is never huge without a warning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import inf, sqrt

import numpy as np

from regressors.arrays import Array, Indices
from regressors.blocks import blocks_of
from regressors.linear.dependence import Dependences, independent_columns, listed
from regressors.linear.factor import Factor
from regressors.linear.fitted_rows import FittedRows, scaled
from regressors.linear.gram import Gram
from regressors.linear.gram_sums import Products
from regressors.linear.inference import (
    IN_THE_SPAN,
    Coefficient,
    Overall,
    StandardErrors,
    Sums,
    coefficients_of,
    without_inference,
)
from regressors.linear.minimum_norm import minimum_norm
from regressors.linear.rows import Rows
from regressors.linear.sandwich import RelatedRows, UnequalVariances
from regressors.linear.solution import Solution
from regressors.linear.system import System
from regressors.linear.wide_factor import factored

MAX_CONDITION = 2e15
"""With a larger condition number, columns of doubles may depend on each other but for rounding."""
DOUBTFUL_CONDITION = 1e14
SAME_FIT, SAME_LEVEL = 1e-8, 1e-13
"""Shares of the spread and of the size of the target by which two predictions may differ."""


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


@dataclass(frozen=True)
class Related:
    """The groups (n,) and times (n,) by which the errors of rows may be alike."""

    groups: Indices | None = None
    times: Array | None = None


def solve(
    design: Array,
    target: Array,
    terms: Sequence[str],
    row_products: Products,
    *,
    weight: Array | None = None,
    groups: Indices | None = None,
    times: Array | None = None,
    recency: float | None = None,
    confidence: float = 0.95,
) -> LeastSquares:
    """Minimise sum(weight (target - design x)^2) and infer, for a design (n, p) in memory.

    `target` is (n,), `terms` are the names of the p columns; a framework computes `row_products`.
    The rest is as in `solve_rows`.
    """
    rows = Rows.of(design, target, weight)
    related = Related(groups, times)
    gram = rows.gram(row_products)
    return solve_rows(rows, gram, terms, related=related, recency=recency, confidence=confidence)


def solve_rows(
    rows: Rows,
    gram: Gram,
    terms: Sequence[str],
    *,
    related: Related = Related(),
    recency: float | None = None,
    confidence: float = 0.95,
    robust: bool = True,
    unequal: UnequalVariances | None = None,
) -> LeastSquares:
    """Minimise sum(weight (target - design x)^2) and infer, from the Gram matrix of the rows.

    `terms` are the names of the p columns. Weights are positive, proportional to one over an error
    variance; 1 where None. Rows with equal numbers in the groups (n,) or close in the times (n,) of
    `related` may have errors that are alike, for which there are more standard errors. The
    intervals of the coefficients hold at `confidence` under normal errors. The residual SD is that
    of a row of weight 1. Unless `robust`, there are only the classical standard errors, for which
    the rows need not be read again.

    `recency` is how much the rows count for their age, in the mean, where they do so. Then a weight
    is no longer one over an error variance: the standard errors, t, p and intervals are the robust
    ones, the F test has no value, and the residual SD is that of a row whose weight without its age
    is 1.

    If columns depend on one another, the fit is that without those that depend on earlier ones, as
    in R's `lm`. A term that has the same coefficient in every solution has its inference; the
    others have coefficients of minimum norm and none.
    """
    problem = _Problem(rows, System.of(gram), terms, related, recency, confidence, robust, unequal)
    if gram.rows < len(terms):
        few = f"{gram.rows} rows cannot distinguish {len(terms)} terms ({listed(terms)})"
        return _of_minimum_norm(problem, few)
    factor, condition = solvable(problem.system, len(terms))
    if factor is not None and condition <= MAX_CONDITION:
        return _unique(problem, factor)
    whole = None if factor is None else _with_dependences(problem, factor, condition)
    return _of_minimum_norm(problem, None) if whole is None else whole


def solvable(system: System, terms: int) -> tuple[Factor | None, float]:
    """Return the factor of all terms, or of as many as do not depend on others.

    None if even those are too close to depending on each other. Beside it is the condition number
    of all terms.
    """
    factor = factored(system, terms)
    condition = factor.condition_number if len(factor.kept) == terms else inf
    if condition <= MAX_CONDITION:
        return factor, condition
    parts = independent_columns(factor, terms)
    return next((p for p in parts if p.condition_number <= MAX_CONDITION), None), condition


@dataclass(frozen=True)
class _Problem:
    """The rows of a fit, the system of their sums, and what is asked.

    In the system, the columns of the design are followed by one of ones and by the target.
    """

    rows: Rows
    system: System
    terms: Sequence[str]
    related: Related
    recency: float | None
    confidence: float
    robust: bool
    unequal: UnequalVariances | None

    @property
    def ones(self) -> int:
        """Return the position of the column of ones."""
        return len(self.terms)

    @property
    def target(self) -> int:
        """Return the position of the target."""
        return len(self.terms) + 1

    def intercept(self) -> int | None:
        """Return the position of the first column that is constant, None if there is none."""
        values, ones = self.system.values, self.ones
        for column in range(ones):
            square = values[column, column]
            # Cauchy and Schwarz: only multiples of each other have products as large as this.
            if square and square * values[ones, ones] == values[column, ones] ** 2:
                return column
        return None

    def sums(self, left: Fraction, rank: int, *, constant: bool) -> Sums:
        """Return the sums of squares of a fit with the sum `left` of scaled residuals."""
        total = self.system.sum(self.target, self.target)
        if constant:
            ones = self.system.sum(self.ones, self.ones)
            total -= self.system.sum(self.ones, self.target) ** 2 / ones
        exponent = int(self.system.exponents[self.target])
        largest = 0.0
        for block in blocks_of(len(self.rows.target)):
            observed = scaled(self.rows.target[block], np.array(-exponent)) * self.rows.root(block)
            largest = max(largest, float(np.abs(observed).max()))
        return Sums(total, left, largest, exponent, len(self.rows.target), rank, constant)

    def overall(self, sums: Sums) -> Overall:
        """Return the fit as a whole, as far as its weights allow."""
        whole = sums.overall()
        if self.recency is None or whole.residual_sd is None:
            return whole
        sd = whole.residual_sd / sqrt(self.recency)
        return replace(whole, residual_sd=sd, f=None, f_p=None)


def _unique(problem: _Problem, factor: Factor) -> LeastSquares:
    """Return the only solution for the columns that a factor has kept, with its inference."""
    solution = factor.solution(problem.target)
    terms = [problem.terms[i] for i in factor.kept]
    constant = _has_constant(problem, factor)
    sums = problem.sums(solution.residual, len(terms), constant=constant)
    robust = None
    if sums.freedom:
        errors = _errors(problem, factor, solution, sums)
        robust = errors.robust
        if problem.recency is not None and robust is not None:
            errors = replace(errors, classical=robust)
        units = problem.system.exponents[problem.target] - problem.system.exponents[factor.kept]
        coefficients = coefficients_of(
            terms,
            solution.estimates,
            errors.times(units),
            freedom=sums.freedom,
            confidence=problem.confidence,
            exact=sums.exact,
        )
    else:
        coefficients = without_inference(terms, solution.estimates)
    return LeastSquares(
        coefficients=coefficients,
        overall=problem.overall(sums),
        condition_number=factor.condition_number,
        rank=len(terms),
        rows=sums.rows,
        warnings=_doubts(factor.condition_number),
        notes=_notes(problem.recency, exact=sums.exact, freedom=sums.freedom, robust=robust),
    )


def _has_constant(problem: _Problem, factor: Factor) -> bool:
    """Return whether a kept column, or a combination of them, is constant."""
    return problem.intercept() in factor.kept or factor.share_left(problem.ones) <= IN_THE_SPAN


def _errors(problem: _Problem, factor: Factor, solution: Solution, sums: Sums) -> StandardErrors:
    """Return the standard errors of every kind, for scaled columns and the scaled target."""
    inverse_root, related = factor.inverse_root, problem.related
    classical = np.sqrt(np.square(inverse_root).sum(axis=0)) * sums.scaled_sd
    if not problem.robust:
        return StandardErrors(classical)
    unequal = problem.unequal or UnequalVariances(inverse_root)
    groups, times = (
        None if labels is None else RelatedRows(inverse_root, labels)
        for labels in (related.groups, related.times)
    )
    missing = (None if problem.unequal else unequal, groups, times)
    if kinds := [kind for kind in missing if kind is not None]:
        for block in FittedRows(problem.rows, factor, solution).blocks():
            for kind in kinds:
                kind.add(block)
    return StandardErrors(
        classical,
        unequal.errors(),
        None if groups is None else groups.cluster_errors(),
        None if times is None else times.hac_errors(),
    )


def _with_dependences(problem: _Problem, factor: Factor, condition: float) -> LeastSquares | None:
    """Return the fit of all terms, from that of the kept columns, which are independent.

    None if those are so close to depending on each other that it would not be the same fit.
    """
    solved, terms = _unique(problem, factor), problem.terms
    intercept = problem.intercept()
    centre = intercept if intercept in factor.kept else None
    dependences = Dependences.of(factor, len(terms), centre)
    exponents = problem.system.exponents
    of_target = int(exponents[problem.target])
    fitted = np.zeros(len(terms))
    fitted[factor.kept] = factor.solution(problem.target).scaled.high
    shortest = dependences.shortest(fitted)
    if not _same_fit(problem, shortest - fitted):
        return None
    estimates = np.ldexp(shortest, of_target - exponents[: len(terms)])
    coefficients = list(without_inference(terms, estimates))
    for position, coefficient in zip(factor.kept, solved.coefficients, strict=True):
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
        breaches=np.ldexp(dependences.breaches, -exponents[: len(terms), None]),
        condition_number=condition,
        warnings=(warning, *solved.warnings),
    )


def _same_fit(problem: _Problem, apart: Array) -> bool:
    """Return whether no prediction changes with scaled coefficients that change by `apart` (p,)."""
    rows, exponents = problem.rows, -problem.system.exponents
    furthest = 0.0
    for block in rows.ranges():
        design = scaled(rows.design(block), exponents[: len(apart)])
        furthest = max(furthest, float(np.abs(design @ apart).max()))
    ends = np.array([rows.target.min(), rows.target.max()])
    low, high = map(float, scaled(ends, exponents[problem.target]))
    return furthest <= SAME_FIT * (high - low) + SAME_LEVEL * max(high, -low)


def _of_minimum_norm(problem: _Problem, reason: str | None) -> LeastSquares:
    """Return the solution of minimum norm, which has no inference, with the reason."""
    terms, system = problem.terms, problem.system
    intercept = problem.intercept()
    shortest = minimum_norm(problem.rows, system, intercept)
    rank, condition = shortest.rank, shortest.condition_number
    reason = reason or f"the scaled condition number is {condition:.1e}"
    warning = (
        f"least squares has no unique solution: {reason}; the coefficients are those of minimum "
        "norm, without standard errors."
        if rank
        else f"least squares has no terms: {listed(terms)} {_is(len(terms))} zero in every row."
    )
    left = Fraction(shortest.left) ** 2
    units = system.exponents[problem.target] - system.exponents[: len(terms)]
    return LeastSquares(
        coefficients=without_inference(terms, np.ldexp(shortest.solution, units)),
        overall=problem.overall(problem.sums(left, rank, constant=shortest.constant)),
        condition_number=condition,
        rank=rank,
        rows=len(problem.rows.target),
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


def _notes(
    recency: float | None, *, exact: bool, freedom: int, robust: Array | None
) -> tuple[str, ...]:
    if not freedom:
        return ("there are as many terms as rows, so nothing is left to judge them by",)
    notes = ["the fit is exact, so t, p and intervals have no value"] if exact else []
    if robust is not None and np.isnan(robust).any():
        notes.append(
            "a row has a leverage of 1: the terms that it decides have no robust standard error"
        )
    if recency is not None and robust is not None:
        notes.append(
            "rows count less for their age, which says nothing of their variance: the standard"
            " errors, t, p and intervals are the robust ones (HC3), and there is no F test"
        )
    return tuple(notes)
