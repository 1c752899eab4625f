"""Integers and fractions of any length, rounded to doubles once."""

from fractions import Fraction
from math import inf, isqrt, ldexp

_ROOT_BITS = 128  # of a root that is then rounded to the 53 of a double


def to_double(value: int, exponent: int) -> float:
    """Return `value` times two to the power of `exponent`, rounded to nearest, ties to even."""
    try:
        return float(value << exponent) if exponent >= 0 else value / (1 << -exponent)
    except OverflowError:
        return inf if value > 0 else -inf


def times_power(value: float, exponent: int) -> float:
    """Return a double times two to the power of `exponent`, infinite where it is too large."""
    try:
        return ldexp(value, exponent)
    except OverflowError:
        return inf if value > 0 else -inf


def ratio(value: Fraction) -> float:
    """Return a fraction rounded to a double, infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def root(value: Fraction) -> float:
    """Return the root of a fraction that is not negative."""
    shift = _ROOT_BITS - (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    scaled = value * Fraction(4) ** shift
    return to_double(isqrt(scaled.numerator // scaled.denominator), -shift)
