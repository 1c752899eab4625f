"""Partial pooling: the shrunken equations of segments, with NumPy in place of a framework."""

from dataclasses import replace

import numpy as np
import pytest
from test_linear import NUMPY

from regressors import fitting
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.segments.gram_stacks import MAX_ROWS
from regressors.segments.shrinkage import SegmentMoments, shrunken, variances_of

RNG = np.random.default_rng(82)
SEGMENTS, TERMS = 60, ("intercept", "x", "z")


def drawn(sds, rows=12, within=1.0, segments=SEGMENTS, seed=1):
    """Return the rows of segments whose intercepts and slopes vary by these SDs."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(segments), rows)
    x, z = 3 + rng.normal(size=len(codes)), -50 + rng.normal(size=len(codes))
    own = np.array([2.0, 1.0, -0.5]) + rng.normal(size=(segments, 3)) * sds
    target = own[codes, 0] + own[codes, 1] * (x - 3) + own[codes, 2] * (z + 50)
    target += within * rng.normal(size=len(codes))
    names = np.array([f"s{i:03d}" for i in range(segments)], dtype=object)
    return {"shop": names[codes], "x": x, "z": z}, target, own


def job(columns, target, **changes):
    made = Job(
        dataset="shrunken",
        candidate=Candidate("torch", "shrunken_least_squares"),
        columns=columns,
        target=target,
        fold=1 + np.arange(len(target)) % 4,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        segment=("shop",),
    )
    return replace(made, **changes)


def error_of(fitted, target):
    return float(np.sqrt(np.square(fitted.out_of_fold - target).mean()))


def of_kind(kind, columns, target):
    segment = () if kind == "least_squares" else ("shop",)
    used = {n: v for n, v in columns.items() if segment or n != "shop"}
    return fitting.validate(
        NUMPY, job(used, target, candidate=Candidate("torch", kind), segment=segment)
    )


def test_variances_are_those_that_segments_were_drawn_with():
    columns, target, _ = drawn([1.5, 0.5, 0.0], rows=40, segments=300)
    details = fitting.refit(NUMPY, job(columns, target)).details
    assert details["within_sd"] == pytest.approx(1.0, rel=0.03)
    between = details["between_sd"]
    assert between["x"] == pytest.approx(0.5, rel=0.15)
    assert between["z"] < 0.09
    assert between["intercept"] == pytest.approx(1.5, rel=0.15)


def test_variances_are_those_of_the_analysis_of_variance_of_a_balanced_table():
    """With equal groups and intercepts alone, restricted maximum likelihood has a closed form."""
    rng = np.random.default_rng(3)
    rows, segments = 8, 40
    target = rng.normal(size=(segments, 1)) * 0.7 + rng.normal(size=(segments, rows))
    moments = SegmentMoments(
        np.full((segments, 1, 1), float(rows)),
        target.sum(axis=1)[:, None],
        np.square(target).sum(axis=1),
        np.full(segments, float(rows)),
    )
    found = variances_of(moments)
    within = target.var(axis=1, ddof=1).mean()
    between = target.mean(axis=1).var(ddof=1) - within / rows
    assert found.within == pytest.approx(within, rel=2e-3)
    assert found.between[0] == pytest.approx(between, rel=5e-3)
    fit = shrunken(moments, found, np.linalg.inv)
    share = found.between[0] / (found.between[0] + found.within / rows)
    expected = target.mean() + share * (target.mean(axis=1) - target.mean())
    np.testing.assert_allclose(fit.coefficients[:, 0], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("sds", "rows"), [([0, 0, 0], 15), ([1.0, 0.4, 0.2], 8), ([3.0, 2.0, 2.0], 30)]
)
def test_shrunken_lines_are_hardly_worse_than_the_better_of_the_line_of_all_rows_and_own_ones(
    sds, rows
):
    columns, target, _ = drawn(sds, rows=rows)
    kinds = ("shrunken_least_squares", "least_squares", "segment_least_squares")
    shrunk, pooled, own = (error_of(of_kind(kind, columns, target), target) for kind in kinds)
    assert shrunk < 1.005 * min(pooled, own)
    if sds == [1.0, 0.4, 0.2]:
        assert shrunk < 0.95 * min(pooled, own)


def test_segments_without_any_difference_have_one_line():
    columns, target, _ = drawn([0, 0, 0], rows=40)
    fits = fitting.refit(NUMPY, job(columns, target)).segments
    assert fits.own.all()
    assert np.ptp(fits.estimates[:, 1]) < 0.2
    assert not np.isnan(fits.low).any()


def test_intervals_of_coefficients_hold_what_segments_were_drawn_with():
    columns, target, own = drawn([1.0, 0.5, 0.3], rows=15, segments=150)
    fits = fitting.refit(NUMPY, job(columns, target)).segments
    truth = own.copy()
    truth[:, 0] += -3 * own[:, 1] + 50 * own[:, 2]
    covered = ((fits.low <= truth) & (truth <= fits.high)).mean(axis=0)
    assert (covered > 0.9).all()
    assert (covered < 0.985).all()


def test_segment_of_one_row_has_a_line_and_an_unseen_one_that_of_all_rows():
    columns, target, _ = drawn([1.0, 0.5, 0.0])
    columns["shop"][0], columns["shop"][1] = "alone", None
    fitted = fitting.refit(NUMPY, job(columns, target))
    assert fitted.segments.names[0] == "alone"
    assert fitted.segments.rows[0] == 1
    assert fitted.segments.own.all()
    pooled = of_kind("least_squares", columns, target).coefficients
    assert [c.estimate for c in fitted.coefficients] == [c.estimate for c in pooled]


def test_order_of_rows_and_held_out_targets_change_no_digit():
    columns, target, _ = drawn([1.0, 0.5, 0.2])
    made = job(columns, target)
    first = fitting.validate(NUMPY, made)
    order = RNG.permutation(len(target))
    moved = replace(
        made,
        columns={name: values[order] for name, values in columns.items()},
        target=target[order],
        fold=made.fold[order],
    )
    assert (fitting.validate(NUMPY, moved).out_of_fold == first.out_of_fold[order]).all()
    held = made.fold == 1
    changed = replace(made, target=np.where(held, target * 9 - 4, target))
    again = fitting.validate(NUMPY, changed).out_of_fold
    assert (again[held] == first.out_of_fold[held]).all()
    assert not (again[~held] == first.out_of_fold[~held]).any()


def test_segment_that_is_summed_alone_has_the_line_of_one_that_is_not(monkeypatch):
    columns, target, _ = drawn([1.0, 0.5, 0.2])
    made = job({**columns, "x": columns["x"] + 1e5}, target, weight=RNG.uniform(1, 2, len(target)))
    first = fitting.refit(NUMPY, made).segments
    monkeypatch.setattr("regressors.segments.gram_stacks.MAX_ROWS", 11)
    again = fitting.refit(NUMPY, made).segments
    assert MAX_ROWS > 11
    np.testing.assert_allclose(again.estimates, first.estimates, rtol=1e-9)
    np.testing.assert_allclose(again.standard_errors, first.standard_errors, rtol=1e-9)


def test_exact_lines_are_found_again():
    columns, target, own = drawn([1.0, 0.5, 0.2], within=0.0)
    fits = fitting.refit(NUMPY, job(columns, target)).segments
    np.testing.assert_allclose(fits.estimates[:, 1:], own[:, 1:], rtol=1e-6)


def test_one_segment_has_the_line_of_all_rows():
    columns, target, _ = drawn([0, 0, 0], segments=1, rows=50)
    fitted = fitting.refit(NUMPY, job(columns, target))
    expected = [c.estimate for c in fitted.coefficients]
    np.testing.assert_allclose(fitted.segments.estimates[0], expected, rtol=1e-9)


@pytest.mark.parametrize("within", [0.0, 1e-9])
def test_segments_without_noise_whose_rows_do_not_show_all_terms_are_fitted(within):
    columns, target, _ = drawn([1.0, 0.0, 0.0], segments=9, within=within)
    codes = np.arange(len(target)) // 12
    constants = np.random.default_rng(4).normal(size=(2, 9))
    beside = {"v": constants[0][codes], "w": constants[1][codes]}  # as the intercept, there
    fitted = of_kind("shrunken_least_squares", {**columns, **beside}, target + 2 * beside["v"])
    assert error_of(fitted, target + 2 * beside["v"]) < 1e-8 + 10 * within
