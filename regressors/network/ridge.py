"""Ridge regression with its penalty chosen by exact leave-one-out: the linear start of an ANN."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array
from regressors.blocks import blocks_of

TINY = 1e-12
DECOMPOSED_ROWS = 20_000
"""Above so many rows the sums of their products are decomposed instead, in the memory of a block.

With standardised columns, what double precision loses by that is far below the smallest penalty.
"""
BLOCK_ROWS, BLOCK_VALUES = 8192, 2**19
"""A block has at most so many rows, and fewer where columns are many."""

Inputs = Callable[[slice], Array]
"""Columns (n, q) of which a range of rows is made whenever it is asked for."""

PENALTIES = (0.001, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True)
class Ridge:
    """prediction = intercept + inputs @ weights; `left_out` (n,) are leave-one-out residuals.

    One that was fitted earlier, on other rows, has no penalty and none of these.
    """

    intercept: float
    weights: Array
    penalty: float | None
    left_out: Array


def fit_ridge(inputs: Inputs, target: Array, weight: Array | None = None) -> Ridge:
    """Fit `inputs` (n, q) to `target` (n,), both centred here, in float64.

    `weight` (n,) has a mean of 1; None is 1 everywhere. The leave-one-out residual of row i is its
    residual over 1 - h_i, with h the diagonal of the hat matrix, including the mean's share w_i / n
    (Allen 1974). The penalty with the lowest weighted mean square wins.
    """
    weight = np.ones(len(target)) if weight is None else weight
    share = weight / len(target)
    target_mean = float(share @ target)
    if not inputs(slice(0, 1)).shape[1]:
        alone = (target - target_mean) / np.maximum(1 - share, TINY)
        return Ridge(target_mean, np.empty(0), PENALTIES[0], alone)
    if len(target) > DECOMPOSED_ROWS:
        return _by_blocks(inputs, target - target_mean, weight, target_mean)
    matrix, root = inputs(slice(0, len(target))), np.sqrt(weight)
    centre = share @ matrix
    u, s, vt = np.linalg.svd((matrix - centre) * root[:, None], full_matrices=False)
    right = (target - target_mean) * root
    projected = u.T @ right
    left_out = []
    for penalty in PENALTIES:
        shrink = np.square(s) / (np.square(s) + penalty)
        hat = share + np.square(u) @ shrink
        residual = right - u @ (shrink * projected)
        left_out.append(residual / np.maximum(1 - hat, TINY))
    best = int(np.argmin([float(np.square(residual).mean()) for residual in left_out]))
    penalty = PENALTIES[best]
    weights = vt.T @ (s / (np.square(s) + penalty) * projected)
    return Ridge(target_mean - float(centre @ weights), weights, penalty, left_out[best] / root)


def _by_blocks(inputs: Inputs, centred: Array, weight: Array, mean: float) -> Ridge:
    """Fit from the eigenvectors of the weighted Gram matrix; `centred` is the target's (n,)."""
    rows, columns = len(centred), inputs(slice(0, 1)).shape[1]
    step = min(BLOCK_ROWS, max(1, BLOCK_VALUES // columns))
    gram, right, total = np.zeros((columns, columns)), np.zeros(columns), np.zeros(columns)
    for block in blocks_of(rows, step):
        x = inputs(block)
        weighted = x * weight[block, None]
        gram += x.T @ weighted
        right += centred[block] @ weighted
        total += weighted.sum(axis=0)
    centre = total / rows
    gram -= np.outer(total, centre)
    values, vectors = np.linalg.eigh(gram)
    penalties = np.array(PENALTIES)
    inverse = 1 / (np.maximum(values, 0)[:, None] + penalties)
    slopes = vectors @ (inverse * (vectors.T @ right)[:, None])
    left_out = np.empty((len(penalties), rows))
    for block in blocks_of(rows, step):
        z, own = inputs(block) - centre, weight[block, None]
        hat = own / rows + own * (np.square(z @ vectors) @ inverse)
        left_out[:, block] = ((centred[block, None] - z @ slopes) / np.maximum(1 - hat, TINY)).T
    best = int(np.argmin([float(weight @ np.square(each)) for each in left_out]))
    weights = slopes[:, best]
    return Ridge(mean - float(centre @ weights), weights, PENALTIES[best], left_out[best].copy())
