"""Rules about time: how old the newest rows may be, how far ahead predictions are needed, and how
much rows count by their age."""

from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from data.declarations.durations import duration
from data.declarations.lags import in_words, is_nearer, lags_of, length_of
from data.declarations.lengths import EXAMPLE, length
from data.declarations.mistakes import nearest
from data.declarations.value_formats import value_format
from data.errors import DeclarationMistake, quoted

RECENCY_WORDS = ("auto", "none")
RECENCY_EXAMPLE = "Write auto, none, or a half-life such as 8 quarters, 2 years or 30 days."


def _require_duration(text: object) -> object:
    duration(text)
    return text


def _require_length(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        length(value)
    elif not (isfinite(value) and value > 0):
        raise DeclarationMistake(f"{value} is not above 0", "A length of time is above 0.")
    return value


def _require_recency(value: object) -> object:
    if value is None or isinstance(value, bool):
        raise DeclarationMistake("this is not a half-life", RECENCY_EXAMPLE)
    if isinstance(value, str):
        word = value.strip().lower()
        if word in RECENCY_WORDS:
            return word
        if not any(character.isdigit() for character in word):
            hint = nearest(word, RECENCY_WORDS) + RECENCY_EXAMPLE
            raise DeclarationMistake(f"{quoted(value)} is not a half-life", hint)
    return _require_length(value)


MaxAge = Annotated[str, BeforeValidator(_require_duration)]
Horizon = Annotated[str | float, BeforeValidator(_require_length)]
Recency = Annotated[str | float, BeforeValidator(_require_recency)]


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
    _refuse_misfit("horizon", horizon, info, "there is no time to look ahead in")
    ahead = length_of(horizon)
    for lag in lags_of(info.data.get("lags", {})):
        if is_nearer(lag.length, ahead):
            raise DeclarationMistake(
                f"the lag {quoted(lag.name)} may be nearer than the horizon of {in_words(ahead)},"
                " so it would not be known yet when a row is predicted",
                f"Declare lags of {in_words(ahead)} or more, or a shorter horizon.",
            )
    return horizon


def refuse_other_recency(recency: str | float, info: ValidationInfo) -> str | float:
    """Refuse a half-life that the time column cannot have."""
    if recency not in RECENCY_WORDS and "time" in info.data:
        _refuse_misfit("recency", recency, info, "the rows have no age")
    return recency


def _refuse_misfit(key: str, value: str | float, info: ValidationInfo, without: str) -> None:
    time, kind = info.data["time"], _kind(info.data)
    if time is None:
        raise DeclarationMistake(
            f"no 'time' column is declared, so {without}",
            f"Declare the time column, or leave {key!r} out.",
        )
    if isinstance(value, str) and kind == "number":
        raise DeclarationMistake(
            f"the time column {quoted(time)} is declared to hold numbers, and {quoted(value)} is a"
            " length of time",
            "Write a number, or declare the column as a time.",
        )
    if not isinstance(value, str) and kind == "time":
        raise DeclarationMistake(
            f"the time column {quoted(time)} is declared to hold times, and {value:g} is a number",
            EXAMPLE,
        )


def misfit(key: str, value: str | float, name: str, kind: str) -> str:
    """Return a sentence if a length cannot be counted in a time column of this kind; else ""."""
    if isinstance(value, str) and kind == "number":
        return (
            f"The time column {name!r} holds numbers, but {key!r} is {value}, a length of time."
            f" Write {key!r} as a number, or write times in ISO 8601 (2024-03-31)."
        )
    if not isinstance(value, str) and kind == "time":
        return (
            f"The time column {name!r} holds times, but {key!r} is {value:g}, a number. Write"
            " it as a length of time, such as 7 days or 1 quarter."
        )
    return ""


def _kind(declared: Mapping[str, Any]) -> str | None:
    """Return the kind that the time column is declared to have; None if it is not declared."""
    time, formats = declared.get("time"), declared.get("formats", {})
    if time in formats:
        return value_format(formats[time]).kind
    kind: str | None = declared.get("types", {}).get(time)
    return kind
