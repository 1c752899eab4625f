"""JSON: records, one behind the other or in a list, each an object of names and plain values."""

import codecs
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data.declarations.model import Declaration
from data.errors import MAX_QUOTED, SourceError, SourceLate, listed, shortened
from data.progress import Report
from data.sources.header import refuse_many_columns
from data.sources.records import NESTED, Records, Row, in_blocks, note_on_mixed
from data.sources.source_columns import SourceColumns

PIECE = 1 << 20
MAX_RECORD = 16_000_000
"""Characters of a record."""

BLANK = " \t\r\n"
BETWEEN = f"{BLANK},"


def read_json(path: Path, _declaration: Declaration, folder: Path, report: Report) -> SourceColumns:
    """Return the columns of JSON lines, or of a list of records; what is wrong is a `SourceError`.

    A name that a record lacks is missing in it. Whole numbers keep all digits, and others become
    the nearest double. A column with a list or an object in it has no kind.
    """
    size = path.stat().st_size
    records, position = Records(folder), [0]

    def done(rows: int) -> None:
        report(min(position[0] / size, 1), f"{rows:,} rows")
        refuse_many_columns(len(records.columns().column_names))

    in_blocks(_records(path, position), records, done)
    columns = records.columns()
    if not columns.column_names:
        raise SourceError(
            "The file has no records with names.",
            next_step='Write objects such as {"id": 1, "price": 2.5}, one per line or in a list.',
        )
    refuse_many_columns(len(columns.column_names))
    if all(dtype == NESTED for dtype in columns.schema.types):
        names = listed([repr(shortened(name, MAX_QUOTED)) for name in columns.column_names])
        raise SourceError(
            f"Nothing but objects and lists is in {names}, so there are no rows of plain values.",
            next_step="Write the rows themselves: a list of records such as"
            ' [{"id": 1, "price": 2.5}], or one per line.',
        )
    return SourceColumns(
        columns.schema,
        columns.file_rows,
        columns.read,
        has_types=False,
        notes=note_on_mixed(records),
    )


class _Repeated(dict[str, Any]):
    """An object with a name that stands in it twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.name = next(name for name in names if names.count(name) > 1)


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    return values if len(values) == len(pairs) else _Repeated(pairs)


def _records(path: Path, position: list[int]) -> Iterator[Row]:
    """Yield the names and values of each record; `position` is told how far the file was read."""
    decoder = json.JSONDecoder(object_pairs_hook=_named, parse_constant=_constant)
    utf8 = codecs.getincrementaldecoder("utf-8-sig")()
    text, at, line, ended, brackets = "", 0, 1, False, ""
    with path.open("rb") as file:
        while True:
            while at < len(text) and text[at] in BETWEEN:
                line += text[at] == "\n"
                at += 1
            if at < len(text):
                if not brackets:
                    brackets = "[" if text[at] == "[" else "-"
                    if brackets == "[":
                        at += 1
                        continue
                if brackets == "[" and text[at] == "]":
                    brackets, at = "]", at + 1
                    continue
                if brackets == "]":
                    raise _broken(line, "there is more behind the end of the list")
                found = _object(decoder, text, at, line, may_wait=not ended)
                if found is not None:
                    value, end = found
                    yield tuple(value), value.values()
                    line += text.count("\n", at, end)
                    at = end
                    continue
            elif ended:
                if brackets == "[":
                    raise _broken(line, "the list has no end")
                return
            piece = file.read(PIECE)
            position[0] += len(piece)
            ended = not piece
            text, at = text[at:] + _decoded(utf8, piece, line), 0


def _object(
    decoder: json.JSONDecoder, text: str, at: int, line: int, *, may_wait: bool
) -> tuple[dict[str, Any], int] | None:
    """Return the record that begins in a text, and where it ends; None if more must be read."""
    try:
        value, end = decoder.raw_decode(text, at)
    except (RecursionError, ValueError) as error:
        if may_wait and len(text) - at <= MAX_RECORD:
            return None
        raise _broken(line, _reason(error)) from None
    if not isinstance(value, dict):
        raise SourceError(
            f"What is in line {line:,} is not an object, but {type(value).__name__}.",
            next_step='Write objects such as {"id": 1, "price": 2.5}.',
        )
    if isinstance(value, _Repeated):
        raise SourceError(
            f"The record in line {line:,} has the name {shortened(value.name, MAX_QUOTED)!r} twice,"
            " so it is not clear which value counts.",
            next_step="Give each value a name of its own.",
        )
    return value, end


def _decoded(utf8: codecs.IncrementalDecoder, piece: bytes, line: int) -> str:
    try:
        return utf8.decode(piece, final=not piece)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The file is not UTF-8: byte 0x{error.object[error.start]:02x} behind line {line:,}"
            " cannot be read.",
            next_step="Save it as UTF-8.",
        ) from None


def _constant(name: str) -> float | None:
    return None if name == "NaN" else float(name)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg[:1].lower() + error.msg[1:]
    return (
        "it is nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
    )


def _broken(line: int, reason: str) -> SourceLate:
    return SourceLate(
        f"The record in line {line:,} is not complete JSON: {reason}.",
        next_step="Correct it, or write the file again: it may have been cut off.",
    )
