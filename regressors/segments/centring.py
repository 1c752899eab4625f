"""Sums of products of segments, about means, without the loss of digits that a difference has."""

import numpy as np

from regressors.arrays import Array
from regressors.linear import double_double as dd
from regressors.linear.double_double import Pair
from regressors.segments.table import SegmentSums


def raw_sums(sums: SegmentSums) -> Pair:
    """Return sums (S, p + 2, p + 2) in double-double and raw units, infinite where too large."""
    units = sums.exponents[:, :, None] + sums.exponents[:, None, :]
    units = units + sums.of_weight[:, None, None]
    return Pair(*(np.ldexp(part, units) for part in sums.matrices.pair()))


def centred(sums: Pair, means: Array | None) -> Array:
    """Return sums of products (S, p + 1, p + 1) of the terms and the target about their means.

    `sums` (S, p + 2, p + 2) have those of ones last but one; `means` are (p + 1,) or (S, p + 1).
    None means that nothing is centred.
    """
    terms = sums.high.shape[1] - 2
    at = np.array([*range(terms), terms + 1])
    inside = Pair(*(part[:, at[:, None], at] for part in sums))
    if means is not None:
        ones = Pair(*(part[:, terms, :][:, at] for part in sums))
        weight = Pair(*(part[:, terms, terms][:, None, None] for part in sums))
        down, beside = means[..., :, None], means[..., None, :]
        product = dd.two_product(down, beside)
        square = dd.add(_times(product.high, weight), dd.pair(product.low * weight.high))
        inside = dd.subtract(inside, _times(down, Pair(*(part[:, None, :] for part in ones))))
        inside = dd.subtract(inside, _times(beside, Pair(*(part[:, :, None] for part in ones))))
        inside = dd.add(inside, square)
    rounded: Array = inside.high + inside.low
    return rounded


def _times(factors: Array, numbers: Pair) -> Pair:
    """Return doubles times double-doubles."""
    whole = dd.two_product(factors, numbers.high)
    return dd.add(whole, dd.pair(factors * numbers.low))
