"""How each column of a source was read: its kind, the cells that are not of it, and notes."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from data.declarations.model import Kind
from data.sources.columns import PLURAL

MAX_EXAMPLES = 3
"""So many cells that could not be read are quoted."""

MAX_UNPARSABLE = 0.01
"""Rows with cells that could not be read are set aside while they are less than this share."""

METADATA_KEY = b"nightfit.readings"
"""Under this key the metadata of a snapshot's Parquet file has the readings, as JSON."""


def may_be_set_aside(count: int, rows: int) -> bool:
    """Return whether so many of the rows are few enough to be set aside."""
    return count < MAX_UNPARSABLE * rows


@dataclass(frozen=True)
class ColumnReading:
    """One column as it was read; rows are those of the snapshot.

    `unparsable` counts the cells that are not of the column's kind, which are null in the snapshot.
    `rows` (from 0) has all of them where they are to be quarantined, else the first three, `texts`
    what stands in them, and `examples` up to three with their row (from 1) and text. `natural` is
    the kind that tonight's values alone suggest, and `notes` are whole sentences for people. A kind
    is None in a column without values, or one that is left out, such as a list or the index of a
    pandas table.
    """

    name: str
    kind: Kind | None
    kind_from: Literal["declared", "remembered", "values"]
    unparsable: int = 0
    rows: tuple[int, ...] = ()
    examples: tuple[tuple[int, str], ...] = ()
    natural: Kind | None = None
    notes: tuple[str, ...] = ()
    is_left_out: bool = False
    texts: tuple[str, ...] = ()

    @property
    def why_left_out(self) -> str:
        """Return why a column is not in the snapshot, as "it holds list<int64>"."""
        return "it " + self.notes[0].removeprefix(f"Column {self.name!r} ").split(", so")[0]


def left_out(name: str, why: str) -> ColumnReading:
    """Return the reading of a column that is not in the snapshot; `why` continues its name."""
    note = (
        f"Column {name!r} {why}, so it is left out. If it explains something, make it a column of"
        " numbers, texts, booleans or times, and list it in 'features'."
    )
    return ColumnReading(name, None, "values", notes=(note,), is_left_out=True)


def kinds_in_words(readings: Sequence[ColumnReading]) -> str:
    """Return how many columns there are, and of which kinds: "3 columns (2 numbers, 1 time)"."""
    kinds = Counter(reading.kind for reading in readings)
    left_out = sum(reading.is_left_out for reading in readings)
    named = [(kinds[kind], kind if kinds[kind] == 1 else PLURAL[kind]) for kind in PLURAL]
    named += [(kinds[None] - left_out, "empty"), (left_out, "left out")]
    parts = ", ".join(f"{count:,} {words}" for count, words in named if count)
    count = f"{len(readings):,} column{'' if len(readings) == 1 else 's'}"
    return f"{count} ({parts})" if parts else count


def as_json(readings: Iterable[ColumnReading]) -> bytes:
    """Return the readings as they stand in the metadata of a snapshot."""
    return json.dumps([asdict(reading) for reading in readings], ensure_ascii=False).encode()


def from_json(content: bytes) -> tuple[ColumnReading, ...]:
    """Return the readings that `as_json` wrote."""
    return tuple(_reading(fields) for fields in json.loads(content))


def _reading(fields: dict[str, Any]) -> ColumnReading:
    examples = tuple((row, text) for row, text in fields["examples"])
    lists = {name: tuple(fields.get(name, ())) for name in ("rows", "notes", "texts")}
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


def kind_has_changed(reading: ColumnReading, filled: int) -> bool:
    """Return whether a remembered kind no longer fits a column, because its values are of another.

    `filled` is the number of cells that it does fit. A few cells that it does not fit are mistakes.
    """
    if reading.kind_from != "remembered":
        return False
    if (reading.kind, reading.natural) == ("number", "boolean"):  # it would be read as 0 and 1
        return True
    if not reading.unparsable:
        return False
    is_other = reading.natural not in (None, reading.kind)
    many = not may_be_set_aside(reading.unparsable, filled + reading.unparsable)
    return reading.unparsable > filled or (is_other and many)
