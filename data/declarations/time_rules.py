"""How old the newest rows may be, and how far ahead predictions are needed: rules about time."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from data.declarations.durations import duration
from data.declarations.lags import in_words, is_nearer, lags_of
from data.declarations.lengths import EXAMPLE, length
from data.declarations.value_formats import value_format
from data.errors import DeclarationMistake, quoted


def _require_duration(text: object) -> object:
    duration(text)
    return text


def _require_length(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        length(value)
    elif not (isfinite(value) and value > 0):
        raise DeclarationMistake(f"{value} is not above 0", "A horizon reaches into the future.")
    return value


MaxAge = Annotated[str, BeforeValidator(_require_duration)]
Horizon = Annotated[str | float, BeforeValidator(_require_length)]


def refuse_age_without_times(max_age: str | None, info: ValidationInfo) -> str | None:
    """Refuse to limit the age of rows that have no time, or a number in its place."""
    if max_age and "time" in info.data and info.data["time"] is None:
        raise DeclarationMistake(
            "no 'time' column is declared, so the rows have no age",
            "Declare the time column, or leave 'max_age' out.",
        )
    if max_age and _kind(info.data) == "number":
        raise DeclarationMistake(
            f"the time column {quoted(info.data['time'])} is declared to hold numbers, which have"
            " no age",
            "Declare it as a time, or leave 'max_age' out.",
        )
    return max_age


def refuse_other_horizon(horizon: str | float | None, info: ValidationInfo) -> str | float | None:
    """Refuse a horizon that the time column cannot have, or that is longer than a lag."""
    if horizon is None or "time" not in info.data:
        return horizon
    time, kind = info.data["time"], _kind(info.data)
    if time is None:
        raise DeclarationMistake(
            "no 'time' column is declared, so there is no time to look ahead in",
            "Declare the time column, or leave 'horizon' out.",
        )
    if isinstance(horizon, str) and kind == "number":
        raise DeclarationMistake(
            f"the time column {quoted(time)} is declared to hold numbers, and {quoted(horizon)} is"
            " a length of time",
            "Write a number, or declare the column as a time.",
        )
    if not isinstance(horizon, str) and kind == "time":
        raise DeclarationMistake(
            f"the time column {quoted(time)} is declared to hold times, and {horizon:g} is a"
            " number",
            EXAMPLE,
        )
    ahead = length(horizon) if isinstance(horizon, str) else horizon
    for lag in lags_of(info.data.get("lags", {})):
        if is_nearer(lag.length, ahead):
            raise DeclarationMistake(
                f"the lag {quoted(lag.name)} may be nearer than the horizon of {in_words(ahead)},"
                " so it would not be known yet when a row is predicted",
                f"Declare lags of {in_words(ahead)} or more, or a shorter horizon.",
            )
    return horizon


def _kind(declared: Mapping[str, Any]) -> str | None:
    """Return the kind that the time column is declared to have; None if it is not declared."""
    time, formats = declared.get("time"), declared.get("formats", {})
    if time in formats:
        return value_format(formats[time]).kind
    kind: str | None = declared.get("types", {}).get(time)
    return kind
