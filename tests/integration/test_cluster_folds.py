"""The folds of an ANN on a real cluster: a job each, on two workers, of which one is killed."""

import threading
from dataclasses import replace

import numpy as np
import psutil
import pytest
from helpers.dask_cluster import (
    begun_in,
    cluster_in,
    fit_of_50_seconds,
    fit_of_50_seconds_more,
    night_on,
    wait_for,
    wait_for_file,
)
from helpers.gathering import bits_of_network

from regressors import fitting, gathered_networks, gathering
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.shared_work import Calls
from tasks.run.row_files import RowFiles
from tasks.run.workers import FrameworkWorkers

ROWS = 600
NUMBERS = np.arange(ROWS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def night(cluster):
    with night_on(cluster.address) as made:
        wait_for(lambda: len(made.having("torch")) == 2, "the workers have not come")
        yield made


@pytest.fixture(scope="module")
def workers(night):
    return FrameworkWorkers(night, night)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job whose columns are in files of the driver, as those of a night are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("rows")))
        files = RowFiles()
        rng = np.random.default_rng(65)
        columns = {name: files.stored(rng.normal(size=ROWS)) for name in "xy"}
        yield Job(
            dataset="folds",
            candidate=Candidate("torch", "ann"),
            columns=columns,
            target=files.stored(np.sin(2 * columns["x"]) + 0.1 * rng.normal(size=ROWS)),
            fold=files.stored(1 + NUMBERS % 3),
            chained=False,
            hidden=(8,),
            interval=Rules((0.9,)),
            predictions_file=str(files.new_path()),
            table="folds",
        )


@pytest.fixture(scope="module")
def alone(workers, job):
    """The bits of the fit that one worker makes alone."""
    return bits_of_network(workers.run(fitting.validate, job))


@pytest.fixture(autouse=True)
def all_folds_are_shared(monkeypatch):
    monkeypatch.setattr(gathered_networks, "MIN_PRODUCTS", 0)


def test_two_workers_make_the_fit_and_the_refit_of_one(cluster, workers, job, alone):
    fitted = workers.run(fitting.validate, job, gather=gathering.for_validate)
    assert bits_of_network(fitted) == alone
    assert len(cluster.framework_processes()) == 2
    again = replace(job, grouping="none", predictions_file=None)
    wanted = workers.run(fitting.refit, again)
    refit = workers.run(fitting.refit, again, gather=gathering.for_refit)
    assert bits_of_network(refit) == bits_of_network(wanted)


def too_long(job, _kept):
    """Gather three fits, of which two take more than the time limit together."""
    calls = [
        (wait_for_file, (job,)),
        (fit_of_50_seconds, (job,)),
        (fit_of_50_seconds_more, (job,)),
    ]
    yield Calls("folds", 3, calls, are_fits=True)
    return job


def test_folds_have_one_time_limit_together_and_what_goes_on_is_ended(workers, job, tmp_path):
    job = replace(job, dataset=str(tmp_path))
    assert workers.run(fitting.validate, job, gather=too_long) == (
        "it took longer than the limit of 60 seconds (NIGHTFIT_FIT_TIME_LIMIT) and was stopped"
    )
    (child,) = begun_in(tmp_path)
    wait_for(lambda: not psutil.pid_exists(child), "a fold goes on")
    assert workers.take_warnings() == ()


def test_a_worker_that_is_killed_amid_a_fold_loses_that_one_alone(
    cluster, night, workers, job, alone, caplog, monkeypatch
):
    monkeypatch.setattr("tasks.run.progress.FIRST_SECONDS", 0.0)
    monkeypatch.setattr("tasks.run.progress.EVERY_SECONDS", 0.0)
    child, *_ = cluster.framework_processes()
    victim = child.parent()
    child.suspend()  # so that the fold is not done before its end
    made = []

    def fit():
        made.append(workers.run(fitting.validate, job, gather=gathering.for_validate))

    fitting_it = threading.Thread(target=fit)
    fitting_it.start()
    wait_for(lambda: "2 of 3 folds done, begun on tcp://" in caplog.text, "the others are not done")
    victim.kill()
    child.kill()
    fitting_it.join()
    assert bits_of_network(made[0]) == alone
    (warning,) = workers.take_warnings()
    assert warning.endswith("of the cluster was lost amid a fit; another one does it again.")
