"""The columns of a source in the types of its file, each read when it is asked for."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

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
class SourceColumns:
    """What a reader returns: the names and types of n columns, and how one of them is read.

    The schema may have the file's metadata. `kept` marks the rows (n,) of a night in the past.
    A source `has_types` if texts are meant as such in it, and `may_have_marks` if its numbers are
    texts with whatever stands between their digits. `told` is what was told apart by looking, and
    `notes` are whole sentences for people.
    """

    schema: pa.Schema
    file_rows: int
    read: Callable[[str], pa.ChunkedArray]
    kept: np.ndarray | None = None
    has_types: bool = True
    may_have_marks: bool = False
    told: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()

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
        return values if self.kept is None else values.filter(pa.array(self.kept))

    def where(self, kept: np.ndarray) -> "SourceColumns":
        """Return the same columns with the chosen rows alone."""
        return replace(self, kept=kept)
