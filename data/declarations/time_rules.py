"""Rules about time: how old rows may be, how far ahead predictions are needed, what age counts."""

from math import isfinite
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from data.declarations.durations import duration
from data.declarations.lags import in_words, is_nearer, lags_of
from data.declarations.lengths import EXAMPLE, Length, length
from data.declarations.mistakes import nearest
from data.declarations.value_formats import value_format
from data.errors import DeclarationMistake, quoted

WORDS = ("auto", "none")
RECENCY_EXAMPLE = "Write auto, none, or a half-life such as 8 quarters, 2 years or 30 days."
WITHOUT_TIME = {
    "horizon": "there is no time to look ahead in",
    "recency": "the rows have no age",
}


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
        if word in WORDS:
            return word
        if not any(character.isdigit() for character in word):
            hint = nearest(word, WORDS) + RECENCY_EXAMPLE
            raise DeclarationMistake(f"{quoted(value)} is not a half-life", hint)
    return _require_length(value)


MaxAge = Annotated[str, BeforeValidator(_require_duration)]
Horizon = Annotated[str | float, BeforeValidator(_require_length)]
Recency = Annotated[str | float, BeforeValidator(_require_recency)]


def _kind_of_time(info: ValidationInfo) -> str | None:
    """Return the kind that the time column is declared to have; None if it is not declared."""
    time, formats = info.data.get("time"), info.data.get("formats", {})
    if time in formats:
        return value_format(formats[time]).kind
    kind: str | None = info.data.get("types", {}).get(time)
    return kind


def refuse_age_without_times(max_age: str | None, info: ValidationInfo) -> str | None:
    """Refuse to limit the age of rows that have no time, or a number in its place."""
    if max_age and "time" in info.data and info.data["time"] is None:
        raise DeclarationMistake(
            "no 'time' column is declared, so the rows have no age",
            "Declare the time column, or leave 'max_age' out.",
        )
    if max_age and _kind_of_time(info) == "number":
        raise DeclarationMistake(
            f"the time column {quoted(info.data['time'])} is declared to hold numbers, which have"
            " no age",
            "Declare it as a time, or leave 'max_age' out.",
        )
    return max_age


def refuse_other_length(value: str | float | None, info: ValidationInfo) -> str | float | None:
    """Refuse a horizon or a half-life that the time column cannot have, or lags forbid."""
    if value is None or value in WORDS or "time" not in info.data:
        return value
    key = str(info.field_name)
    _refuse_misfit(key, value, info)
    if key == "horizon":
        _refuse_nearer_lags(length(value) if isinstance(value, str) else value, info)
    return value


def _refuse_nearer_lags(ahead: Length | float, info: ValidationInfo) -> None:
    for lag in lags_of(info.data.get("lags", {})):
        if is_nearer(lag.length, ahead):
            raise DeclarationMistake(
                f"the lag {quoted(lag.name)} may be nearer than the horizon of {in_words(ahead)},"
                " so it would not be known yet when a row is predicted",
                f"Declare lags of {in_words(ahead)} or more, or a shorter horizon.",
            )


def _refuse_misfit(key: str, value: str | float, info: ValidationInfo) -> None:
    time, kind = info.data["time"], _kind_of_time(info)
    if time is None:
        raise DeclarationMistake(
            f"no 'time' column is declared, so {WITHOUT_TIME[key]}",
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
