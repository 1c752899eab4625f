"""Whole fits of an ANN: honest on noise, better with groups, and alike in every framework."""

from dataclasses import replace

import numpy as np
import pytest

from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.model import Model
from regressors.network import recipe
from regressors.network.plan import Plan
from regressors.network.progress import halves


def job_of(columns, target, framework="torch", **changes):
    made = Job(
        dataset="network",
        candidate=Candidate(framework, "ann"),
        columns=columns,
        target=target,
        fold=1 + np.random.default_rng(0).integers(0, 5, len(target)),
        chained=False,
        hidden=(16,),
        interval=Rules((0.9,)),
    )
    return replace(made, **changes)


def noise(rows, seed):
    rng = np.random.default_rng([rows, seed])
    columns = {f"x{i}": rng.normal(size=rows) for i in range(4)}
    levels = [f"group {i}" for i in rng.integers(0, rows // 8, rows)]
    return {**columns, "group": np.array(levels, dtype=object)}, rng.normal(size=rows)


def out_of_fold_r2(fitted, target):
    errors = np.square(target - fitted.out_of_fold)
    return 1 - errors.mean() / target.var()


@pytest.mark.parametrize(("rows", "fits"), [(100, 12), (600, 9)])
def test_out_of_fold_error_on_pure_noise_promises_nothing(workers, rows, fits):
    jobs = []
    for seed in range(fits):
        columns, target = noise(rows, seed)
        framework = FRAMEWORK_NAMES[seed % len(FRAMEWORK_NAMES)]
        job = job_of(columns, target, framework, dataset=f"noise {seed}")
        jobs.append((target, workers.submit(framework, fitting.validate, job)))
    r2 = np.array([out_of_fold_r2(workers.result(job), target) for target, job in jobs])
    assert r2.mean() <= 2 * r2.std(ddof=1) / np.sqrt(fits)


def grouped(rows=2500, seed=8):
    """Return rows of schools that differ, which a line in x cannot explain."""
    rng = np.random.default_rng(seed)
    school = rng.integers(0, 250, rows)
    x = rng.normal(size=rows)
    names = np.array([f"school {i}" for i in school], dtype=object)
    target = rng.normal(size=250)[school] + np.sin(2 * x) + 0.5 * rng.normal(size=rows)
    return {"x": x, "school": names}, target


def test_groups_are_used_where_they_help_and_only_there(workers):
    columns, target = grouped()
    plain, chosen = (
        workers.result(workers.submit("torch", fitting.validate, job_of(columns, target, **how)))
        for how in ({"grouping": "none"}, {})
    )
    assert chosen.grouping == "columns"
    assert plain.grouping == "none"
    assert out_of_fold_r2(chosen, target) > out_of_fold_r2(plain, target) + 0.05
    assert all(fold["groups"] == [["school"]] for fold in chosen.details["folds"])
    refit = workers.result(
        workers.submit("torch", fitting.refit, job_of(columns, target, grouping=chosen.grouping))
    )
    assert [group.name for group in refit.model.members[0].encoding.groups] == ["school"]
    columns, target = noise(600, 1)
    on_noise = workers.result(workers.submit("torch", fitting.validate, job_of(columns, target)))
    assert on_noise.grouping == "none"


def named(rows=700, seed=4):
    """Return rows of schools that occur once or twice, of kinds that show in their names."""
    rng = np.random.default_rng(seed)
    kind, shift, line = (rng.integers(0, size, rows) for size in (4, 8, 6))
    words = np.array(["College", "University", "Academy", "Institute"], dtype=object)[kind]
    names = [
        f"{word} of town {i}" for word, i in zip(words, rng.integers(0, 200, rows), strict=True)
    ]
    lines = np.array([f"line {i}" for i in line], dtype=object)
    together = rng.normal(size=(8, 6))[shift, line]
    target = rng.normal(size=4)[kind] + together + 0.5 * rng.normal(size=rows)
    return {"name": np.array(names, dtype=object), "shift": shift * 1.0, "line": lines}, target


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_words_and_pairs_predict_new_levels_and_are_stored_with_the_model(workers, framework):
    columns, target = named()
    fitted = workers.result(
        workers.submit(framework, fitting.validate, job_of(columns, target, framework))
    )
    assert out_of_fold_r2(fitted, target) > 0.6
    assert fitted.grouping == "pairs"
    encoding = fitted.model.members[0].encoding
    assert encoding.words[0].words == ("academy", "college", "institute", "university")
    new = {
        "name": np.array(["College of elsewhere", "Academy of elsewhere", None], dtype=object),
        "shift": np.array([1.0, np.nan, 99.0]),
        "line": np.array(["line 1", None, "line 99"], dtype=object),
    }
    loaded = Model.from_bytes(fitted.model.to_bytes())
    assert np.isfinite(fitted.model.predict(new)).all()
    assert np.array_equal(loaded.predict(new), fitted.model.predict(new))


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_targets_of_half_a_fold_do_not_influence_its_out_of_fold_predictions(workers, framework):
    columns, target = grouped(rows=400)
    person = np.arange(400) // 2
    job = job_of(
        columns, target, framework, grouping="pairs", group_numbers=person, fold=1 + person % 2
    )
    held = np.flatnonzero(job.fold == 2)
    seed = recipe.seed_of(job.dataset, job.candidate.kind, 2)
    half = np.zeros(400, dtype=bool)
    half[held] = halves(len(held), seed, person[held])
    fits = [
        workers.submit(framework, fitting.validate, replace(job, target=values))
        for values in (target, np.where(half, 5 - 3 * target, target))
    ]
    before, after = (workers.result(fit).out_of_fold for fit in fits)
    assert np.array_equal(after[half], before[half])
    assert not np.array_equal(after[~half], before[~half])
    assert all(len(set(half[person == number])) == 1 for number in set(person))


def test_group_that_is_held_together_cannot_be_encoded_from_its_own_rows(workers):
    columns, target = grouped(rows=800)
    school = np.unique(columns["school"].astype(str), return_inverse=True)[1]
    job = job_of(columns, target, grouping="pairs", group_numbers=school, fold=1 + school % 5)
    fitted = workers.result(workers.submit("torch", fitting.validate, job))
    assert all(fold["groups"] == [] for fold in fitted.details["folds"])
    assert all(member.encoding.groups == () for member in fitted.model.members)


def test_frameworks_reach_the_same_out_of_fold_error(workers):
    columns, target = grouped()
    jobs = [
        workers.submit(name, fitting.validate, job_of(columns, target, name, hidden=(32, 32)))
        for name in FRAMEWORK_NAMES
    ]
    errors = [1 - out_of_fold_r2(workers.result(job), target) for job in jobs]
    assert (max(errors) / min(errors)) ** 0.5 - 1 < 0.005


@pytest.mark.parametrize("hidden", [(), (3,), (8, 4, 2)])
def test_any_number_of_hidden_layers_is_fitted(workers, hidden):
    columns, target = grouped(rows=300)
    job = job_of(columns, target, hidden=hidden)
    fitted = workers.result(workers.submit("torch", fitting.validate, job))
    assert len(fitted.model.members[0].layers) == 2 * (len(hidden) + 1)
    assert out_of_fold_r2(fitted, target) > 0


PLAN = Plan(networks=5, epochs=5, refit_epochs=2, rows=10_000, share=1.0, products=1.0, budget=1.0)


@pytest.mark.parametrize("chained", [False, True])
def test_with_a_plan_every_network_takes_its_epochs_and_the_last_fold_decides_on_groups(
    workers, chained
):
    columns, target = grouped()
    job = job_of(columns, target, plan=PLAN, chained=chained)
    job = replace(job, fold=np.arange(len(target)) * 6 // len(target)) if chained else job
    fitted = workers.result(workers.submit("torch", fitting.validate, job))
    assert fitted.grouping == "columns"
    assert fitted.details["plan"]["epochs"] == 5
    held = [fold for fold in fitted.details["folds"] if fold["fold"] > 0]
    assert [len(fold["training_loss"]) for fold in held] == [5] * 5
    assert all(fold["groups"] == [["school"]] for fold in held)
    scored = job.fold > 0
    assert np.array_equal(np.isfinite(fitted.out_of_fold), scored)
    errors = np.square(target - fitted.out_of_fold)[scored]
    assert errors.mean() < 0.8 * target.var()
    assert fitted.plan == PLAN
    assert fitted.warnings == ()


def test_network_that_is_trained_on_a_draw_of_its_rows_predicts_all_others_and_says_so(workers):
    columns, target = grouped()
    job = job_of(columns, target, plan=replace(PLAN, share=0.45), grouping="none")
    fitted = workers.result(workers.submit("torch", fitting.validate, job))
    assert np.isfinite(fitted.out_of_fold).all()
    most = max(int((job.fold != fold).sum()) for fold in range(1, 6))
    assert fitted.warnings == (
        f"each network was trained on {round(0.45 * most):,} rows, drawn from up to {most:,},"
        " because of its budget",
    )
    whole = workers.result(
        workers.submit("torch", fitting.validate, replace(job, plan=PLAN, grouping="none"))
    )
    assert not np.array_equal(whole.out_of_fold, fitted.out_of_fold)


def test_joined_folds_have_a_network_for_each_part_which_has_not_seen_it(workers):
    columns, target = grouped()
    job = job_of(columns, target, plan=replace(PLAN, networks=2), grouping="none")
    changed = np.where(job.fold <= 3, 5 - 3 * target, target)
    before, after = (
        workers.result(workers.submit("torch", fitting.validate, each))
        for each in (job, replace(job, target=changed))
    )
    assert [fold["fold"] for fold in before.details["folds"]] == [1, 2]
    assert len(before.model.members) == 2
    assert np.isfinite(before.out_of_fold).all()
    first = before.model.members[0].arrays(), after.model.members[0].arrays()
    assert np.array_equal(first[0]["ridge"], first[1]["ridge"])


def test_refit_of_a_plan_begins_with_the_networks_of_the_twin_unless_there_are_groups(workers):
    columns, target = grouped(rows=1000)
    few = np.array([f"kind {i % 6}" for i in range(1000)], dtype=object)
    columns = {"x": columns["x"], "kind": few}
    fit_on = np.arange(1000) < 800
    job = job_of(columns, target, plan=replace(PLAN, networks=2))
    some = replace(
        job,
        columns={name: values[fit_on] for name, values in columns.items()},
        target=target[fit_on],
        fold=job.fold[fit_on],
    )
    for grouping, begins in (("none", "network of the twin"), ("columns", "linear start")):
        twin = workers.result(
            workers.submit("torch", fitting.validate, replace(some, grouping=grouping))
        )
        again = replace(job, grouping=grouping, members=twin.model.members)
        refit = workers.result(workers.submit("torch", fitting.refit, again))
        folds = refit.details["folds"]
        assert {fold["begins_with"] for fold in folds} == {begins}
        epochs = PLAN.refit_epochs if grouping == "none" else PLAN.epochs
        assert {len(fold["training_loss"]) for fold in folds} == {epochs}
