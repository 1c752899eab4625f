"""A linear kind on some rows of a job: least squares, or gradient descent towards it."""

from dataclasses import replace

import numpy as np

from regressors.arrays import Array, Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part, take
from regressors.linear import least_squares
from regressors.linear.complete_cases import fit_complete_cases
from regressors.linear.descent import fit_by_descent
from regressors.linear.related_rows import groups_warning, times_warning
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
        fitted = _fit_least_squares(framework, job, rows, encoding, design)
        return fitted if part != "refit" else _with_complete_cases(framework, job, fitted, design)
    return fit_by_descent(framework, job, rows, encoding, design, part)


def _fit_least_squares(
    framework: FrameworkModule, job: Job, rows: Mask, encoding: Encoding, design: Array
) -> Part:
    groups = job.groups_of(rows)
    times = None if job.time is None else job.time[rows]
    solved = least_squares.solve(
        design,
        job.target[rows],
        encoding.term_names(),
        framework.row_products,
        weight=None if job.weight is None else job.weight[rows],
        groups=groups,
        times=times,
    )
    condition = solved.condition_number
    details = {
        "condition_number": condition if np.isfinite(condition) else None,
        "rank": solved.rank,
        "rows": solved.rows,
        "notes": list(solved.notes),
    }
    warnings = solved.warnings
    if groups is not None and job.group_column:
        warnings += groups_warning(solved, job.group_column, len(np.unique(groups)))
    if times is not None and job.time_column:
        warnings += times_warning(solved, job.time_column)
    model = linear_model(job.candidate, encoding, solved.estimates, solved.breaches)
    return Part(model, solved.coefficients, details, warnings, solved=solved)


def _with_complete_cases(framework: FrameworkModule, job: Job, part: Part, design: Array) -> Part:
    """Add the fit on the complete rows to that of all rows of a job, if many values are missing."""
    (member,) = part.model.members
    assert part.solved is not None
    complete = fit_complete_cases(job, member.encoding, design, part.solved, framework.row_products)
    if complete is None:
        return part
    warnings = part.warnings + complete.warnings
    return replace(part, complete_cases=complete.solved, warnings=warnings)
