"""How each column of a source was read: its kind, the cells that are not of it, and notes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from data.declarations.model import Kind

METADATA_KEY = b"nightfit.readings"
"""Under this key the metadata of a snapshot's Parquet file has the readings, as JSON."""


@dataclass(frozen=True)
class ColumnReading:
    """One column as it was read; rows are those of the snapshot.

    `unparsable` counts the cells that are not of the column's kind, which are null in the snapshot.
    `rows` (from 0) has all of them where they are to be quarantined, else the first three, and
    `examples` up to three with their row (from 1) and text. `natural` is the kind that tonight's
    values alone suggest, and `notes` are whole sentences for people. A kind is None only in a
    column of no known kind.
    """

    name: str
    kind: Kind | None
    kind_from: Literal["declared", "remembered", "values"]
    unparsable: int = 0
    rows: tuple[int, ...] = ()
    examples: tuple[tuple[int, str], ...] = ()
    natural: Kind | None = None
    notes: tuple[str, ...] = ()


def as_json(readings: Iterable[ColumnReading]) -> bytes:
    """Return the readings as they stand in the metadata of a snapshot."""
    return json.dumps([asdict(reading) for reading in readings], ensure_ascii=False).encode()


def from_json(content: bytes) -> tuple[ColumnReading, ...]:
    """Return the readings that `as_json` wrote."""
    return tuple(_reading(fields) for fields in json.loads(content))


def _reading(fields: dict[str, Any]) -> ColumnReading:
    examples = tuple((row, text) for row, text in fields["examples"])
    lists = {name: tuple(fields[name]) for name in ("rows", "notes")}
    return ColumnReading(**{**fields, **lists, "examples": examples})


def what_matters(readings: Sequence[ColumnReading]) -> bytes:
    """Return what of the readings belongs to the fingerprint of the rows, empty if nothing does.

    These are the cells that could not be read, and kinds that tonight's values alone would not
    suggest. Where a kind came from is left out: the same file read twice has one fingerprint,
    although its kinds are remembered the second time.
    """
    odd = [
        [r.name, r.kind, r.unparsable, r.rows, r.examples, r.natural]
        for r in readings
        if r.unparsable or r.natural != r.kind
    ]
    return json.dumps(odd, ensure_ascii=False).encode() if odd else b""


def mostly_unparsable(reading: ColumnReading, filled: int) -> bool:
    """Return whether a remembered kind no longer fits most of a column's cells.

    `filled` is the number of cells that it does fit.
    """
    return reading.kind_from == "remembered" and reading.unparsable > filled
