"""Single parts of a time as features and in terms, such as `hired[weekday]`."""

import re
from collections.abc import Collection, Sequence

from data.vocabulary import TIME_PARTS

PARTS = f"{', '.join(TIME_PARTS[:-1])} and {TIME_PARTS[-1]}"
_PART = re.compile(rf"(?P<time>.+)\[(?P<part>{'|'.join(TIME_PARTS)})\]", re.DOTALL)

_PLAIN = r"""(?:[^\[\],'"{}#:\n]|:(?=\S))"""
_IN_BRACKETS = rf"\[(?:{'|'.join(TIME_PARTS)})\]"
_UNQUOTED = re.compile(
    rf"(?<=[\[,])(\s*)((?!\s){_PLAIN}+{_IN_BRACKETS}(?:{_PLAIN}|{_IN_BRACKETS})*?)(?=\s*[,\]])"
)


def with_quoted_parts(text: str) -> str:
    """Return YAML with the parts of times in quotes, where they stand in a list in brackets."""
    return _UNQUOTED.sub(r'\1"\2"', text)


def part_of(feature: str) -> tuple[str, str] | None:
    """Return the column and the part that a feature names, None if it names no part of a time."""
    match = _PART.fullmatch(feature)
    return (match["time"], match["part"]) if match else None


def column_of(feature: str, columns: Collection[str]) -> str:
    """Return the column of a feature among `columns`; one that is called like a part goes first."""
    named = None if feature in columns else part_of(feature)
    return feature if named is None else named[0]


def declared_parts(features: Sequence[str], columns: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the parts that the features name, by their column, in the order declared."""
    parts: dict[str, tuple[str, ...]] = {}
    for feature in features:
        named = None if feature in columns else part_of(feature)
        if named is not None:
            time, part = named
            parts[time] = (*parts.get(time, ()), part)
    return parts
