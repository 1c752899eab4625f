"""Networks of folds that several processes train make the model of one process, bit by bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import numpy_framework
from helpers.gathering import bits_of_network, gathered

from regressors import fitting, gathered_networks, gathering
from regressors.arrays import CodedTexts
from regressors.candidate import Candidate
from regressors.file_arrays import place_of
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.kept_sums import KeptSums
from regressors.network.plan import Plan

ROWS = 1_200
PLAN = Plan(
    networks=3,
    epochs=4,
    refit_epochs=2,
    rows=ROWS,
    share=0.5,
    products=1e9,
    budget=1e9,
)


@pytest.fixture(autouse=True)
def shared(monkeypatch):
    monkeypatch.setattr(gathered_networks, "MIN_PRODUCTS", 0)


def made(effect, **changes):
    """Return a job whose target depends on pairs of levels, on single ones, on both, or on none."""
    rng = np.random.default_rng(65)
    town, shift, line = rng.integers(0, [[150], [8], [6]], (3, ROWS))
    of_pairs, of_town = rng.normal(size=(8, 6))[shift, line], rng.normal(size=150)[town]
    of = {"pairs": of_pairs, "columns": of_town, "both": of_pairs + of_town}
    labels = np.array([*(f"l{i}" for i in range(150)), None], dtype=object)
    x = rng.normal(size=ROWS)
    levels = {"town": town, "shift": shift, "line": line}
    texts: Any = {
        name: CodedTexts(codes.astype(np.int32), labels) for name, codes in levels.items()
    }
    job = Job(
        dataset="folds",
        candidate=Candidate("numpy", "ann"),
        columns={"x": x, **texts},
        target=x + 3 * of.get(effect, 0.0) + 0.1 * rng.normal(size=ROWS),
        fold=1 + np.arange(ROWS) % 5,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        weight=1.0 + np.arange(ROWS) % 3,
    )
    return replace(job, **changes)


def by_many(gather, job):
    return gathered(gather, numpy_framework, job, KeptSums())


@pytest.mark.parametrize(
    ("effect", "grouping", "rounds"),
    [
        ("both", "pairs", [5, 10]),
        ("pairs", "pairs", [5, 5]),
        ("columns", "columns", [5, 10]),
        ("nothing", "none", [5]),
    ],
)
def test_folds_of_many_processes_have_the_groups_and_the_bits_of_one(
    effect, grouping, rounds, monkeypatch
):
    job = made(effect)
    wanted = fitting.validate(numpy_framework, job)
    assert wanted.grouping == grouping
    ready, calls = by_many(gathering.for_validate, job)
    assert calls == [("folds", number) for number in rounds]
    monkeypatch.setattr(numpy_framework, "train", None)  # nothing is left to be trained
    assert bits_of_network(fitting.validate(numpy_framework, ready)) == bits_of_network(wanted)


def test_folds_with_a_plan_are_joined_and_those_that_decided_are_not_trained_again():
    job = made("both", plan=PLAN)
    wanted = fitting.group(numpy_framework, job)
    ready, calls = by_many(gathering.for_group, job)
    assert calls == [("folds", 1), ("folds", 2)]
    decided = fitting.group(numpy_framework, ready)
    assert decided.grouping == wanted.grouping == "pairs"
    assert decided.fits.keys() == wanted.fits.keys() == {3}
    job = replace(job, grouping="pairs", ready=decided.fits)
    ready, calls = by_many(gathering.for_validate, job)
    assert calls == [("folds", 2)]
    assert bits_of_network(fitting.validate(numpy_framework, ready)) == bits_of_network(
        fitting.validate(numpy_framework, job)
    )


def test_a_refit_begins_with_the_networks_of_the_twin_wherever_it_is_trained():
    twin = fitting.validate(numpy_framework, made("nothing", plan=PLAN, grouping="none"))
    job = made("nothing", plan=PLAN, grouping="none", members=twin.model.members)
    ready, calls = by_many(gathering.for_refit, job)
    assert calls == [("folds", 3)]
    refit = fitting.refit(numpy_framework, ready)
    assert {fold["begins_with"] for fold in refit.details["folds"]} == {"network of the twin"}
    assert bits_of_network(refit) == bits_of_network(fitting.refit(numpy_framework, job))


def test_predictions_of_a_fold_stay_in_a_file_where_workers_see_it(tmp_path):
    job = made("nothing", grouping="none", predictions_file=str(tmp_path / "predicted"))
    fit = gathered_networks.fold_fit_of_worker(numpy_framework, job, 2, "none")
    assert place_of(fit.held_predictions)[0] == str(tmp_path / "predicted")


def test_short_folds_chained_ones_and_those_without_their_plan_are_left_to_one_process(monkeypatch):
    monkeypatch.undo()
    assert not gathered_networks.are_shared(made("nothing"))
    assert gathered_networks.are_shared(made("nothing", hidden=(4096, 4096)))
    large = replace(made("nothing"), target=np.zeros(15_000), fold=np.ones(15_000, int))
    assert gathered_networks.are_shared(large)
    assert not gathered_networks.are_shared(replace(large, budget=1.0))
    assert gathered_networks.are_shared(replace(large, plan=replace(PLAN, rows=50_000)))
    assert not gathered_networks.are_shared(replace(large, chained=True))
