"""Predictions whose digits depend on the row alone, not on the rows beside it. NumPy alone.

The order in which a matrix product adds depends on the shapes of its matrices and on the number of
threads, and with the order its rounding. Here each product is of whole numbers, small enough for
their sums to be exact in any order.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from regressors.arrays import Array, Arrays, Floats, Indices
from regressors.blocks import blocks_of
from regressors.encoding.lookups import Block, put_together, taken
from regressors.network.looked_up import LookedUp
from regressors.network.recipe import GELU_CUBIC, GELU_SLOPE

EXACT_BITS = 53
"""Whole numbers of so many bits are exact in double."""
ROWS_AT_ONCE = 2048
"""So that what the layers hold in between stays in the processor's cache."""
MAX_EXPONENT = 900
"""Beyond it, a power of two that numbers are rounded with may leave the range of doubles."""


class ExactNetwork:
    """A network of `layers`, W1, b1, ..., w, b, prepared for the prediction of many rows.

    The same function as `recipe.forward`, to the precision of single numbers of its dtype.
    """

    def __init__(self, layers: Arrays) -> None:
        self._layers = layers
        self._dtype = layers[0].dtype
        self._weights = [_Weights(weights) for weights in layers[::2]]

    def output(self, inputs: Floats) -> Floats:
        """Return the output (n,) for inputs (n, d), in the dtype of the layers."""
        parts = [self._behind(self._weights[0].product(inputs[b])) for b in _blocks(len(inputs))]
        return np.concatenate(parts) if parts else np.empty(0, self._dtype)

    def output_of(self, inputs: Sequence[Block], rows: int) -> Floats:
        """Return the output (n,) for inputs of n rows in blocks of columns, which are looked up."""
        if self._first is None:
            self._first = LookedUp(inputs, self._weights[0].columns, self._weights[0].row_bits)
        parts = []
        for block in _blocks(rows):
            own = taken(inputs, block)
            product = self._first.product(own, self._dtype)
            if product is None:
                whole = put_together(own, block.stop - block.start, self._dtype)
                product = self._weights[0].product(whole)
            else:
                others = self._first.others(own)
                if len(others):
                    whole = put_together(taken(own, others), len(others), self._dtype)
                    product[others] = self._weights[0].product(whole)
            parts.append(self._behind(product))
        return np.concatenate(parts) if parts else np.empty(0, self._dtype)

    _first: LookedUp | None = None

    def _behind(self, product: Array) -> Floats:
        """Return the output (n,) from the product (n, h) of the inputs and the first weights."""
        for weights, bias in zip(self._weights[1:], self._layers[1::2], strict=False):
            values = product.astype(self._dtype)
            values += bias
            product = weights.product(_activated(values))
        output: Floats = (product.astype(self._dtype) + self._layers[-1])[:, 0]
        return output


class _Weights:
    """Weights (d, h), each rounded to a share of its column's top: `columns` (d, h).

    The shares are about 2^-23 for 100 columns: a row and a column are whole numbers of their units,
    powers of two, and their products add up to less than 2^53 of both units.
    """

    def __init__(self, weights: Floats) -> None:
        bits = EXACT_BITS - int(np.ceil(np.log2(max(weights.shape[0], 2))))
        self.row_bits = bits // 2
        self._weights, self._bits = weights, bits - bits // 2

    @cached_property
    def columns(self) -> Array:
        """Return the rounded weights."""
        numbers, unit = _whole(self._weights, self._bits, axis=0)
        return np.ascontiguousarray(numbers * unit)

    def product(self, values: Floats) -> Array:
        """Return values (n, d), rounded likewise, times the weights: (n, h)."""
        if not len(values):
            return np.empty((0, self._weights.shape[1]))
        exponent = np.frexp(_tops(values))[1]
        if np.abs(exponent).max() > MAX_EXPONENT:
            rows, unit = _whole(values, self.row_bits, axis=1)
            product: Array = (rows @ self.columns) * unit
            return product
        return rounded(values, exponent, self.row_bits) @ self.columns


def rounded(values: Floats, exponent: Indices, bits: int) -> Array:
    """Return values (n, d) rounded to whole multiples of 2^(exponent - bits), row by row.

    A sum with 1.5 times 2^52 such units has no bits behind the units (Dekker 1971).
    """
    sink = np.ldexp(1.5, exponent + (52 - bits))[:, None]
    whole = values.astype(float)
    whole += sink
    whole -= sink
    return whole


def _tops(values: Floats) -> Array:
    """Return the largest size (n,) among the values (n, d) of each row, 0 if there are none."""
    if not values.shape[1]:
        return np.zeros(len(values))
    high, low = np.maximum.reduce(values, axis=1), np.minimum.reduce(values, axis=1)
    top: Array = np.maximum(high, -low).astype(float)
    return top


def _whole(values: Floats, bits: int, *, axis: int) -> tuple[Array, Array]:
    """Return whole numbers of up to `bits` bits, and their units: powers of two along an axis."""
    top = np.abs(values).max(axis=axis, keepdims=True, initial=0.0).astype(float)
    unit = np.ldexp(1.0, np.frexp(top)[1] - bits)
    return np.rint(values / unit), unit


def _activated(z: Floats) -> Floats:
    """Return `recipe.gelu` of an array, to the last bit, with less memory."""
    inner = GELU_CUBIC * z
    inner *= z
    inner *= z
    inner += z
    inner *= GELU_SLOPE
    np.tanh(inner, out=inner)
    inner += 1
    inner *= 0.5 * z
    return inner


def _blocks(rows: int) -> list[slice]:
    return [*blocks_of(rows, ROWS_AT_ONCE)]
