"""Standard errors that hold where the classical ones do not: rows that vary unequally or together.

Each is a sandwich (White 1980): the covariance of the coefficients is that of sums of scores, the
products of a row's terms and its residual, between two inverses of X'X. They differ in which rows'
scores may be related: none (HC3), those of a group, or those that are close in time. They are equal
to statsmodels' `HC3`, `cluster` and `HAC`, the last two with `use_correction=True`.

An error is NaN where it has no value. Rows come in blocks, with their orthonormal columns and
their weights in the coefficients, which are these columns times W (k, k).
"""

from math import floor, pow

import numpy as np

from regressors.arrays import Array, Indices
from regressors.linear.fitted_rows import FittedBlock

FULL_LEVERAGE = 1e-10
"""A row whose leverage is this close to 1 is fitted exactly, whatever its target."""
MIN_PART = 1e-6
"""A row has a part in an estimate if its weight is a larger share of all rows' than this."""
MIN_SHARE = 1e-9
"""A smaller share of what the scores of single rows come to is rounding: the sums are all zero."""


class UnequalVariances:
    """Errors that hold for any variances: HC3.

    MacKinnon and White (1985): the sandwich with each residual over 1 - h, h its row's leverage.
    The error of a row with a leverage of 1 cannot be seen, so a coefficient in which such a row has
    a part has no value.
    """

    def __init__(self, inverse_root: Array) -> None:
        self._inverse_root = inverse_root
        self._variances, self._unseen = np.zeros((2, len(inverse_root)))

    def add(self, block: FittedBlock) -> None:
        """Add a block of rows."""
        self.add_sums(*sums_of_block(block))

    def add_sums(self, squares: Array, unseen: Array) -> None:
        """Add what `sums_of_block` returned of a block; the digits depend on the order of these."""
        self._variances += squares
        self._unseen = np.maximum(self._unseen, unseen)

    def errors(self) -> Array:
        """Return the standard errors (k,) of the coefficients."""
        whole = np.square(self._inverse_root).sum(axis=0)  # that of all rows' weights
        decided = self._unseen > MIN_PART * np.sqrt(whole)
        return np.where(decided, np.nan, np.sqrt(self._variances))


def sums_of_block(block: FittedBlock) -> tuple[Array, Array]:
    """Return what HC3 needs of a block of rows.

    It is the sum (k,) of squares of the weights times the residuals over 1 - h, and the largest
    weight (k,) of a row whose error cannot be seen, 0 if there is no such row.
    """
    left = 1 - np.einsum("ij,ij->i", block.columns, block.columns)
    full = left <= FULL_LEVERAGE
    seen = np.where(full, 0.0, block.residuals / np.where(full, 1.0, left))
    unseen = np.abs(block.weights[full]).max(axis=0, initial=0.0)
    return np.square(seen) @ block.squares, unseen


class RelatedRows:
    """Errors that hold where the errors of rows with equal or close labels (n,) are alike."""

    def __init__(self, inverse_root: Array, labels: Array | Indices) -> None:
        self._inverse_root = inverse_root
        different, self._numbers = np.unique(labels, return_inverse=True)
        self._sums = np.zeros((len(different), len(inverse_root)))
        self._single = np.zeros(len(inverse_root))

    def add(self, block: FittedBlock) -> None:
        """Add a block of rows."""
        scores = block.columns * block.residuals[:, None]
        self._single += np.square(block.residuals) @ block.squares
        numbers = self._numbers[block.rows]
        order = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[order], return_index=True)
        self._sums[found] += np.add.reduceat(scores[order], starts, axis=0)

    def cluster_errors(self) -> Array | None:
        """Return standard errors (k,) that hold where the errors of a group are alike.

        Liang and Zeger (1986): the scores of a group are summed first. The covariance is multiplied
        by G / (G - 1) (n - 1) / (n - k) for G groups (CR1). None if there is one group. A
        coefficient whose sums are zero in every group, such as the mean of a group, has no value.
        """
        groups, (rows, terms) = len(self._sums), self._shape
        if groups < 2:
            return None
        correction = groups / (groups - 1) * (rows - 1) / (rows - terms)
        return self._errors(self._sums.T @ self._sums * correction)

    def hac_errors(self) -> Array | None:
        """Return standard errors (k,) that hold where errors that are close in time are alike.

        Newey and West (1987): scores are taken in the order of their times, and products up to
        `hac_lags` steps apart count, with weights that fall to zero. Scores of one time are summed
        first, as Driscoll and Kraay (1998) do. The covariance is multiplied by n / (n - k). None if
        there is one time.
        """
        rows, terms = self._shape
        if len(self._sums) < 2:
            return None
        lags = hac_lags(len(self._sums))
        meat = self._sums.T @ self._sums
        for lag in range(1, lags + 1):
            products = self._sums[lag:].T @ self._sums[:-lag]
            meat += (1 - lag / (lags + 1)) * (products + products.T)
        return self._errors(meat * (rows / (rows - terms)))

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self._numbers), len(self._inverse_root)

    def _errors(self, meat: Array) -> Array:
        half = self._inverse_root.T @ meat
        variances = (half * self._inverse_root.T).sum(axis=1)
        shown = variances > MIN_SHARE**2 * self._single
        errors: Array = np.sqrt(np.where(shown, variances, np.nan))
        return errors


def hac_lags(times: int) -> int:
    """Return the lags for so many different times: 4 (T / 100)^(2/9), rounded down.

    The rule of Newey and West (1994) without their pilot estimate, and statsmodels' default.
    """
    return min(floor(4 * pow(times / 100, 2 / 9)), times - 1)
