"""The linear start of many rows: the same as of one matrix, in the memory of a block."""

import tracemalloc

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.network import linear_start as module
from regressors.network import ridge
from regressors.network.linear_start import linear_start

ROWS, LEVELS, SCHOOLS = 3000, 60, 600
EVERYTHING = np.ones(ROWS, dtype=bool)


@pytest.fixture
def job():
    rng = np.random.default_rng(8)
    codes = rng.integers(0, [[LEVELS], [LEVELS], [SCHOOLS]], (3, ROWS))
    texts = (np.array([f"level {i}" for i in own], dtype=object) for own in codes)
    columns = {"x": rng.normal(size=ROWS), **dict(zip("abc", texts, strict=True))}
    target = codes[0] % 7 + 3 * rng.normal(size=SCHOOLS)[codes[2]] + columns["x"]
    return Job(
        dataset="made",
        candidate=Candidate("torch", "ann"),
        columns=columns,
        target=target + rng.normal(size=ROWS),
        fold=1 + np.arange(ROWS) % 5,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
    )


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(ridge, "DECOMPOSED_ROWS", 1000)
    monkeypatch.setattr(ridge, "BLOCK_VALUES", 2**13)
    monkeypatch.setattr(module, "PREDICTED_ROWS", 1000)
    monkeypatch.setattr(module, "ENCODED_ROWS", 200)


def test_start_of_many_rows_and_columns_needs_a_part_of_the_memory_of_their_matrix(
    job, small_blocks
):
    tracemalloc.start()
    start = linear_start(job, EVERYTHING, "none", 1)
    start.predict(job.columns)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    columns = len(start.ridge.weights)
    assert columns > 2 * LEVELS
    assert peak < 0.7 * 8 * ROWS * columns


@pytest.mark.parametrize("grouping", ["none", "columns"])
def test_start_by_blocks_is_that_of_all_rows_at_once(job, grouping, request):
    at_once = linear_start(job, EVERYTHING, grouping, 1)
    request.getfixturevalue("small_blocks")
    by_blocks = linear_start(job, EVERYTHING, grouping, 1)
    assert bool(by_blocks.encoding.groups) == (grouping != "none")
    assert by_blocks.ridge.penalty == at_once.ridge.penalty
    np.testing.assert_allclose(by_blocks.residual, at_once.residual, rtol=0, atol=1e-9)
    held = by_blocks.predict(job.columns)
    np.testing.assert_allclose(held, at_once.predict(job.columns), rtol=0, atol=1e-9)
