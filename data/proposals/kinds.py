"""Kinds that values alone would not suggest: codes made of digits, flags, classes with a number."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.declarations.model import Kind
from data.proposals.facts import ColumnFacts
from data.proposals.names import CLASSES, CODES, has_word, key_rank

FEW = 10
"""Different whole numbers that may be classes."""


@dataclass(frozen=True)
class KindProposal:
    """What `types` should say of a column, and why; only a comment unless it `holds`."""

    name: str
    kind: Kind
    words: str
    holds: bool = True


def proposed_kinds(facts: Sequence[ColumnFacts], *, apart: Sequence[str]) -> list[KindProposal]:
    """Return a proposal for each column that may be misread, but those `apart`."""
    proposals = (_proposal(one) for one in facts if one.name not in apart)
    return [each for each in proposals if each is not None]


def _proposal(one: ColumnFacts) -> KindProposal | None:
    if not one.is_whole or one.is_constant:
        return None
    if one.is_flag:
        return KindProposal(one.name, "boolean", "it has nothing but 0 and 1")
    if has_word(one.name, CODES) and not one.is_year:
        words = "numbers that are codes have no order and no sum"
        return KindProposal(one.name, "category", words)
    if 1 < one.distinct <= FEW and one.distinct < one.filled / 5 and not one.is_year:
        ends = f"{one.distinct} whole numbers{_range(one)}"
        is_class = has_word(one.name, CLASSES) or key_rank(one.name) == 2
        words = f"{ends}, which look like classes" if is_class else f"{ends}, if they are classes"
        return KindProposal(one.name, "category", words, holds=is_class)
    return None


def _range(one: ColumnFacts) -> str:
    return "" if one.ends is None else f" from {one.ends[0]} to {one.ends[1]}"
