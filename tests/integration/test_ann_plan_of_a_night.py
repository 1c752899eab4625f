"""The plan of the ANNs of a night: one framework decides for all of them."""

import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from data.declarations.model import Declaration
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import Workers
from regressors.job import Fitted
from regressors.network.plan import MOST_EPOCHS
from tasks.check import check
from tasks.fit import fit
from tasks.plan import plan
from tasks.read import read
from tasks.run.ann_plan import AnnPlan, EarlierPlan
from tasks.run.rate import FILE
from tasks.run.recency import Recency
from tasks.run.workers import FrameworkWorkers
from tasks.split import split

RATE = EarlierPlan(rate=1e5)
"""A slow machine, so that a small table needs a plan for a declared minute."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 2))
    lines = [f"{i},{x:.4f},{x * x + 0.2 * noise:.4f}" for i, (x, noise) in enumerate(rows)]
    source = folder / "rows.csv"
    source.write_text("\n".join(["id,x,y", *lines]), encoding="utf-8")
    declaration = Declaration.model_validate(
        {
            "name": "shop",
            "source": {"path": source},
            "key": "id",
            "target": "y",
            "ann": {"hidden": [4], "budget": "1 minutes"},
        }
    )
    snapshot = read.fn(declaration, folder)
    return split.fn(declaration, snapshot, check.fn(declaration, snapshot))


def anns(*frameworks):
    return tuple(Candidate(framework, "ann") for framework in frameworks)


def test_first_framework_of_the_registry_decides_for_all_and_does_not_train_a_fold_twice(
    prepared, workers, tmp_path
):
    night = FrameworkWorkers(workers)
    backwards = anns("theano", "torch")
    made = plan.fn(backwards, prepared, night, Recency(), home=tmp_path, earlier=RATE)
    assert isinstance(made, AnnPlan)
    assert made.decided_by == "torch"
    assert (made.plan.budget, made.plan.rate) == (60 * 1e5, 1e5)
    assert made.plan.epochs <= MOST_EPOCHS
    assert list(made.ready) == [5]
    fits = {c.framework: fit.fn(c, prepared, {}, night, Recency(), made) for c in backwards}
    for framework, fitted in fits.items():
        assert isinstance(fitted, Fitted)
        assert (fitted.plan, fitted.grouping) == (made.plan, made.grouping)
        assert fitted.details["decided_by"] == fitted.decided_by == "torch"
        last = fitted.details["folds"][-1]["seconds"]
        assert (last == made.ready[5].details["seconds"]) == (framework == "torch")
    assert not (tmp_path / FILE).exists()


def test_framework_and_rate_of_a_stored_run_decide_when_it_is_trained_again(
    prepared, workers, tmp_path
):
    earlier = EarlierPlan("torch", 1e5)
    made = plan.fn(
        anns("theano"),
        prepared,
        FrameworkWorkers(workers),
        Recency(),
        home=tmp_path,
        earlier=earlier,
    )
    assert isinstance(made, AnnPlan)
    assert made.decided_by == "torch"


def test_next_framework_decides_where_the_first_one_fails(
    prepared, workers, tmp_path, monkeypatch, caplog
):
    broken = tmp_path / "broken" / "tensorflow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half installed')")
    path = f"{broken.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(str(broken.parent))
    reason = "tensorflow cannot be imported (ImportError: half installed)"
    with Workers(("tensorflow", "torch"), home=tmp_path, time_limit=60) as processes:
        night = FrameworkWorkers(processes)
        made = plan.fn(
            anns("torch", "tensorflow"), prepared, night, Recency(), home=tmp_path, earlier=RATE
        )
        assert isinstance(made, AnnPlan)
        assert made.decided_by == "torch"
        assert f"tensorflow could not plan the ANNs: {reason}" in caplog.text
        alone = plan.fn(anns("tensorflow"), prepared, night, Recency(), home=tmp_path, earlier=RATE)
        assert alone == {"tensorflow": reason}
        assert fit.fn(anns("tensorflow")[0], prepared, {}, night, Recency(), alone) == reason


def test_machine_is_measured_once_where_no_rate_is_known(prepared, workers, tmp_path):
    made = plan.fn(anns("torch"), prepared, FrameworkWorkers(workers), Recency(), home=tmp_path)
    assert made is None  # a minute of a real machine is enough for these rows, without a plan
    assert (tmp_path / FILE).is_file()


@dataclass
class Patient:
    """An argument that says how long its job may take."""

    time_limits: float


def sleep(_, argument):
    time.sleep(1.0)
    return argument.time_limits


def test_job_may_take_as_many_time_limits_as_its_argument_says(tmp_path):
    with Workers(FRAMEWORK_NAMES[1:2], home=tmp_path, time_limit=0.5) as processes:
        for _ in range(2):  # the first job of a process has more time in any case
            assert processes.result(processes.submit("torch", sleep, Patient(100.0))) == 100.0
