"""Ridge regression with its penalty chosen by exact leave-one-out: the linear start of an ANN."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PENALTIES = (0.001, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True)
class Ridge:
    """prediction = intercept + inputs @ weights."""

    intercept: float
    weights: Array
    penalty: float


def fit_ridge(inputs: Array, target: Array) -> Ridge:
    """Fit `inputs` (n, q) to `target` (n,), both centred here, in float64.

    The leave-one-out residual of row i is its residual over 1 - h_i, with h the diagonal of the
    hat matrix, the mean's 1/n included (Allen 1974); the penalty with the least mean square wins.
    """
    centre, level = inputs.mean(axis=0), float(target.mean())
    if not inputs.shape[1]:
        return Ridge(level, np.empty(0), PENALTIES[0])
    u, s, vt = np.linalg.svd(inputs - centre, full_matrices=False)
    right = target - level
    projected = u.T @ right
    left_out = []
    for penalty in PENALTIES:
        shrink = np.square(s) / (np.square(s) + penalty)
        hat = 1 / len(target) + np.square(u) @ shrink
        residual = right - u @ (shrink * projected)
        left_out.append(float(np.square(residual / np.maximum(1 - hat, 1e-12)).mean()))
    penalty = PENALTIES[int(np.argmin(left_out))]
    weights = vt.T @ (s / (np.square(s) + penalty) * projected)
    return Ridge(level - float(centre @ weights), weights, penalty)
