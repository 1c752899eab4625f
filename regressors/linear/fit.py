"""A linear kind on some rows of a job: least squares, or gradient descent towards it."""

from dataclasses import replace

import numpy as np

from regressors.arrays import Mask
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part
from regressors.linear.complete_cases import fit_complete_cases
from regressors.linear.descent import fit_by_descent
from regressors.linear.fold_sums import Sums, encoded_rows, fit_encoding, gram_of_rows
from regressors.linear.gram import Gram
from regressors.linear.least_squares import Related, solve_rows
from regressors.linear.related_rows import groups_warning, times_warning
from regressors.linear.rows import Rows
from regressors.model import linear_model
from regressors.progress import part as part_of_work
from regressors.progress import parts


def fit_linear(
    framework: FrameworkModule, job: Job, rows: Mask, *, part: str, sums: Sums | None = None
) -> Part:
    """Fit a linear kind on some rows (a mask); `part` names the fold, the twin or the refit.

    With `sums`, the encoding is from there, and only rows are read whose sums are not.
    """
    if sums is None:
        encoding, gram = fit_encoding(job, None if rows.all() else rows), None
    else:
        encoding, gram = sums.encoding(rows), sums.gram(rows)
    read = encoded_rows(job, encoding, rows)
    if gram is None:
        with part_of_work("sums"):
            gram = gram_of_rows(job, encoding, rows, framework.row_products)
    if job.candidate.kind != "least_squares":
        return fit_by_descent(framework, job, rows, encoding, gram, part)
    fitted = _fit_least_squares(job, rows, encoding, read, gram, part)
    return fitted if part != "refit" else _with_complete_cases(framework, job, fitted)


def _fit_least_squares(
    job: Job, rows: Mask, encoding: Encoding, read: Rows, gram: Gram, part: str
) -> Part:
    robust = part in ("twin", "refit")
    groups = job.groups_of(rows) if robust else None
    times = job.time[rows] if robust and job.time is not None else None
    with part_of_work("residuals"):
        solved = solve_rows(
            read,
            gram,
            encoding.term_names(),
            related=Related(groups, times),
            recency=job.mean_recency(rows),
            robust=robust,
            unequal=job.passed.unequal if robust and job.passed else None,
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


def _with_complete_cases(framework: FrameworkModule, job: Job, part: Part) -> Part:
    """Add the fit on the complete rows to that of all rows of a job, if many values are missing."""
    (member,) = part.model.members
    assert part.solved is not None
    with part_of_work("complete rows", 2), parts(2):
        complete = fit_complete_cases(job, member.encoding, part.solved, framework.row_products)
    if complete is None:
        return part
    warnings = part.warnings + complete.warnings
    return replace(part, complete_cases=complete.solved, warnings=warnings)
