"""Standard errors of segments that hold for any variances, against statsmodels' HC3."""

from dataclasses import replace

import numpy as np
import pytest
from test_linear import NUMPY

from regressors import fitting
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.segments import equations
from regressors.segments.lines import own_line

RNG = np.random.default_rng(66)
SEGMENTS = 9
SIZES = 30 + 7 * (np.arange(SEGMENTS) % 4)  # some of the same size, some not
SHOP = np.repeat(np.array([*"abcdefghi"], dtype=object), SIZES)
ROWS = len(SHOP)
X, Z, NOISE = RNG.normal(size=(3, ROWS))
SPREAD = np.exp(X / 2) * NOISE
DIGITS = 1e-9


def job(columns=None, target=None, **changes):
    made = Job(
        dataset="errors",
        candidate=Candidate("torch", "segment_least_squares"),
        columns={"x": X, "z": Z} if columns is None else columns,
        target=1 + 2 * X - Z + SPREAD if target is None else target,
        fold=1 + np.arange(ROWS) % 3,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        segment=("shop",),
        **changes,
    )
    return replace(made, columns={**made.columns, "shop": SHOP})


def of_statsmodels(made, shop):
    import statsmodels.api as sm

    rows = shop == SHOP
    design = np.column_stack(
        [np.ones(rows.sum()), made.columns["x"][rows], made.columns["z"][rows]]
    )
    weight = 1.0 if made.weight is None else made.weight[rows]
    return sm.WLS(made.target[rows], design, weights=weight).fit().HC3_se


def counted_alone(monkeypatch):
    alone = []

    def counted(*args, **options):
        alone.append(args)
        return own_line(*args, **options)

    monkeypatch.setattr(equations, "own_line", counted)
    return alone


JOBS = {
    "numbers": job(),
    "weights": job(weight=RNG.uniform(0.5, 3, ROWS)),
    "weights far from 1": job(weight=1e-30 * RNG.uniform(0.5, 3, ROWS)),
    "a target far from zero": job(target=1e9 + X + SPREAD),
    "a column far from zero": job({"x": X + 3e3, "z": Z}),
    "one row far from the others": job({"x": np.where(np.arange(ROWS) % 31 == 3, 1e2, X), "z": Z}),
}


@pytest.mark.parametrize("name", JOBS)
def test_errors_equal_those_of_statsmodels_and_need_no_segment_by_itself(name, monkeypatch):
    alone = counted_alone(monkeypatch)
    fits = fitting.refit(NUMPY, JOBS[name]).segments
    assert not alone
    seen = fits.robust_standard_errors
    # In doubles alone, statsmodels keeps fewer digits of such a target itself.
    digits = 1e-6 if name == "a target far from zero" else DIGITS
    for shop, errors in zip(fits.names, seen, strict=True):
        np.testing.assert_allclose(errors, of_statsmodels(JOBS[name], shop), rtol=digits)


def test_errors_of_a_target_far_from_zero_are_those_of_one_near_it():
    near = np.round(2.0**20 * (X + SPREAD)) / 2.0**20  # so that 2^30 more of it is no rounding
    seen, expected = (
        fitting.refit(NUMPY, job(target=target)).segments.robust_standard_errors
        for target in (2.0**30 + near, near)
    )
    np.testing.assert_allclose(seen, expected, rtol=1e-12)


def test_errors_of_columns_of_sizes_far_apart_have_the_same_digits():
    seen, expected = (
        fitting.refit(NUMPY, job({"x": x, "z": z})).segments.robust_standard_errors
        for x, z in [(2.0**200 * X, 2.0**-200 * Z), (X, Z)]
    )
    assert (seen * [1, 2.0**200, 2.0**-200] == expected).all()


def test_errors_of_a_segment_do_not_depend_on_the_others():
    whole = fitting.refit(NUMPY, JOBS["weights"]).segments
    for i, shop in enumerate(whole.names):
        rows = shop == SHOP
        made = JOBS["weights"]
        few = replace(
            made,
            columns={name: values[rows] for name, values in made.columns.items()},
            target=made.target[rows],
            fold=made.fold[rows],
            weight=made.weight[rows],
        )
        alone = fitting.refit(NUMPY, few).segments
        assert (
            alone.robust_standard_errors[0].tobytes() == whole.robust_standard_errors[i].tobytes()
        )


def test_coefficient_that_one_row_decides_has_no_robust_error():
    z = np.where(SHOP == "c", 0.0, Z)
    z[np.flatnonzero(SHOP == "c")[4]] = 3.0
    fits = fitting.refit(NUMPY, job({"x": X, "z": z})).segments
    assert np.isnan(fits.robust_standard_errors).tolist() == [
        [False, False, shop == "c"] for shop in fits.names
    ]
    assert np.isfinite(fits.standard_errors).all()


def test_only_segments_whose_columns_nearly_depend_are_read_by_themselves(monkeypatch):
    alone = counted_alone(monkeypatch)
    near = np.where(SHOP == "b", X + 8e-6 * Z, Z)
    made = job({"x": X, "z": near})
    fits = fitting.refit(NUMPY, made).segments
    assert len(alone) == 1
    expected = of_statsmodels(made, "b")
    np.testing.assert_allclose(fits.robust_standard_errors[1], expected, rtol=1e-6)
