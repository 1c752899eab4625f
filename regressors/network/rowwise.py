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
ROWS_AT_ONCE = 1024
"""So that what the layers hold in between stays in the processor's cache."""
MAX_EXPONENT = 900
"""Beyond it, a power of two that numbers are rounded with may leave the range of doubles."""
MAX_SINGLE_EXPONENT = 60
"""The same for single numbers."""
GELU_DEPTH = 0.1701
"""No result of GELU is as far below zero."""


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
        output = np.empty(len(inputs), self._dtype)
        for block in _blocks(len(inputs)):
            values = inputs[block].T
            output[block] = self._behind(self._weights[0].product(values, _tops(values)))
        return output

    def output_of(self, inputs: Sequence[Block], rows: int) -> Floats:
        """Return the output (n,) for inputs of n rows in blocks of columns, which are looked up."""
        if self._first is None:
            self._first = LookedUp(inputs, self._weights[0].columns, self._weights[0].row_bits)
        output = np.empty(rows, self._dtype)
        first = self._first.product(inputs, self._dtype)
        for block in _blocks(rows):
            if first is None:
                product = self._multiplied(taken(inputs, block), block.stop - block.start)
            else:
                product = first.of(block)
                others = np.flatnonzero(first.others[block])
                if len(others):
                    own = taken(inputs, block.start + others)
                    product[:, others] = self._multiplied(own, len(others))
            output[block] = self._behind(product)
        return output

    _first: LookedUp | None = None

    def _multiplied(self, inputs: Sequence[Block], rows: int) -> Array:
        """Return the first product (h, n) of inputs of n rows, none of which is looked up."""
        values = put_together(inputs, rows, self._dtype).T
        return self._weights[0].product(values, _tops(values))

    def _behind(self, product: Array) -> Floats:
        """Return the output (n,) from the product (h, n) of the inputs and the first weights."""
        for weights, bias in zip(self._weights[1:], self._layers[1::2], strict=False):
            values = product.astype(self._dtype)
            values += bias[:, None]
            values = _activated(values)
            product = weights.product(values, _tops(values, GELU_DEPTH))
        output: Floats = product[0].astype(self._dtype) + self._layers[-1]
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

    def product(self, values: Floats, tops: Floats) -> Array:
        """Return the weights times the values (d, n) of rows, rounded likewise: (h, n).

        `tops` (n,) are the largest sizes among the values of each row.
        """
        if not values.shape[1]:
            return np.empty((self._weights.shape[1], 0))
        exponent = np.frexp(tops)[1]
        if np.abs(exponent).max() > MAX_EXPONENT:
            rows, unit = _whole(values, self.row_bits, axis=0)
            product: Array = (self.columns.T @ rows) * unit
            return product
        return self.columns.T @ rounded(values, exponent, self.row_bits)


def rounded(values: Floats, exponent: Indices, bits: int) -> Array:
    """Return the values (d, n) of rows rounded to whole multiples of 2^(exponent - bits).

    A sum with 1.5 times 2^52 such units has no bits behind the units (Dekker 1971). Single numbers
    are whole ones when scaled by a power of two: half of the memory, and the same digits.
    """
    if values.dtype == np.float32 and np.abs(exponent).max() <= MAX_SINGLE_EXPONENT:
        single = values * np.ldexp(np.float32(1), bits - exponent)
        np.rint(single, out=single)
        single *= np.ldexp(np.float32(1), exponent - bits)
        return single.astype(float)
    sink = np.ldexp(1.5, exponent + (52 - bits))
    whole = values.astype(float)
    whole += sink
    whole -= sink
    return whole


def _tops(values: Floats, depth: float = np.inf) -> Floats:
    """Return the largest size (n,) among the values (d, n) of each row, 0 if there are none.

    No value is below -`depth`.
    """
    if not values.size:
        return np.zeros(values.shape[1], values.dtype)
    high: Floats = np.maximum.reduce(values, axis=0)
    if high.min() < depth:
        np.maximum(high, -np.minimum.reduce(values, axis=0), out=high)
    return high


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
