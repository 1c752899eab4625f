"""Sums and products as pairs of doubles: about 32 digits, without any wider type.

A pair (high, low) stands for the unevaluated sum high + low with |low| <= ulp(high) / 2.
The error-free transformations are those of Dekker (1971) and Knuth (TAOCP vol. 2, 4.2.2).
"""

from typing import NamedTuple

import numpy as np

from regressors.arrays import Array

_SPLITTER = 2.0**27 + 1


class Pair(NamedTuple):
    """An array of double-doubles."""

    high: Array
    low: Array


def pair(value: Array) -> Pair:
    """Return doubles as double-doubles."""
    return Pair(value, np.zeros_like(value))


def two_sum(a: Array, b: Array) -> Pair:
    """Return a + b exactly (Knuth)."""
    s = a + b
    t = s - a
    return Pair(s, (a - (s - t)) + (b - t))


def two_product(a: Array, b: Array) -> Pair:
    """Return a * b exactly (Dekker, Veltkamp's split); |a|, |b| below 1e300."""
    p = a * b
    c, d = _SPLITTER * a, _SPLITTER * b
    a_high, b_high = c - (c - a), d - (d - b)
    a_low, b_low = a - a_high, b - b_high
    return Pair(p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low)


def add(a: Pair, b: Pair) -> Pair:
    """Return a + b to about 2^-104."""
    s, e = two_sum(a.high, b.high)
    t, f = two_sum(a.low, b.low)
    s, e = _fast_two_sum(s, e + t)
    return Pair(*_fast_two_sum(s, e + f))


def subtract(a: Pair, b: Pair) -> Pair:
    """Return a - b to about 2^-104."""
    return add(a, Pair(-b.high, -b.low))


def _fast_two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a + b exactly where |a| >= |b| (Dekker)."""
    s = a + b
    return s, b - (s - a)
