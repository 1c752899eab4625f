"""Predictions whose digits depend on the row alone, not on the rows beside it. NumPy alone.

The order in which a matrix product adds depends on the shapes of its matrices and on the number of
threads, and with the order its rounding. Here each product is of whole numbers, small enough for
their sums to be exact in any order.
"""

import numpy as np

from regressors.arrays import Array, Arrays, Floats
from regressors.blocks import blocks_of
from regressors.network.recipe import gelu

EXACT_BITS = 53
"""Whole numbers of so many bits are exact in double."""
ROWS_AT_ONCE = 2048
"""So that what the layers hold in between stays in the processor's cache."""


def weighted_sum(matrix: Array, weights: Array) -> Array:
    """Return matrix (n, p) @ weights (p,), adding column by column."""
    total = np.zeros(len(matrix))
    with np.errstate(over="ignore", invalid="ignore"):  # the caller sees what is not finite
        for column, weight in zip(matrix.T, weights.tolist(), strict=True):
            total += column * weight
    return total


def network_output(layers: Arrays, inputs: Floats) -> Floats:
    """Return the output (n,) of a network for inputs (n, d), in the dtype of its layers.

    The same function as `recipe.forward`, to the precision of single numbers of that dtype.
    """
    blocks = [_output(layers, inputs[block]) for block in blocks_of(len(inputs), ROWS_AT_ONCE)]
    return np.concatenate(blocks) if blocks else np.empty(0, layers[0].dtype)


def _output(layers: Arrays, inputs: Floats) -> Floats:
    dtype = layers[0].dtype
    values = inputs
    for weights, bias in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        values = gelu(_product(values, weights).astype(dtype) + bias)
    return (_product(values, layers[-2]).astype(dtype) + layers[-1])[:, 0]


def _product(values: Floats, weights: Floats) -> Array:
    """Return values (n, d) @ weights (d, h), each rounded to a share of its row's or column's top.

    The shares are about 2^-23 for 100 columns: a row and a column become whole numbers whose
    products add up to less than 2^53.
    """
    bits = EXACT_BITS - int(np.ceil(np.log2(max(values.shape[1], 2))))
    rows, row_unit = _whole(values, bits // 2, axis=1)
    columns, column_unit = _whole(weights, bits - bits // 2, axis=0)
    return (rows @ columns) * row_unit * column_unit


def _whole(values: Floats, bits: int, *, axis: int) -> tuple[Array, Array]:
    """Return whole numbers of up to `bits` bits, and their units: powers of two along an axis."""
    top = np.abs(values).max(axis=axis, keepdims=True, initial=0.0).astype(float)
    unit = np.ldexp(1.0, np.frexp(top)[1] - bits)
    return np.rint(values / unit), unit
