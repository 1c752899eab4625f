"""A linear kind on some rows of a job: least squares, or gradient descent towards it."""

import numpy as np

from regressors.arrays import Array, Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part, take
from regressors.linear import least_squares
from regressors.linear.descent import fit_by_descent
from regressors.model import linear_model


def fit_linear(framework: FrameworkModule, job: Job, rows: Mask, *, part: str) -> Part:
    """Fit a linear kind on some rows (a mask); `part` names the fold, the twin or the refit."""
    columns = take(job.columns, rows)
    encoding = Encoding.fit(
        columns,
        products=job.products,
        intercept=job.intercept,
        declared_parts=job.time_parts,
    )
    design = encoding.design(columns)
    if job.candidate.kind == "least_squares":
        return _fit_least_squares(framework, job, rows, encoding, design)
    return fit_by_descent(framework, job, rows, encoding, design, part)


def _fit_least_squares(
    framework: FrameworkModule, job: Job, rows: Mask, encoding: Encoding, design: Array
) -> Part:
    solved = least_squares.solve(
        design,
        job.target[rows],
        encoding.term_names(),
        framework.least_squares_solver,
        weight=None if job.weight is None else job.weight[rows],
    )
    condition = solved.condition_number
    details = {
        "condition_number": condition if np.isfinite(condition) else None,
        "rank": solved.rank,
        "rows": solved.rows,
        "notes": list(solved.notes),
    }
    model = linear_model(job.candidate, encoding, solved.estimates)
    return Part(model, solved.coefficients, details, solved.warnings, solved=solved)
