"""Ridge regression with its penalty chosen by exact leave-one-out: the linear start of an ANN."""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array

TINY = 1e-12
PENALTIES = (0.001, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True)
class Ridge:
    """prediction = intercept + inputs @ weights; `left_out` (n,) are leave-one-out residuals."""

    intercept: float
    weights: Array
    penalty: float
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
