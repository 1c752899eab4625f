"""Ridge regression with its penalty chosen by exact leave-one-out: the linear start of an ANN."""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array
from regressors.blocks import blocks_of

TINY = 1e-12
DECOMPOSED_ROWS = 40_000
"""Above so many rows the sums of their products are decomposed instead, in the memory of a block.

With standardised columns, what double precision loses by that is far below the smallest penalty.
"""
BLOCK_ROWS = 8192
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


def fit_ridge(inputs: Array, target: Array, weight: Array | None = None) -> Ridge:
    """Fit `inputs` (n, q) to `target` (n,), both centred here, in float64.

    `weight` (n,) has a mean of 1; None is 1 everywhere. The leave-one-out residual of row i is its
    residual over 1 - h_i, with h the diagonal of the hat matrix, including the mean's share w_i / n
    (Allen 1974). The penalty with the lowest weighted mean square wins.
    """
    weight = np.ones(len(target)) if weight is None else weight
    root, share = np.sqrt(weight), weight / len(target)
    centre, target_mean = share @ inputs, float(share @ target)
    if not inputs.shape[1]:
        alone = (target - target_mean) / np.maximum(1 - share, TINY)
        return Ridge(target_mean, np.empty(0), PENALTIES[0], alone)
    if len(target) > DECOMPOSED_ROWS:
        return _by_blocks(inputs, target - target_mean, weight, centre, target_mean)
    u, s, vt = np.linalg.svd((inputs - centre) * root[:, None], full_matrices=False)
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


def _by_blocks(inputs: Array, centred: Array, weight: Array, centre: Array, mean: float) -> Ridge:
    """Fit from the eigenvectors of the weighted Gram matrix; `centred` is the target's (n,)."""
    rows = len(centred)
    blocks = list(blocks_of(rows, BLOCK_ROWS))
    gram, right = np.zeros((inputs.shape[1],) * 2), np.zeros(inputs.shape[1])
    for block in blocks:
        z = inputs[block] - centre
        weighted = z * weight[block, None]
        gram += z.T @ weighted
        right += centred[block] @ weighted
    values, vectors = np.linalg.eigh(gram)
    penalties = np.array(PENALTIES)
    inverse = 1 / (np.maximum(values, 0)[:, None] + penalties)
    slopes = vectors @ (inverse * (vectors.T @ right)[:, None])
    left_out = np.empty((len(penalties), rows))
    for block in blocks:
        z, own = inputs[block] - centre, weight[block, None]
        hat = own / rows + own * (np.square(z @ vectors) @ inverse)
        left_out[:, block] = ((centred[block, None] - z @ slopes) / np.maximum(1 - hat, TINY)).T
    best = int(np.argmin([float(weight @ np.square(each)) for each in left_out]))
    weights = slopes[:, best]
    return Ridge(mean - float(centre @ weights), weights, PENALTIES[best], left_out[best].copy())
