"""The digits of a row's prediction depend on that row alone."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.model import Model, NetworkMember, linear_model
from regressors.network.recipe import forward, start_arrays
from regressors.network.rowwise import ExactNetwork, rounded

ROWS = 2500
RNG = np.random.default_rng(8)
COLUMNS = {
    "x": RNG.normal(size=ROWS),
    "skewed": RNG.lognormal(sigma=3, size=ROWS),
    "gappy": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(size=ROWS)),
    "c": RNG.choice([*"abcdefgh", None], ROWS).astype(object),
    "day": np.datetime64("2020-01-01", "us") + RNG.integers(0, 2000, ROWS) * np.timedelta64(1, "D"),
}
PRODUCTS = [(("x", 3), ("c", 1)), (("skewed", 2),)]


def rows_of(index):
    return {name: values[index] for name, values in COLUMNS.items()}


def line():
    encoding = Encoding.fit(COLUMNS, products=PRODUCTS)
    estimates = np.random.default_rng(1).normal(size=len(encoding.term_names()))
    return linear_model(Candidate("torch", "least_squares"), encoding, estimates)


def ann(dtype=np.float32, hidden=(128, 128), members=3):
    rng = np.random.default_rng(2)
    made = []
    for _ in range(members):
        encoding = Encoding.fit(COLUMNS)
        layers = start_arrays(rng, encoding.network(COLUMNS).shape[1], hidden, dtype)
        ridge = rng.normal(size=encoding.standardised(COLUMNS).shape[1])
        scale = np.array([10.0, 2.0, 0.1])
        made.append(NetworkMember(encoding, scale, ridge, tuple(layers)))
    return Model(Candidate("torch", "ann"), tuple(made))


MODELS = {
    "line": line,
    "ann": ann,
    "ann of doubles": lambda: ann(np.float64, (32, 16)),
    "ann without hidden layers": lambda: ann(hidden=()),
    "ann of nine members": lambda: ann(hidden=(7, 5), members=9),
}


@cache
def model_of(name):
    return MODELS[name]()


@cache
def whole(name):
    """Return the predictions of all rows at once."""
    return model_of(name).predict(COLUMNS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [1, 2, 7, 100, 2049])
def test_a_row_has_the_same_digits_in_any_batch(name, rows):
    for start in (0, 13, 451):
        some = np.arange(start, start + rows)
        assert np.array_equal(model_of(name).predict(rows_of(some)), whole(name)[some])


@pytest.mark.parametrize("name", MODELS)
def test_a_row_has_the_same_digits_at_any_place_and_twice(name):
    order = np.random.default_rng(5).permutation(ROWS)
    twice = np.concatenate([order, order[:50], order[:50]])
    assert np.array_equal(model_of(name).predict(rows_of(twice)), whole(name)[twice])


def test_each_row_alone_has_the_digits_that_it_has_among_others():
    for name in ("line", "ann"):
        alone = [model_of(name).predict(rows_of([i]))[0] for i in range(100)]
        assert alone == whole(name)[:100].tolist()


def test_the_digits_do_not_depend_on_the_threads_of_the_linear_algebra():
    program = "import sys, unit.test_rowwise as t; sys.stdout.write(t.whole('ann').tobytes().hex())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    alone = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert alone.stdout == whole("ann").tobytes().hex()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_gives_what_its_recipe_says_to_the_precision_of_its_numbers(dtype):
    rng = np.random.default_rng(4)
    layers = start_arrays(rng, 90, (128, 128), dtype)
    inputs = rng.normal(size=(500, 90)).astype(dtype) * 10.0 ** rng.integers(-3, 4, (500, 1))
    double = [layer.astype(float) for layer in layers]
    exact = forward(double, inputs.astype(float))
    off = np.abs(ExactNetwork(layers).output(inputs.astype(dtype)) - exact)
    assert (off <= 3e-6 * (1 + np.abs(inputs).max(axis=1))).all()


def test_extreme_inputs_and_weights_are_summed_as_well():
    layers = [np.array([[1e30], [-1e-30], [0.0]]), np.zeros(1), np.ones((1, 1)), np.zeros(1)]
    inputs = np.array([[0.0, 0.0, 0.0], [1e-40, 1.0, 5.0], [1e-300, 1e-300, 1e-300]])
    assert np.isfinite(ExactNetwork(layers).output(inputs)).all()
    assert ExactNetwork(layers).output(np.empty((0, 3))).shape == (0,)


def test_single_numbers_are_rounded_to_the_digits_of_doubles():
    rng = np.random.default_rng(6)
    values = (rng.normal(size=(40, 300)) * 2.0 ** rng.integers(-30, 30, 300)).astype(np.float32)
    values[0] = 0.5 + np.arange(300)  # halves go to the even one
    exponent = np.frexp(np.abs(values).max(axis=0))[1]
    for bits in (8, 22, 23, 26):
        whole = np.rint(np.ldexp(values.astype(float), bits - exponent))
        expected = np.ldexp(whole, exponent - bits)
        assert np.array_equal(rounded(values, exponent, bits), expected)
        assert np.array_equal(rounded(values.astype(float), exponent, bits), expected)
