"""The part of a declaration about prediction intervals: their levels, their groups, and bounds."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)

from data.declarations.sections import Column, Section, Share
from data.errors import DeclarationMistake, quoted

MAX_LEVELS = 3
"""So many intervals have columns in the store."""

SHORTEST = 1e-4
"""Levels are apart by at least this, so that the columns named by them differ."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require_share(value: object) -> None:
    if _is_number(value) and 0 < value < 1:  # type: ignore[operator]
        return
    percent = value
    if isinstance(value, str) and value.endswith("%"):
        try:
            percent = float(value[:-1])
        except ValueError:
            percent = None
    step = "An interval covers, for example, the share 0.9 of the true values."
    if _is_number(percent) and 1 < percent < 100:  # type: ignore[operator]
        step = f"For {percent:g}%, write {percent / 100:g}."  # type: ignore[operator]
    shown = f"{quoted(value)} is not" if value is not None else "it is empty, and not"
    raise DeclarationMistake(f"{shown} a share above 0 and below 1", step)


def _levels(value: object) -> tuple[object, ...]:
    """Return a share, or a list of some, as those levels, the widest first."""
    levels = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise DeclarationMistake(
            f"there are {len(levels)} levels" if levels else "the list of levels is empty",
            f"Declare one to {MAX_LEVELS}, for example [0.5, 0.9].",
        )
    for level in levels:
        _require_share(level)
    ordered = sorted(map(float, levels), reverse=True)
    for wide, narrow in pairwise(ordered):
        if wide - narrow < SHORTEST:
            raise DeclarationMistake(
                f"the levels {narrow!r} and {wide!r} are the same"
                if wide == narrow
                else f"the levels {narrow!r} and {wide!r} hardly differ",
                "Leave out one of them.",
            )
    return tuple(ordered)


Levels = Annotated[
    tuple[Share, ...], BeforeValidator(_levels), Field(min_length=1, max_length=MAX_LEVELS)
]


class Interval(Section):
    """How much the intervals of predictions should cover."""

    level: Levels = Field(
        default=(0.9,),
        description="The share of true values that the interval of a prediction should cover, or a"
        " list of up to three; `interval: 0.9` and `interval: [0.5, 0.9]` are short for this.",
    )
    by: Column | None = Field(
        default=None,
        description="A column of categories or booleans: the intervals cover that share in each of"
        " its levels that has rows enough, and not only of all rows.",
    )

    @property
    def levels(self) -> tuple[float, ...]:
        """Return the shares that the intervals should cover, the widest first."""
        return self.level

    @property
    def widest(self) -> float:
        """Return the share that the widest interval should cover."""
        return self.level[0]

    @model_serializer(mode="wrap")
    def _as_short_as_declared(self, _: SerializerFunctionWrapHandler) -> Any:
        """Return the share or the list alone where nothing else is declared, as before."""
        level = self.level[0] if len(self.level) == 1 else [*self.level]
        return level if self.by is None else {"level": level, "by": self.by}


def _as_section(value: object) -> object:
    """Return a share, or a list of some, as the mapping that it is short for."""
    return value if isinstance(value, Mapping | Interval) else {"level": _levels(value)}


DeclaredInterval = Annotated[Interval, BeforeValidator(_as_section)]


def refuse_group_without_meaning(interval: Interval, declared: Mapping[str, Any]) -> None:
    """Raise DeclarationMistake for a `by` that is another role of what is `declared` before it."""
    key = declared.get("key", ())
    roles = {
        **({key[0]: "key, which differs in each row"} if len(key) == 1 else {}),
        declared.get("weight"): "weight",
        declared.get("time"): "time column",
        declared.get("target"): "target",
    }
    if interval.by is not None and interval.by in roles:
        raise DeclarationMistake(
            f"intervals cannot be 'by' {quoted(interval.by)}: it is the {roles[interval.by]}",
            "Name a column of categories or booleans, or leave 'by' out.",
        )


def _two_bounds(value: object) -> object:
    example = "Declare the lowest and the highest value, null where there is none: [0, null]."
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise DeclarationMistake("should be a list of two bounds", example)
    for bound in value:
        if bound is not None and (not _is_number(bound) or not math.isfinite(bound)):
            raise DeclarationMistake(f"{quoted(bound)} is not a finite number", example)
    return value


def _refuse_wrong_order(
    bounds: tuple[float | None, float | None],
) -> tuple[float | None, float | None]:
    low, high = bounds
    if low is None and high is None:
        raise DeclarationMistake(
            "neither bound is a number", "Leave 'bounds' out, or declare one: [0, null]."
        )
    if low is not None and high is not None and low >= high:
        raise DeclarationMistake(
            f"the lowest value, {low:g}, is not below the highest, {high:g}",
            f"Swap them: [{high:g}, {low:g}]." if low > high else "Declare two that differ.",
        )
    return bounds


Bounds = Annotated[
    tuple[float | None, float | None],
    BeforeValidator(_two_bounds),
    AfterValidator(_refuse_wrong_order),
    WithJsonSchema({"type": "array", "items": {"type": "number"}}),
]


def intervals_in_words(interval: Interval, bounds: tuple[float | None, float | None] | None) -> str:
    """Return the levels of intervals, and what else is declared: "90% and 50%, by region"."""
    *others, last = (f"{100 * level:g}%" for level in interval.levels)
    low, high = bounds or (None, None)
    parts = (
        f"{', '.join(others)} and {last}" if others else last,
        None if interval.by is None else f"by {interval.by}",
        None if low is None else f"none below {low:g}",
        None if high is None else f"none above {high:g}",
    )
    return ", ".join(filter(None, parts))
