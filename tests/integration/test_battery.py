"""One battery of properties that every framework and kind must have, in its own process.

The fits go the same way as in a night: a job into a worker, a fitted model back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from helpers.exporting import exporting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regressors import fitting
from regressors.candidate import POOLED_KINDS, Candidate
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import WorkerFailed
from regressors.intervals.rules import Rules
from regressors.job import Fitted, Job
from regressors.linear.fit import fit_linear
from regressors.model import Model
from regressors.network import recipe
from regressors.network.progress import Progress
from tasks.export.sql.dialects import SQLITE

every_candidate = pytest.mark.parametrize(
    ("framework", "kind"), [(f, k) for k in POOLED_KINDS for f in FRAMEWORK_NAMES]
)
every_linear = pytest.mark.parametrize(
    ("framework", "kind"), [(f, k) for k in POOLED_KINDS[:2] for f in FRAMEWORK_NAMES]
)
few = settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def table(rows=80, seed=0):
    rng = np.random.default_rng(seed)
    level = np.array(["red", "green", "blue"], dtype=object)[rng.integers(0, 3, rows)]
    columns = {"age": rng.uniform(20, 60, rows), "size": rng.normal(size=rows), "hue": level}
    target = 2 * columns["age"] + 5 * np.sin(columns["size"]) + 3 * (level == "red")
    return columns, target + rng.normal(size=rows)


def job_of(framework, kind, columns=None, target=None, **changes):
    if columns is None:
        columns, target = table()
    made = Job(
        dataset="battery",
        candidate=Candidate(framework, kind),
        columns=columns,
        target=target,
        fold=1 + np.arange(len(target)) % 3,
        chained=False,
        hidden=(6,),
        interval=Rules((0.9,)),
    )
    return replace(made, **changes)


@dataclass(frozen=True)
class Watched:
    """A fit, and whether the arrays of its job are unchanged."""

    fitted: object
    untouched: bool


def validate_watched(framework, job):
    arrays = [job.target, job.fold, *job.columns.values()]
    arrays += [] if job.weight is None else [job.weight]
    before = [array.copy() for array in arrays]
    fitted = fitting.validate(framework, job)
    same = all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
    return Watched(fitted, same)


def validated(workers, job):
    return workers.result(workers.submit(job.candidate.framework, validate_watched, job)).fitted


@pytest.fixture(scope="module")
def plain(workers) -> Callable[[str, str], Fitted]:
    """A function that returns the fit of `table()` with a candidate, made once."""
    return cache(lambda framework, kind: validated(workers, job_of(framework, kind)))


def everywhere(fitted, columns, target):
    """Return what a fit predicts: out of fold, and with its model."""
    assert np.isfinite(fitted.out_of_fold).all()
    return np.concatenate([fitted.out_of_fold, fitted.model.predict(columns)])


@every_candidate
def test_inputs_are_left_as_they_were(workers, framework, kind):
    job = job_of(framework, kind, weight=np.linspace(1, 2, 80))
    assert workers.result(workers.submit(framework, validate_watched, job)).untouched


@every_candidate
def test_same_seed_gives_the_same_digits(workers, plain, framework, kind):
    first, second = plain(framework, kind), validated(workers, job_of(framework, kind))
    assert np.array_equal(first.out_of_fold, second.out_of_fold)
    assert first.model.to_bytes() == second.model.to_bytes()


@every_candidate
def test_column_order_is_irrelevant(workers, plain, framework, kind):
    columns, target = table()
    turned = dict(reversed(columns.items()))
    first = plain(framework, kind)
    second = validated(workers, job_of(framework, kind, turned, target))
    assert np.array_equal(first.out_of_fold, second.out_of_fold)
    assert first.model.to_bytes() == second.model.to_bytes()


def fits_of_fold(framework, job, number):
    """Return every array that is fitted without the targets of a fold, and the encoding.

    The layers of an ANN's member are left out: they come from the epoch that those targets choose.
    """
    if job.candidate.kind == "ann":
        member = fitting.validate(framework, job).model.members[number - 1]
        return [member.scale, member.ridge], member.encoding.to_json()
    part = fit_linear(framework, job, job.fold != number, part=f"fold {number}")
    (member,) = part.model.members
    return [member.estimates], member.encoding.to_json()


@every_candidate
def test_held_out_targets_do_not_influence_what_is_fitted_for_their_fold(workers, framework, kind):
    job = job_of(framework, kind, grouping="pairs")
    changed = replace(job, target=np.where(job.fold == 2, 7 - 3 * job.target, job.target))
    (arrays, encoding), (others, another) = (
        workers.result(workers.submit(framework, fits_of_fold, each, 2)) for each in (job, changed)
    )
    assert all(np.array_equal(a, b) for a, b in zip(arrays, others, strict=True))
    assert encoding == another
    whole = [validated(workers, each).out_of_fold[job.fold == 2] for each in (job, changed)]
    if kind != "ann":  # with an ANN, each half of the fold chooses the other's epoch
        assert np.array_equal(*whole)


@every_candidate
def test_loaded_model_predicts_the_same_bits(plain, framework, kind):
    columns, _ = table()
    model = plain(framework, kind).model
    loaded = Model.from_bytes(model.to_bytes())
    unseen = {**columns, "hue": np.array([None, "mauve"] * 40, dtype=object)}
    for rows in (columns, unseen):
        assert np.array_equal(model.predict(rows), loaded.predict(rows))


@every_candidate
def test_exports_predict_what_the_model_does(plain, tmp_path, framework, kind):
    export = exporting(plain(framework, kind).model, tmp_path)
    for made in (export.as_onnx(), export.as_sql(SQLITE, None), export.as_json()):
        assert "predicts the same as nightfit" in made.notes[0]


@every_linear
@few
@given(scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3), of_target=st.floats(1e-3, 1e3))
def test_units_of_a_feature_or_of_the_target_do_not_matter(
    workers, plain, framework, kind, scale, shift, of_target
):
    columns, target = table()
    moved = {**columns, "age": (columns["age"] + shift) * scale}
    first = everywhere(plain(framework, kind), columns, target)
    other = everywhere(
        validated(workers, job_of(framework, kind, moved, target * of_target)), moved, target
    )
    np.testing.assert_allclose(other / of_target, first, rtol=1e-10, atol=1e-10 * target.std())


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
@pytest.mark.parametrize("factor", [1e-3, 2.0, 1e6])
def test_scaling_the_target_scales_an_anns_predictions(workers, plain, framework, factor):
    columns, target = table()
    scaled = validated(workers, job_of(framework, "ann", columns, target * factor))
    apart = np.abs(scaled.out_of_fold / factor - plain(framework, "ann").out_of_fold).max()
    assert apart < 1e-3 * target.std()


@every_candidate
def test_equal_weights_of_any_size_are_no_weights(workers, plain, framework, kind):
    _, target = table()
    first = plain(framework, kind).out_of_fold
    weighted = validated(workers, job_of(framework, kind, weight=np.full(80, 37.0))).out_of_fold
    np.testing.assert_allclose(weighted, first, rtol=0, atol=1e-4 * target.std())


@every_candidate
def test_heavy_rows_are_fitted_better(workers, framework, kind):
    columns, target = table()
    half = np.arange(80) < 40
    target = np.where(half, columns["age"], -columns["age"]) + target / 100
    heavy = validated(
        workers, job_of(framework, kind, columns, target, weight=np.where(half, 100.0, 1.0))
    )
    errors = np.square(heavy.model.predict(columns) - target)
    assert errors[half].mean() < errors[~half].mean() / 10


def forward_in(framework, job, columns):
    """Return a fitted model, and the predictions of the framework's own forward pass."""
    model = fitting.refit(framework, job).model
    predictions = []
    for member in model.members:
        mean, sd, intercept = member.scale
        base = intercept + member.encoding.standardised(columns) @ member.ridge
        inputs = member.encoding.network(columns).astype(np.float32)
        target, weight = np.zeros(1, np.float32), np.ones(1, np.float32)
        progress = Progress(held_target=np.zeros(len(inputs), np.float32), epochs=0)
        program = recipe.Program(1, seed=0)
        framework.train(list(member.layers), inputs[:1], target, weight, inputs, program, progress)
        predictions.append(mean + sd * (base + progress.predictions[0].astype(float)))
    return model, np.mean(predictions, axis=0)


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_numpy_prediction_is_the_frameworks_own_forward_pass(workers, framework):
    columns, target = table()
    job = job_of(framework, "ann")
    model, predicted = workers.result(workers.submit(framework, forward_in, job, columns))
    assert np.abs(model.predict(columns) - predicted).max() < 1e-5 * target.std()


def linear_forward_in(framework, job):
    """Return a linear model, and its predictions as a product computed in the framework."""
    model = fitting.refit(framework, job).model
    (member,) = model.members
    design = member.encoding.design(job.columns)
    return model, framework.row_products(design, member.estimates[None, :])[:, 0]


@pytest.mark.parametrize("framework", FRAMEWORK_NAMES)
def test_numpy_prediction_of_a_linear_model_is_the_frameworks_own(workers, framework):
    job = job_of(framework, "least_squares")
    model, predicted = workers.result(workers.submit(framework, linear_forward_in, job))
    assert np.abs(model.predict(job.columns) - predicted).max() < 1e-12 * job.target.std()


# Small and degenerate tables


def small(rows, **columns):
    return {name: np.asarray(values)[:rows] for name, values in columns.items()}


AWKWARD = {
    "one column": (small(30, x=np.arange(30.0)), np.sin(np.arange(30.0))),
    "one constant column": (small(30, x=np.ones(30)), np.sin(np.arange(30.0))),
    "constant target": (small(30, x=np.arange(30.0)), np.full(30, 7.5)),
    "more columns than rows": (
        {f"x{i}": np.random.default_rng(i).normal(size=12) for i in range(20)},
        np.cos(np.arange(12.0)),
    ),
    "three rows": (small(3, x=np.arange(3.0)), np.array([1.0, 2.0, 4.0])),
    "huge numbers": (small(30, x=1e150 * np.arange(30.0)), 1e100 * np.arange(30.0)),
    "tiny numbers": (small(30, x=1e-150 * np.arange(30.0)), 1e-100 * np.arange(30.0)),
    "mostly missing": (
        small(30, x=np.where(np.arange(30) % 3, np.nan, np.arange(30.0))),
        np.sin(np.arange(30.0)),
    ),
}


@every_candidate
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_table_is_fitted_in_bounds(workers, framework, kind, name):
    columns, target = AWKWARD[name]
    fitted = validated(workers, job_of(framework, kind, columns, target))
    predicted = everywhere(fitted, columns, target)
    reach = 100 * (target.max() - target.min()) + 1e-9 * np.abs(target).max()
    assert np.abs(predicted - target.mean()).max() <= reach


@every_candidate
def test_infinite_value_is_refused_with_its_column(workers, framework, kind):
    columns, target = table()
    columns["age"][3] = np.inf
    with pytest.raises(WorkerFailed, match=r"the column 'age' holds an infinite value"):
        validated(workers, job_of(framework, kind, columns, target))


@every_candidate
def test_one_row_is_predicted_by_itself(workers, framework, kind):
    columns, target = small(1, x=[3.0]), np.array([5.0])
    job = job_of(framework, kind, columns, target)
    fitted = workers.result(workers.submit(framework, refit_alone, job))
    assert fitted.model.predict(columns) == pytest.approx([5.0])


def refit_alone(framework, job):
    return fitting.refit(framework, replace(job, chained=True, refit_epochs=2))
