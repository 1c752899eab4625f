"""Rules that hold for the rows a look has seen, as a proposal for those to come."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.declarations.model import Kind
from data.proposals.facts import ColumnFacts

MARGIN = 0.25
"""Of the range seen, which is left on either side of it."""

MAX_SET = 12
MIN_PER_LEVEL = 10
"""Levels of a set, and the rows that each of them has in the mean."""

MAX_RULES = 200
"""Of a proposal: a night checks thousands, but nobody reads them."""

DIGITS = 2
"""Significant digits of a margin."""


@dataclass(frozen=True)
class Rule:
    """A rule of Great Expectations, and what was seen."""

    type: str
    kwargs: dict[str, Any]
    seen: str


def proposed_rules(
    facts: Sequence[ColumnFacts], target: str, kinds: dict[str, Kind]
) -> tuple[list[Rule], int]:
    """Return rules for some columns, at most so many, and how many more there would be.

    `kinds` are the declared ones of columns whose values alone suggest another.
    """
    rules: list[Rule] = []
    for one in facts:
        kind = kinds.get(one.name, one.kind)
        if not one.missing and one.name != target:
            rules.append(Rule("expect_column_values_to_not_be_null", {"column": one.name}, ""))
        if kind == "number" and one.least is not None and one.most is not None:
            rules.append(_between(one.name, one.least, one.most))
        elif kind == "category" and one.kind == "category" and _is_set(one):
            values = sorted(level for level, _ in one.levels)
            kwargs = {"column": one.name, "value_set": values}
            rules.append(Rule("expect_column_values_to_be_in_set", kwargs, ""))
    return rules[:MAX_RULES], max(len(rules) - MAX_RULES, 0)


def _is_set(one: ColumnFacts) -> bool:
    return one.distinct <= MAX_SET and one.filled >= MIN_PER_LEVEL * one.distinct


def _between(name: str, least: float, most: float) -> Rule:
    margin = MARGIN * (most - least)
    low, high = _below(least - margin, margin), -_below(-most - margin, margin)
    if least >= 0:
        low = max(low, 0.0)
    if most <= 0:
        high = min(high, 0.0)
    kwargs = {"column": name, "min_value": _plain(low), "max_value": _plain(high)}
    seen = f"{_plain(least)} to {_plain(most)}"
    return Rule("expect_column_values_to_be_between", kwargs, seen)


def _below(value: float, margin: float) -> float:
    """Return a number near a value, and not above it, with few digits for the size of a margin."""
    if margin <= 0 or not math.isfinite(margin):
        return value
    unit = 10.0 ** (math.floor(math.log10(margin)) - DIGITS + 1)
    rounded = math.floor(value / unit) * unit
    return float(f"{rounded:.15g}") if math.isfinite(rounded) else value


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.12g}")
