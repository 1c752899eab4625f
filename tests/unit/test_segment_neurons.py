"""A neuron for each segment, with NumPy in place of a framework."""

from dataclasses import replace

import numpy as np
import pytest
from test_linear import NUMPY
from test_segment_lines import COLUMNS, ROWS, SALES, SHOP, job

from regressors import fitting
from regressors.candidate import Candidate

NEURON = Candidate("torch", "segment_gradient_descent")
TIED = {**COLUMNS, "sum": COLUMNS["area"] + np.where(SHOP == "a", COLUMNS["price"], SALES)}


def neurons(**changes):
    return fitting.validate(NUMPY, job(candidate=NEURON, **changes))


@pytest.mark.parametrize("intercept", [True, False])
def test_neuron_of_each_segment_reaches_its_least_squares(intercept):
    own = fitting.validate(NUMPY, job(intercept=intercept))
    seen = neurons(intercept=intercept)
    assert seen.segments.names.tolist() == own.segments.names.tolist()
    assert seen.segments.reason.tolist() == own.segments.reason.tolist()
    np.testing.assert_allclose(
        seen.segments.estimates, own.segments.estimates, rtol=1e-5, atol=1e-7, equal_nan=True
    )
    np.testing.assert_allclose(seen.out_of_fold, own.out_of_fold, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.segments.residual_sd, own.segments.residual_sd, rtol=1e-6)
    if intercept:  # else R2 is about zero, even where a column is constant
        np.testing.assert_allclose(seen.segments.r2, own.segments.r2, rtol=1e-5)
    assert np.isnan(seen.segments.standard_errors).all()
    assert seen.details["twin"]["not_converged"] == 0


def test_weights_and_columns_that_depend_on_each_other():
    weight = np.linspace(1, 3, ROWS)
    own = fitting.refit(NUMPY, job(columns=TIED, weight=weight)).segments
    seen = fitting.refit(NUMPY, job(columns=TIED, weight=weight, candidate=NEURON)).segments
    assert np.isnan(own.estimates[0]).sum() == 1
    np.testing.assert_allclose(seen.estimates, own.estimates, rtol=1e-4, atol=1e-9, equal_nan=True)


def test_neurons_that_need_more_epochs_are_told():
    fitted = neurons(epochs=3)
    assert fitted.details["twin"]["epochs"] == 3
    assert any("3 of 4 segments had not converged after 3 epochs" in w for w in fitted.warnings)


def test_neuron_that_diverges_is_told_and_replaced_by_the_line_of_all_rows():
    fitted = neurons(learning_rate=40.0)
    assert not fitted.segments.own.any()
    assert "diverged at a learning rate of 40" in fitted.segments.reason[0]
    assert np.isfinite(fitted.out_of_fold).all()


def test_order_of_the_rows_changes_no_digit():
    made = job(candidate=NEURON)
    order = np.random.default_rng(1).permutation(ROWS)
    moved = replace(
        made,
        columns={name: values[order] for name, values in COLUMNS.items()},
        target=SALES[order],
        fold=made.fold[order],
    )
    first = fitting.validate(NUMPY, made).out_of_fold
    assert (fitting.validate(NUMPY, moved).out_of_fold == first[order]).all()
