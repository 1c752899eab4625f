"""No prediction depends on a row that comes later or is not known yet, to the last bit."""

import numpy as np
import pytest
from helpers.later_rows import (
    table_of_blocks,
    training_rows,
    with_other_features,
    with_other_targets,
)

from data.vocabulary import KINDS
from regressors import fitting

BLOCK = 5
"""The last block that may not notice."""


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def before(workers, kind):
    return predictions(workers, table_of_blocks("torch", kind))


def predictions(workers, job):
    """Return what is predicted (n,) of the rows of a job: the training rows, in blocks."""
    fitted = workers.result(workers.submit("torch", fitting.validate, training_rows(job)))
    predicted = np.full(len(job.target), np.nan)
    predicted[~job.is_test] = fitted.out_of_fold
    return predicted


@pytest.mark.parametrize("change", [with_other_targets, with_other_features])
def test_no_prediction_of_training_rows_depends_on_what_comes_later(workers, kind, before, change):
    job = table_of_blocks("torch", kind)
    after = predictions(workers, change(job, BLOCK))
    earlier = (job.fold > 0) & (job.fold <= BLOCK)
    later = (job.fold > BLOCK) & ~job.is_test
    assert np.array_equal(after[earlier], before[earlier])
    assert np.isfinite(before[earlier]).all()
    assert not np.isclose(after[later], before[later]).all()
