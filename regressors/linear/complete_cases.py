"""The same equation on the rows without a missing value, where many values are filled in.

A number that is missing is filled in with its median, beside an indicator. That keeps every row for
the prediction, but it biases the slopes of columns that are related (Jones 1996, Journal of the
American Statistical Association 91). The complete rows show by how much.
"""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Columns, Mask
from regressors.blocks import release
from regressors.encoding.columns import is_missing
from regressors.encoding.matrices import Encoding
from regressors.job import Job
from regressors.linear.dependence import MAX_NAMED_TERMS
from regressors.linear.fold_sums import encoded_rows, gram_of_rows
from regressors.linear.gram_sums import Products
from regressors.linear.least_squares import LeastSquares, Related, solve_rows
from regressors.progress import part

MIN_MISSING_SHARE = 0.05
"""Up to this share of a column, values that are filled in hardly matter."""
MIN_SPARE_ROWS = 20
"""The complete rows are to be so many more than the terms."""


@dataclass(frozen=True)
class CompleteCases:
    """The fit on the complete rows, None where there are too few, and a sentence on it."""

    solved: LeastSquares | None
    warnings: tuple[str, ...]


def fit_complete_cases(
    job: Job, encoding: Encoding, everything: LeastSquares, row_products: Products
) -> CompleteCases | None:
    """Fit the rows of a job without a missing value; None where hardly any value is filled in.

    `everything` is the fit of all rows of the job. Terms that are zero in every complete row, such
    as those of missing values, are left out.
    """
    columns = {name: job.columns[name] for name in encoding.column_types}
    shares = _filled_in(columns)
    if not shares:
        return None
    complete = _complete(columns)
    terms = encoding.term_names()
    read = encoded_rows(job, encoding, complete)
    with part("sums"):
        gram = gram_of_rows(job, encoding, complete, row_products)
    rows = len(read.target)
    there = np.flatnonzero(gram.diagonal[: len(terms)])
    filled = f"{_missing(shares)} missing, and filling in the median can bias slopes"
    if rows < len(there) + MIN_SPARE_ROWS:
        too_few = f"{filled}; {rows:,} complete rows are too few to compare with."
        return CompleteCases(None, (too_few,))
    times = None if job.time is None else job.time[complete]
    with part("residuals"):
        solved = solve_rows(
            read.take(there),
            gram.take([*there, len(terms), len(terms) + 1]),
            [terms[i] for i in there],
            related=Related(job.groups_of(complete), times),
            recency=job.mean_recency(complete),
        )
    compared = _furthest(everything, solved)
    others = (f"on the complete rows, {w}" for w in solved.warnings if w not in everything.warnings)
    return CompleteCases(
        solved,
        (
            f"{filled}: on the {rows:,} complete rows {compared} "
            "(current_coefficient, variant 'complete cases').",
            *others,
        ),
    )


def _filled_in(columns: Columns) -> dict[str, float]:
    """Return the share that is missing of each number or time of which much is, most first."""
    shares = {}
    for name, values in columns.items():
        if values.dtype.kind != "O":
            shares[name] = float(is_missing(values).mean())
            release([values])
    much = {name: share for name, share in shares.items() if share > MIN_MISSING_SHARE}
    return dict(sorted(much.items(), key=lambda item: (-item[1], item[0])))


def _complete(columns: Columns) -> Mask:
    complete: Mask = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for values in columns.values():
        complete &= ~is_missing(values)
        release([values])
    return complete


def _missing(shares: dict[str, float]) -> str:
    """Return "31% of a and 8% of b are", the first few columns."""
    shown = [f"{share:.0%} of {name}" for name, share in shares.items()][:MAX_NAMED_TERMS]
    if len(shares) == 1:
        return f"{shown[0]} is"
    if len(shares) > len(shown):
        return f"{', '.join(shown)} and much of {len(shares) - len(shown)} more are"
    return f"{', '.join(shown[:-1])} and {shown[-1]} are"


def _furthest(everything: LeastSquares, complete: LeastSquares) -> str:
    """Return a clause on the term whose estimates are furthest apart, in standard errors."""
    estimates = {
        coefficient.term: coefficient.estimate
        for coefficient in everything.coefficients
        if coefficient.standard_error
    }
    apart = [
        (abs(coefficient.estimate - estimates[coefficient.term]) / coefficient.standard_error, i)
        for i, coefficient in enumerate(complete.coefficients)
        if coefficient.standard_error and coefficient.term in estimates
    ]
    if not apart:
        return "no standard errors can be compared"
    furthest = complete.coefficients[max(apart)[1]]
    return f"{furthest.term} is {furthest.estimate:.3g}, not {estimates[furthest.term]:.3g}"
