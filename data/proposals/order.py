"""What orders the rows of a source in time, what groups them, and what segments they may have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import CannotSplit
from data.proposals.facts import ColumnFacts
from data.proposals.keys import KeyProposal
from data.proposals.names import AFTERWARDS, BIRTHS, ENTITIES, TIMES, has_word, key_rank
from data.proposals.sampled import Sampled
from data.split import split_rows

MIN_GROUPS = 15
MIN_SEGMENTS, MIN_SEGMENT_ROWS = 3, 8
"""A segment with fewer rows on average says next to nothing of its own line."""

SHARE, FOLDS = 0.2, 5
"""How rows are split where a declaration does not say."""

MAX_MISSING_TARGETS = 0.9


@dataclass(frozen=True)
class OrderProposal:
    """A column for `time`, `split.group` or `segment`, and why; a comment unless it `holds`."""

    name: str
    words: str
    holds: bool


def proposed_time(
    facts: Sequence[ColumnFacts], key: KeyProposal, target: str, sample: Sampled
) -> OrderProposal | None:
    """Return the column of times, or of years, by which the newest rows are to be test rows.

    It holds where the rows are in its order, or the key has it, and where a night can split by it:
    every row with a target has a time, and there are enough different ones.
    """
    dates = [one for one in facts if _is_date(one) and one.distinct > 1]
    dates = [one for one in dates if one.name != target and not has_word(one.name, BIRTHS)]
    if not dates:
        return None
    best = max(dates, key=lambda one: _time_rank(one, key))
    why = _why_ordered(best, key)
    if best.name not in sample.numbers:
        return None
    reason = why and _why_not_split(best.name, target, sample)
    if why and not reason:
        return OrderProposal(best.name, f"{why}, so the newest ones are the test rows", True)
    words = reason or "the rows are not in its order: use it if newer rows are to be predicted"
    return OrderProposal(best.name, words, False)


def _is_date(one: ColumnFacts) -> bool:
    """Return whether a column has times, years, or counts days or the like as its name says."""
    counts = one.is_whole and has_word(one.name, TIMES) and (one.rises or one.falls)
    return one.kind == "time" or one.is_year or (counts and 2 * one.distinct > one.rows)


def _time_rank(one: ColumnFacts, key: KeyProposal) -> tuple[int | bool, ...]:
    return (
        one.name in key.columns,
        not has_word(one.name, AFTERWARDS),
        one.rises or one.falls,
        one.kind == "time",
        has_word(one.name, TIMES),
        -one.place,
    )


def _why_ordered(one: ColumnFacts, key: KeyProposal) -> str:
    if one.distinct < 2:
        return ""
    if one.rises or one.falls:
        return "the rows are in its order"
    return "it is part of the key" if one.name in key.columns and len(key.columns) > 1 else ""


def _why_not_split(name: str, target: str, sample: Sampled) -> str:
    """Return why a night could not split the rows by a column, "" if it can."""
    labelled, times = np.isfinite(sample.numbers[target]), sample.numbers[name]
    keys = [str(row) for row in range(len(labelled))]
    try:
        split_rows(dataset="x", keys=keys, labelled=labelled, share=SHARE, folds=FOLDS, time=times)
    except CannotSplit as error:
        return error.what[:1].lower() + error.what[1:].rstrip(".")
    return ""


def proposed_group(
    facts: Sequence[ColumnFacts], key: KeyProposal, target: str, time: OrderProposal | None
) -> OrderProposal | None:
    """Return the column of what has several rows, which should be on one side of the split."""
    rows = facts[0].rows
    repeated = [
        one
        for one in _repeated(facts, key, target, time)
        if not one.missing and MIN_GROUPS <= one.distinct <= rows / 2
    ]
    if not repeated:
        return None
    best = max(repeated, key=lambda one: _group_rank(one, key))
    words = f"{best.distinct:,} of it have {rows / best.distinct:.3g} rows each"
    if time is not None and time.holds:
        return OrderProposal(
            best.name, f"{words}; instead of 'time', to predict for some never seen before", False
        )
    ids = [one for one in repeated if key_rank(one.name) == 2]
    is_clear = (ids == [best]) if ids else has_word(best.name, ENTITIES)
    words += ", which stay together" if is_clear else "; use it if they belong together"
    return OrderProposal(best.name, words, is_clear)


def proposed_segment(
    facts: Sequence[ColumnFacts],
    key: KeyProposal,
    target: str,
    time: OrderProposal | None,
    group: OrderProposal | None,
) -> OrderProposal | None:
    """Return the column whose values may each have a line of their own; only a person knows."""
    repeated = [
        one
        for one in _repeated(facts, key, target, time)
        if MIN_SEGMENTS <= one.distinct <= one.filled / MIN_SEGMENT_ROWS
    ]
    if not repeated:
        return None
    best = max(repeated, key=lambda one: _group_rank(one, key))
    words = f"a line for each of the {best.distinct:,}, where that is better"
    if group is not None and group.holds:
        words += "; instead of split.group"
    return OrderProposal(best.name, words, False)


def _repeated(
    facts: Sequence[ColumnFacts], key: KeyProposal, target: str, time: OrderProposal | None
) -> list[ColumnFacts]:
    """Return the columns that name what may have several rows, as shops and customers have."""
    return [
        one
        for one in facts
        if one.name != target
        and (time is None or one.name != time.name)
        and one.kind in ("category", "number")
        and not (one.is_measured or one.is_free_text or one.is_year)
        and (key_rank(one.name) == 2 or has_word(one.name, ENTITIES) or one.name in key.columns)
        and not (one.kind == "number" and has_word(one.name, TIMES))
    ]


def _group_rank(one: ColumnFacts, key: KeyProposal) -> tuple[int | bool, ...]:
    return key_rank(one.name), one.name in key.columns, one.distinct
