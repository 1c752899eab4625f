"""Products by digits against those of fractions, which are exact."""

from fractions import Fraction

import numpy as np
import pytest

from regressors.linear.digits import SUMMED
from regressors.linear.double_double import Pair
from regressors.linear.precise_products import product_with

RNG = np.random.default_rng(6)


def exact(value):
    return np.vectorize(Fraction, otypes=[object])(value)


def test_products_are_right_to_98_bits_of_the_largest_values():
    rows = RNG.normal(size=(5, 30)) * 10.0 ** RNG.integers(-9, 9, size=(5, 1))
    high = RNG.normal(size=(30, 4)) * 10.0 ** RNG.integers(-20, 20, size=(30, 4))
    matrix = Pair(high, high * RNG.uniform(-1, 1, size=high.shape) * 2.0**-54)
    rows[2], matrix.high[:, 1], matrix.low[:, 1] = 0, 0, 0
    product = product_with(matrix)(rows)
    wanted = exact(rows) @ (exact(matrix.high) + exact(matrix.low))
    apart = np.abs(exact(product.high) + exact(product.low) - wanted)
    largest = np.outer(exact(np.abs(rows).max(axis=1)), exact(np.abs(high).max(axis=0)))
    assert (apart <= largest * Fraction(1, 2**98)).all()
    assert (product.high[2] == 0).all()
    assert (product.high[:, 1] == 0).all()


def test_sums_of_more_columns_than_a_double_holds_have_no_error():
    """All digits are nearly as large as they can be, in more columns than fit at once."""
    columns = 7 * SUMMED // 8
    digits = 2**21 - RNG.integers(1, 2**18, size=(2, 20, columns))
    rows = digits[0] * 2.0**-21 + digits[1] * 2.0**-43
    product = product_with(Pair(rows[:1].T, np.zeros((columns, 1))))(rows)
    whole = (digits[0].astype(object) << 22) + digits[1]
    wanted = whole @ whole[:1].T
    total = exact(product.high) + exact(product.low)
    assert (total == wanted * Fraction(1, 2**86)).all()


@pytest.mark.parametrize("shape", [(3, 0, 2), (0, 4, 2), (3, 4, 0)])
def test_empty_matrices_have_empty_products_or_zeros(shape):
    rows, inner, columns = shape
    product = product_with(Pair(np.ones((inner, columns)), np.zeros((inner, columns))))
    assert product(np.ones((rows, inner))).high.shape == (rows, columns)
