"""No prediction depends on a row that comes later or is not known yet, to the last bit."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.later_rows import (
    table_of_blocks,
    training_rows,
    with_other_features,
    with_other_targets,
)

from data.vocabulary import POOLED_KINDS
from regressors import fitting
from regressors.recency import choose_half_life, gain_of_ann
from regressors.rolling import roll


@pytest.fixture(scope="module", params=POOLED_KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def before(workers, kind):
    job = weighed(workers, table_of_blocks("torch", kind))
    assert job.half_lives[1] is None
    assert any(job.half_lives[number] for number in range(1, 10))
    return predictions(workers, job)


def weighed(workers, job):
    """Return the job with the half-lives that its training rows show."""
    choice = workers.result(workers.submit("torch", choose_half_life, training_rows(job)))
    job = replace(job, half_life=choice.chosen, half_lives=choice.by_fold)
    if not job.candidate.is_linear:
        tried = workers.result(workers.submit("torch", gain_of_ann, training_rows(job)))
        job = replace(job, half_lives=tried.by_fold)
    return job


def predictions(workers, job):
    """Return what is predicted of the rows of a job, and the ends of the intervals: (n, 3)."""
    fitted = workers.result(workers.submit("torch", fitting.validate, training_rows(job)))
    rolled = workers.result(workers.submit("torch", roll, job, fitted))
    predicted = np.full((len(job.target), 3), np.nan)
    predicted[~job.is_test] = np.column_stack([fitted.out_of_fold, *fitted.ends[0]])
    predicted[job.is_test] = np.column_stack([rolled.predicted, *rolled.ends[0]])
    return predicted


@pytest.mark.parametrize("block", [9, 16])
@pytest.mark.parametrize("change", [with_other_targets, with_other_features])
def test_no_prediction_depends_on_what_comes_later(workers, kind, before, change, block):
    job = table_of_blocks("torch", kind)
    assert (job.fold == block).any()
    assert job.is_test[job.fold == block].all() == (block == 16)
    after = predictions(workers, weighed(workers, change(job, block)))
    earlier = (job.fold > 0) & (job.fold <= block)
    assert np.isfinite(before[earlier, 0]).all()
    assert np.isfinite(before[job.is_test]).all()
    assert np.array_equal(after[earlier], before[earlier], equal_nan=True)
    known = job.known[job.fold > 0].min()
    later = job.fold > max(block, known)
    assert not np.isclose(after[later, 0], before[later, 0]).all()


def test_a_test_row_with_an_unknown_level_has_a_wider_interval(workers):
    job = table_of_blocks("torch", "least_squares")
    fitted = workers.result(workers.submit("torch", fitting.validate, training_rows(job)))
    rows = np.flatnonzero(job.is_test)
    row = int(rows[np.argmin(job.fold[rows])])  # no interval of its block depends on its target
    level = job.columns["level"].copy()
    level[row] = "never seen"
    changed = replace(job, columns={**job.columns, "level": level}, table="other")
    of_first = job.fold[rows] == job.fold[row]
    widths = []
    for each in (job, changed):
        rolled = workers.result(workers.submit("torch", roll, each, fitted))
        widths.append((rolled.upper - rolled.lower)[of_first])
    is_row = rows[of_first] == row
    assert "never seen" in rolled.notes()[of_first][is_row][0]
    assert (widths[1][is_row] > widths[0][is_row]).all()
    assert is_row.sum() < len(is_row)
    np.testing.assert_array_equal(widths[1][~is_row], widths[0][~is_row])
