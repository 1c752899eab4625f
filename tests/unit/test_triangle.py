"""Gradient descent on the few rows of a triangle against that on all rows."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from test_linear import NUMPY, descend, job

from regressors import fitting
from regressors.linear import triangle as triangles
from regressors.linear.neuron import neuron_plan
from regressors.linear.rows import Rows
from regressors.linear.system import System
from regressors.linear.triangle import triangle

ROWS = 400
RNG = np.random.default_rng(61)
EPOCHS = 150


def table(columns, noise):
    x = RNG.normal(size=(ROWS, columns)) * 10.0 ** RNG.integers(-3, 4, columns) + 50
    names = [f"x{i:02}" for i in range(columns)]
    target = x @ (RNG.normal(size=columns) / x.std(axis=0)) + noise * RNG.normal(size=ROWS)
    return dict(zip(names, x.T.copy(), strict=True)), target


def on_all_rows(columns, target, weight, intercept):
    """Return the losses of a descent on all rows, standardised here."""
    weight = np.ones(ROWS) if weight is None else weight / weight.mean()
    matrix = np.column_stack([*columns.values(), target])
    centre = np.average(matrix, axis=0, weights=weight) if intercept else 0.0
    moved = matrix - centre
    moved = moved / np.sqrt(np.average(moved**2, axis=0, weights=weight))
    moved = moved * np.sqrt(weight)[:, None]
    bias = [np.sqrt(weight)] if intercept else []
    inputs = np.column_stack([moved[:, :-1], *bias])
    plan = neuron_plan(inputs, epochs=EPOCHS)
    return descend(inputs, moved[:, -1], np.zeros(inputs.shape[1]), plan)


@pytest.mark.parametrize(("columns", "noise"), [(5, 1.0), (5, 1e-4), (60, 1.0)])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weight", [None, 0.2 + np.arange(ROWS) % 4], ids=["equal", "weights"])
def test_learning_curve_is_that_of_all_rows(columns, noise, intercept, weight):
    features, target = table(columns, noise)
    made = job("gradient_descent", columns=features, target=target, fold=np.ones(ROWS, dtype=int))
    made = replace(made, intercept=intercept, weight=weight, epochs=EPOCHS)
    fitted = fitting.refit(NUMPY, made)
    wanted = on_all_rows(features, target, weight, intercept)
    np.testing.assert_allclose(fitted.details["loss"], wanted.losses, rtol=1e-9)


def test_framework_gets_no_more_rows_than_columns_and_one():
    seen = []

    def watched(inputs, target, start, plan):
        seen.append(inputs.shape)
        return descend(inputs, target, start, plan)

    framework = SimpleNamespace(row_products=numpy_products, descend=watched)
    features, target = table(5, 1.0)
    fitting.validate(
        framework,
        job("gradient_descent", columns=features, target=target, fold=1 + np.arange(ROWS) % 5),
    )
    assert seen == [(7, 6)] * 6


@pytest.mark.parametrize("narrow", [100, 1], ids=["fixed point", "Cholesky"])
def test_sums_of_products_are_those_of_the_rows(narrow, monkeypatch):
    monkeypatch.setattr(triangles, "MIN_COLUMNS", narrow)
    design, target = RNG.normal(size=(50, 6)) * 10.0 ** np.arange(6), RNG.normal(size=50)
    system = System.of(Rows.of(design, target, None).gram(numpy_products))
    order = [6, 0, 1, 2, 3, 4, 5, 7]
    rows = triangle(system, order)
    matrix = np.column_stack([design, np.ones(50), target]) * np.ldexp(1.0, -system.exponents)
    assert not rows[1:, 0].any()
    np.testing.assert_allclose(rows.T @ rows, (matrix.T @ matrix)[np.ix_(order, order)], rtol=1e-12)


def test_columns_that_depend_on_others_leave_no_row():
    x = RNG.integers(-50, 50, 30).astype(float)
    design = np.column_stack([np.ones(30), x, 2 * x + 3])
    system = System.of(Rows.of(design, np.sin(x), None).gram(numpy_products))
    assert triangle(system, [3, 1, 2, 4]).shape == (3, 4)
