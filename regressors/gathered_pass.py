"""The rows of a large table read again for a linear fit, in parts that several processes read.

Once its equations are solved, a fit needs its rows for what their sums do not tell: predictions out
of fold, whose digits depend on the row alone, and the standard errors that hold for any variances.
Those are sums of doubles, of blocks of rows: they are made by block and added in the order of the
rows, so that the digits do not depend on the parts. Errors by group or time are sums per group,
which may be as many as the rows; a single process makes these, and then the others with them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import lcm
from typing import Any

import numpy as np

from regressors.arrays import Array
from regressors.blocks import blocks_of, rows_of
from regressors.encoding.matrices import Encoding
from regressors.file_arrays import PAGE_BYTES, ArraysInParts
from regressors.fitting import fitted_folds
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part, RowsPassed
from regressors.linear import gathered_sums
from regressors.linear.factor import Factor
from regressors.linear.fitted_rows import FittedRows
from regressors.linear.fold_sums import Sums, encoded_rows
from regressors.linear.gathered_sums import RowRange, ranges
from regressors.linear.gram_sums import block_rows
from regressors.linear.least_squares import solvable
from regressors.linear.sandwich import UnequalVariances, sums_of_block
from regressors.linear.solution import Solution
from regressors.linear.system import System
from regressors.model import Model
from regressors.shared_work import Calls, SharedWork

PAGE_ROWS = PAGE_BYTES // 8
"""So many doubles are a page of a file, in which no two processes write."""


@dataclass(frozen=True, eq=False)
class Equation:
    """The solved equation of all rows of a job."""

    encoding: Encoding
    factor: Factor
    solution: Solution


@dataclass(frozen=True, eq=False)
class ToPass:
    """What rows are read again for: predictions by the `models` of folds, errors of `of_all`."""

    models: Mapping[int, Model]
    of_all: Equation | None


@dataclass(frozen=True, eq=False)
class PartPassed:
    """What was found in some rows: predictions (n,), None if they are in a file.

    And what `sums_of_block` returns of each of b blocks, stacked: (b, k) and (b, k).
    """

    predicted: Array | None
    squares: Array
    unseen: Array


def passed_for_validate(job: Job) -> SharedWork[Job]:
    """Gather the fits of the folds, what they predict, and the errors of the twin."""
    if job.half_lives:
        return job  # some folds have sums of their own, which one process makes
    ((fits, equation),) = yield Calls("equations", 1, [(equations_of_folds, (job,))])
    predicted, into = np.empty(0), None
    if job.predictions_file is None:
        predicted = np.full(len(job.target), np.nan)
    else:
        into = ArraysInParts.made(f"{job.predictions_file}.folds", 1, len(job.target))
    models = {number: fit.model for number, fit in fits.items()}
    passing = yield _by_range(job, ToPass(models, equation), into)
    unequal = _unequal(equation)
    for rows, part in zip(blocks_of(len(job.target), _step(equation)), passing, strict=True):
        if part.predicted is not None and into is not None:
            into.write(rows.start, [part.predicted])
        elif part.predicted is not None:
            predicted[rows] = part.predicted
        _add(unequal, part)
    if into is not None:
        (predicted,) = into.arrays()
    return replace(job, passed=RowsPassed(fits, predicted, unequal))


def passed_for_refit(job: Job) -> SharedWork[Job]:
    """Gather the errors of the equation of all rows."""
    if not _wants_errors(job):
        return job
    (equation,) = yield Calls("equation", 1, [(equation_of_all, (job,))])
    if equation is None:
        return job
    unequal = _unequal(equation)
    for part in (yield _by_range(job, ToPass({}, equation), None)):
        _add(unequal, part)
    return replace(job, passed=RowsPassed({}, None, unequal))


def _wants_errors(job: Job) -> bool:
    """Return whether the rows are read again for errors that hold for any variances alone."""
    is_alone = job.group_numbers is None and job.time is None
    return job.candidate.kind == "least_squares" and is_alone


def _unequal(equation: Equation | None) -> UnequalVariances | None:
    return None if equation is None else UnequalVariances(equation.factor.inverse_root)


def _add(unequal: UnequalVariances | None, part: PartPassed) -> None:
    if unequal is not None:
        for of_block in zip(part.squares, part.unseen, strict=True):
            unequal.add_sums(*of_block)


def _step(equation: Equation | None) -> int:
    """Return the rows of a part: whole blocks, as one process reads them, and whole pages."""
    columns = 0 if equation is None else len(equation.encoding.term_names())
    unit = lcm(block_rows(columns), PAGE_ROWS)
    return max(gathered_sums.PART_ROWS // unit, 1) * unit


def _by_range(job: Job, to_pass: ToPass, into: ArraysInParts | None) -> Calls:
    step = _step(to_pass.of_all)

    def calls() -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        for number, rows in enumerate(ranges(job, step)):
            yield pass_range, (replace(rows, begin=number * step, into=into), to_pass)

    return Calls("residuals", -(-len(job.target) // step), calls())


# What the processes are asked for.


def equations_of_folds(
    framework: FrameworkModule, job: Job
) -> tuple[dict[int, Part], Equation | None]:
    """Return the fit of each fold of a job with its sums, and the equation of the twin."""
    fits = fitted_folds(framework, job)
    return fits, equation_of_all(framework, job) if _wants_errors(job) else None


def equation_of_all(_framework: FrameworkModule, job: Job) -> Equation | None:
    """Return the equation of all rows of a job with its sums; None if there is no unique one."""
    sums: Sums | None = job.sums
    everything = np.ones(len(job.target), dtype=bool)
    gram = None if sums is None else sums.gram(everything)
    if sums is None or gram is None:
        return None
    encoding = sums.encoding(everything)
    terms = len(encoding.term_names())
    factor, _ = solvable(System.of(gram), terms)
    return None if factor is None else Equation(encoding, factor, factor.solution(terms + 1))


def pass_range(_framework: FrameworkModule, rows: RowRange, to_pass: ToPass) -> PartPassed:
    """Return what is found in some rows."""
    job = rows.job
    predicted: Array | None = None
    if to_pass.models:
        predicted = np.full(len(job.target), np.nan)
        for number, model in to_pass.models.items():
            held = np.flatnonzero(job.fold == number)
            predicted[held] = model.predict(rows_of(job.columns, held))
        if rows.into is not None:
            rows.into.write(rows.begin, [predicted])
            predicted = None
    sums: list[tuple[Array, Array]] = []
    if to_pass.of_all is not None:
        equation = to_pass.of_all
        read = encoded_rows(job, equation.encoding, np.ones(len(job.target), dtype=bool))
        for block in FittedRows(read, equation.factor, equation.solution).blocks():
            sums.append(sums_of_block(block))
    squares, unseen = map(np.array, zip(*sums, strict=True)) if sums else np.empty((2, 0, 0))
    return PartPassed(predicted, squares, unseen)
