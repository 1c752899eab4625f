"""A fit that meets its memory limit says so, whichever step it is at, and the process goes on.

Functions without `test_` run in workers.
"""

import resource
import sys
import traceback
from dataclasses import replace

import numpy as np
import pytest

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import WorkerFailed
from regressors.intervals.rules import Rules
from regressors.job import Job

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux holds a process to a limit"
)

MEBIBYTE = 2**20
ROOM = 48 * MEBIBYTE
"""What a fit may take besides the framework itself."""


def with_little_room(framework, function, job, step):
    """Run a fit that is to run out of memory in a function called `step`."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_now() + ROOM, before[1]))
    try:
        function(framework, job)
    except Exception as error:
        resource.setrlimit(resource.RLIMIT_DATA, before)
        steps = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert step in steps, steps
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def data_now():
    """Return the bytes of this process that count towards the limit."""
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def coefficients(framework, job):
    return len(fitting.refit(framework, job).coefficients)


def job_of(framework, columns):
    rows = len(columns["x0"])
    return Job(
        dataset="large",
        candidate=Candidate(framework, "least_squares"),
        columns=columns,
        target=columns["x0"] + np.random.default_rng(1).normal(size=rows),
        fold=1 + np.arange(rows) % 2,
        chained=False,
        hidden=(),
        interval=Rules((0.9,)),
    )


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_a_fit_over_its_memory_limit_is_called_that_in_every_step(workers, framework):
    random = np.random.default_rng(0)
    wide = job_of(framework, {f"x{i}": random.normal(size=2_000) for i in range(600)})
    levels = random.integers(200, size=50_000).astype(str).astype(object)
    long = job_of(framework, {"x0": random.normal(size=50_000), "level": levels})
    many_groups = replace(long, group_numbers=np.arange(len(long.target)))
    for function, job, step in (
        (fitting.validate, wide, "gram_with_levels"),
        (fitting.refit, wide, "gram_with_levels"),
        (fitting.validate, many_groups, "_errors"),
        (fitting.refit, many_groups, "_errors"),
    ):
        ran_out = workers.submit(framework, with_little_room, function, job, step)
        with pytest.raises(WorkerFailed, match=r"^it ran out of memory$"):
            workers.result(ran_out)
    assert workers.result(workers.submit(framework, coefficients, long)) == 201
