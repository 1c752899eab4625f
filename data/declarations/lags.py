"""Lags: what the target, or a feature, was some length of time before, as a feature of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from data.declarations.lengths import EXAMPLE, Length, length
from data.declarations.mistakes import nearest
from data.errors import DeclarationMistake, quoted

Lengths = tuple[str | float, ...]
_NAME = re.compile(r"(?P<column>.+)\[(?P<length>[^\[\]]+) before\]", re.DOTALL)
MAX_LAGS = 50
"""Of one column."""


@dataclass(frozen=True)
class Lag:
    """The value of a column a length of time before, or a number where times are numbers."""

    column: str
    length: Length | float

    @property
    def name(self) -> str:
        """Return the name of the feature: `revenue[1 year before]`."""
        return f"{self.column}[{in_words(self.length)} before]"

    def before(self, times: NDArray[Any]) -> NDArray[Any]:
        """Return the times (n,), datetime64 or numbers, whose rows have the values."""
        if isinstance(self.length, Length):
            return self.length.before(times)
        return times - self.length


def in_words(of: Length | float) -> str:
    """Return a length as it is written: "1 year", or "4"."""
    return of.text if isinstance(of, Length) else f"{of:.15g}"


def lag_named(name: str) -> Lag | None:
    """Return the lag that a feature is called after; None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return Lag(match["column"], length_of(match["length"]))
    except DeclarationMistake:
        return None


def length_of(value: object) -> Length | float:
    """Return the length that a value of a declaration is; else raise `DeclarationMistake`."""
    try:
        number = None if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = None
    if number is None:
        return length(value)
    if not (isfinite(number) and number > 0):
        raise DeclarationMistake(f"{value} is not above 0", "A lag looks back in time.")
    return number


def lags_of(declared: Mapping[str, Sequence[object]]) -> tuple[Lag, ...]:
    """Return the lags of the columns of a declaration, in its order."""
    return tuple(
        Lag(name, length_of(each)) for name, lengths in declared.items() for each in lengths
    )


def _require_length(value: object) -> object:
    length_of(value)
    return value


def _refuse_wrong_lengths(lengths: Lengths) -> Lengths:
    if not lengths:
        raise DeclarationMistake("no length is listed", EXAMPLE)
    if len(lengths) > MAX_LAGS:
        raise DeclarationMistake(f"more than {MAX_LAGS} lengths are listed")
    seen = set()
    for value in lengths:
        words = in_words(length_of(value))
        if words in seen:
            raise DeclarationMistake(f"{quoted(words)} is listed twice")
        seen.add(words)
    return lengths


LagLengths = Annotated[
    tuple[Annotated[str | float, BeforeValidator(_require_length)], ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
    AfterValidator(_refuse_wrong_lengths),
]


def refuse_wrong_lags(lags: dict[str, Lengths], info: ValidationInfo) -> dict[str, Lengths]:
    """Refuse lags where it is not known what earlier row is meant, and lags of other columns."""
    time, key, features = (info.data.get(name) for name in ("time", "key", "features"))
    if not lags or "time" not in info.data or key is None:
        return lags
    if time is None:
        raise DeclarationMistake(
            "no 'time' column is declared, so there is no time to look back in",
            "Declare the time column, or leave 'lags' out.",
        )
    if time not in key:
        raise DeclarationMistake(
            f"the time column {quoted(time)} is not part of the key, so it is not known which"
            " earlier row is meant",
            f"Declare the key as {quoted(time)} and what tells apart the rows of one time.",
        )
    for name in lags:
        if name in key:
            raise DeclarationMistake(f"{quoted(name)} is part of the key, which has no lags")
        if features and name not in (info.data.get("target"), *features):
            raise DeclarationMistake(
                f"{quoted(name)} is neither the target nor one of the 'features'",
                nearest(name, features).strip() or "Lags are of these.",
            )
    return lags


def is_nearer(lag: Length | float, horizon: Length | float) -> bool:
    """Return whether a lag may be shorter than a horizon; a number is no shorter than a length."""
    if isinstance(lag, Length) and isinstance(horizon, Length):
        if lag.months and horizon.months:
            return lag.months < horizon.months
        return _ends(lag)[0] < _ends(horizon)[1]
    if isinstance(lag, Length) or isinstance(horizon, Length):
        return False
    return lag < horizon


def _ends(of: Length) -> tuple[timedelta, timedelta]:
    """Return how long a length is at least and at most."""
    if not of.months:
        return of.fixed, of.fixed
    months = np.datetime64("2000-01", "M") + np.arange(400 * 12)  # the calendar repeats after that
    days = (months + of.months).astype("M8[D]") - months.astype("M8[D]")
    return timedelta(int(days.min().astype(int))), timedelta(int(days.max().astype(int)))
