"""The columns of a source in the types of its file, each read when it is asked for."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

PIECE = 131_072
"""Rows that are taken at once."""

YAML_WORDS = ("yes", "no", "on", "off", "true", "false", "null")
"""Words that YAML does not take as text."""


@dataclass(frozen=True)
class Told:
    """Something that was told apart by looking: the option that would declare it, and in words."""

    option: str
    value: str | int
    words: str

    @property
    def declared(self) -> str:
        """Return the option with its value, as in a declaration."""
        return f"{self.option}: {in_yaml(self.value)}"


def in_yaml(value: str | int) -> str:
    """Return a value as it stands in a declaration: only double quotes know escapes as of a tab."""
    text = repr(value)
    return json.dumps(value, ensure_ascii=False) if "\\" in text else text


def in_flow(name: str) -> str:
    """Return the name of a column as it stands in a mapping of one line."""
    plain = re.fullmatch(r"[^\W\d][\w ]*\w|[^\W\d]", name) and name.lower() not in YAML_WORDS
    return name if plain else in_yaml(name)


@dataclass(frozen=True)
class OfNoKind:
    """What a column holds that is none of the four kinds, and how to make it one of them."""

    holds: str
    next_step: str = "Leave it out of the declaration, or convert it in the source."


@dataclass(frozen=True)
class SourceColumns:
    """What a reader returns: the names and types of n columns, and how one of them is read.

    The schema may have the file's metadata. `kept` marks the rows (n,) of a night in the past.
    A source `has_types` if texts are meant as such in it, and `may_have_marks` if its numbers are
    texts with whatever stands between their digits. `told` is what was told apart by looking, and
    `notes` are whole sentences for people. A source of which `is_ordered` is false may return its
    rows in any order; `order` (n,) is then one in which they are taken. `of_no_kind` says what
    columns hold that are none of numbers, categories, booleans or times, and what to do about it.
    `marked` names the columns of text whose numbers are read with other marks than a point.
    """

    schema: pa.Schema
    file_rows: int
    read: Callable[[str], pa.ChunkedArray]
    kept: np.ndarray | None = None
    has_types: bool = True
    may_have_marks: bool = False
    told: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()
    is_ordered: bool = True
    order: np.ndarray | None = None
    of_no_kind: Mapping[str, "OfNoKind"] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns, in the order of the source."""
        names: list[str] = self.schema.names
        return names

    @property
    def numbers(self) -> np.ndarray:
        """Return the number of each row (n,) in the source, from 1."""
        every = np.arange(1, self.file_rows + 1)
        return every if self.kept is None else every[self.kept]

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column; `SourceError` if they cannot be read."""
        values = self.read(name)
        if self.order is not None:
            values = _taken(values, self.order)
        return values if self.kept is None else values.filter(pa.array(self.kept))

    def where(self, kept: np.ndarray) -> "SourceColumns":
        """Return the same columns with the chosen rows alone."""
        return replace(self, kept=kept)

    def arranged(self, order: np.ndarray) -> "SourceColumns":
        """Return the same rows in another order (n,)."""
        return replace(self, order=order, is_ordered=True)


def _taken(column: pa.ChunkedArray, order: np.ndarray) -> pa.ChunkedArray:
    """Return a column in another order, in pieces whose texts fit into one array each."""
    if not pa.types.is_string(column.type):
        return column.take(pa.array(order))
    whole = column.cast(pa.large_string()).combine_chunks()
    pieces = [
        whole.take(pa.array(order[start : start + PIECE])).cast(pa.string())
        for start in range(0, len(order), PIECE)
    ]
    return pa.chunked_array(pieces, pa.string())
