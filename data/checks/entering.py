"""How each feature enters the models, and which kinds leave it out: by the rules of the fits."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.table import Columns, Table, filtered
from data.declarations.model import Declaration
from data.sources.columns import arrays, kind_of, present
from data.vocabulary import (
    LINEAR_KINDS,
    MIN_GROUP_LEVELS,
    CategoryColumn,
    LevelCounts,
    coded_categories,
    levels_repeat,
    part_name,
    rows_per_level,
    shared_words,
    telling_parts,
    with_time_parts,
)

BLOCK_ROWS = 2**18
"""The parts of so many times are in memory at once."""


@dataclass(frozen=True)
class Entry:
    """How a feature enters: in a few words, and what a reader should know if a kind lacks it.

    `warning` is "" where every kind has it. `levels` are those with terms of their own, and
    `frequent` counts those with the `needed` rows for one.
    """

    words: str
    warning: str = ""
    levels: tuple[str, ...] = ()
    frequent: int = 0
    needed: int = 0


@dataclass(frozen=True)
class _Category:
    """A category as it is counted and coded; `needed` rows give a level a term of its own."""

    counted: LevelCounts
    column: CategoryColumn
    needed: int


def fitted_rows(declaration: Declaration, table: Table, kept: np.ndarray) -> np.ndarray:
    """Return the rows (n,) that models are fitted on: the `kept` ones with a target, if any has."""
    target = declaration.target
    labelled = kept & present(table.column(target)) if target in table.column_names else kept
    return labelled if labelled.any() else kept


def entries_of(
    declaration: Declaration, whole: Table, new: Collection[str], kept: np.ndarray
) -> dict[str, Entry]:
    """Return how the features of a table enter models that are fitted on the `kept` rows (n,).

    Where some of these have a target, only they count. `new` columns are not used.
    """
    table = Columns(whole).without(new)
    rows = fitted_rows(declaration, table, kept)
    columns = table.column_names
    there = set(columns)
    names = [name for name in declaration.input_names(columns) if name in there]
    alone = {*names} - {*declaration.feature_names(columns)}
    counted: list[LevelCounts] = []
    parts: dict[str, list[str]] = {}
    for name in names:
        kind = kind_of(table.schema.field(name).type)
        if name in alone:
            continue
        if kind in ("category", "boolean"):
            counted.append(_counted(name, filtered(table.column(name), rows)))
        elif kind == "time":
            parts[name] = []
            time = filtered(table.column(name), rows)
            for part, levels in _parts(name, time, declaration, columns):
                parts[name].append(part)
                counted += levels
    size = int(rows.sum())
    counted.sort(key=lambda counts: counts.name)
    needed = rows_per_level({counts.name: counts.sizes for counts in counted}, size)
    _, coded = coded_categories(counted, size)
    categories = {
        counts.name: _Category(counts, column, needed[counts.name])
        for counts, column in zip(counted, coded, strict=True)
    }
    entries: dict[str, Entry] = {}
    for name in names:
        if name in categories:
            entries[name] = _category_entry(categories[name], declaration, size)
        elif name in parts:
            entries[name] = _time_entry(name, parts[name])
        else:
            entries[name] = Entry("in terms alone" if name in alone else "number")
    return entries


def _counted(name: str, column: pa.ChunkedArray) -> LevelCounts:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    counts = pc.value_counts(column.drop_null())
    levels = np.array(counts.field("values").to_pylist(), dtype=object)
    return LevelCounts(name, levels, counts.field("counts").to_numpy(), column.null_count)


def _parts(
    name: str, column: pa.ChunkedArray, declaration: Declaration, columns: Sequence[str]
) -> Iterator[tuple[str, list[LevelCounts]]]:
    """Yield the names of the parts of a time that enter, each with its levels if it has any."""
    time = arrays(pa.table({name: column}), [name])[name]
    declared = declaration.time_parts(columns).get(name)
    for part in declared or telling_parts(time):
        wanted = part_name(name, part)
        counted: Counter[str | None] = Counter()
        for start in range(0, len(time), BLOCK_ROWS):
            block = {name: time[start : start + BLOCK_ROWS]}
            values = with_time_parts(block, [name], only=[wanted])[wanted]
            if values.dtype.kind != "O":
                break
            counted.update(values.tolist())
        missing = counted.pop(None, 0)
        levels = np.array([*counted], dtype=object)
        counts = np.array([*counted.values()], dtype=np.int64)
        yield wanted, [LevelCounts(wanted, levels, counts, missing)] if counted or missing else []


def _time_entry(name: str, parts: Sequence[str]) -> Entry:
    return Entry(", ".join(part.removeprefix(f"{name}[").rstrip("]") for part in parts) or "time")


def _category_entry(category: _Category, declaration: Declaration, rows: int) -> Entry:
    counted, column, needed = category.counted, category.column, category.needed
    frequent = int((counted.counts >= needed).sum())
    levels = tuple(level for level in column.levels if level is not None)
    if column.varies:
        return Entry(_coded_words(counted, column), levels=levels, frequent=frequent, needed=needed)
    number = len(counted.sizes)
    noun = "level" if number == 1 else "levels"
    enough = {0: "none", 1: "only one"}.get(len(levels), "few")
    why = f"{number:,} {noun} in {rows:,} rows, {enough} with {needed} rows or more"
    kinds = declaration.candidates.kinds
    linear, ann = bool(set(kinds) & set(LINEAR_KINDS)), "ann" in kinds
    uses = _what_the_ann_uses(counted, rows) if ann else ""
    subject = f"The feature {counted.name!r} has {why}: "
    if not uses:
        warning = f"{subject}no model uses it. Declare 'features' without it, or wider levels."
        return Entry(f"in no model: {why}", warning, levels, frequent, needed)
    words = f"{uses}, in the ANN alone" if linear else uses
    loss = f"the linear kinds leave it out, and the ANN uses at most {uses}."
    return Entry(words, subject + loss if linear else "", levels, frequent, needed)


def _coded_words(counted: LevelCounts, column: CategoryColumn) -> str:
    own = len(column.levels) - (None in column.levels)
    words = f"{own:,} {'level' if own == 1 else 'levels'}"
    words += " and missing" if None in column.levels else ""
    others = len(counted.levels) - own
    return f"{words}, and one for {others:,} rare ones" if column.other and others else words


def _what_the_ann_uses(counted: LevelCounts, rows: int) -> str:
    """Return what an ANN uses of a category none of whose levels has a column."""
    counts = dict(zip(counted.levels.tolist(), counted.counts.tolist(), strict=True))
    uses = ["words that its levels share"] if shared_words(counts, rows) else []
    if len(counted.sizes) >= MIN_GROUP_LEVELS and levels_repeat(counted.sizes, rows):
        uses.append("what the rows of a level have in common")
    return " and ".join(uses)
