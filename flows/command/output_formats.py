"""Writing rows batch by batch: a table for people; CSV, JSON, Parquet and Arrow for programs."""

import csv
import fcntl
import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from stat import S_IMODE
from tempfile import mkstemp
from typing import TYPE_CHECKING, Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import BigInteger, Double

from data.errors import CallError, OutputClosed, UserError
from data.private_files import mode_of_users_files
from flows.command.arrow_formats import (
    BINARY,
    batches_of,
    columns_of,
    rows_of_batch,
    schema_of,
    write_binary,
)
from flows.command.printable import printable, printable_json
from flows.command.spreadsheet import guarded

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Sequence[tuple[Any, ...]]
Columns = Mapping[str, Any]
"""Column names in order, each with its SQLAlchemy type."""

FORMATS = ("table", "csv", "json", *BINARY)
PREFIX, UNFINISHED = ".nightfit-", ".unfinished"
"""How the name of a file begins and ends that is not complete."""

SETTLED_SECONDS = 60.0
"""A file that was changed less than this before is never a leftover."""


def write_rows(
    batches: Iterable[Rows],
    columns: Columns,
    output_format: str,
    target: TextIO | Path | None = None,
    *,
    spreadsheet: bool = False,
) -> None:
    """Write rows as one of `FORMATS` to a stream, a file or standard output.

    CSV and JSON keep floats to the last bit; a table rounds them for reading. NULL is an empty
    field in CSV, and null in the other formats for programs. A file appears only when it is
    complete. On a terminal, characters that would act on it are shown as escapes; everywhere else,
    every text is exact. With `spreadsheet`, which goes with `csv`, no text is a formula. Raises
    CallError for an unknown format, for Parquet and Arrow to a terminal, and for another format
    with `spreadsheet`.
    """
    require_format(output_format, spreadsheet=spreadsheet)
    if output_format in BINARY:
        schema = schema_of(columns)
        write_batches(batches_of(batches, schema), schema, output_format, target)
        return
    write = {
        "table": _write_table,
        "csv": _write_spreadsheet if spreadsheet else _write_csv,
        "json": _write_json,
    }[output_format]
    with _stream_to(target) as stream:
        write(batches, columns, stream)


def write_batches(
    batches: "Iterable[pa.RecordBatch]",
    schema: "pa.Schema",
    output_format: str,
    target: TextIO | Path | None = None,
    *,
    spreadsheet: bool = False,
) -> None:
    """Write rows that are in Arrow's batches likewise; their types are those of the schema."""
    require_format(output_format, spreadsheet=spreadsheet)
    if output_format in BINARY:
        with _stream_to(target) as stream:
            write_binary(batches, schema, output_format, stream)
        return
    rows = map(rows_of_batch, batches)
    write_rows(rows, columns_of(schema), output_format, target, spreadsheet=spreadsheet)


def require_format(output_format: str, *, spreadsheet: bool) -> None:
    """Raise CallError for an unknown format, and for any but CSV with `spreadsheet`."""
    if output_format not in FORMATS:
        raise CallError(
            f"there is no format {output_format!r}.",
            next_step=f"Choose one of: {', '.join(FORMATS)}.",
        )
    if spreadsheet and output_format != "csv":
        raise CallError(
            f"--spreadsheet writes CSV, and not {output_format}.",
            next_step="Leave out --format, or name csv.",
        )


@contextmanager
def _stream_to(target: TextIO | Path | None) -> Iterator[TextIO]:
    """Yield a stream to a file, or to where the caller or the user wants the rows."""
    if isinstance(target, Path):
        with new_file(target) as stream:
            yield stream
        return
    try:
        yield target or sys.stdout
    except BrokenPipeError:
        raise OutputClosed from None
    except OSError as error:  # of a binary format
        raise UserError(f"standard output cannot be written to ({error.strerror}).") from None


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Yield a stream to a temporary file that replaces `path` once it is complete and on the disk.

    Its permissions are those of the file that it replaces, or those that the user's umask gives.
    What is not a file, such as a pipe or `/dev/stdout`, is written to as it is. What a killed
    process left in the folder is removed.
    """
    try:
        if (path.exists() and not path.is_file()) or path.absolute().is_relative_to("/dev"):
            with path.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            return
        target = path.resolve()  # a link stays, and points to the new file
        mode = S_IMODE(target.stat().st_mode) if target.exists() else mode_of_users_files()
        _remove_leftovers(target.parent)
        descriptor, part = mkstemp(UNFINISHED, prefix=PREFIX, dir=target.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as stream:
                with suppress(OSError):  # where files cannot be locked, leftovers stay
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                os.fchmod(descriptor, mode)
                yield stream
                stream.flush()
                os.fsync(descriptor)
            Path(part).replace(target)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"the file cannot be written ({error.strerror}).",
            where=str(path),
            next_step="Name a file in a folder that you may write to.",
        ) from None


def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of killed processes: a file's process has a lock while it lives.

    A file that another process is about to lock is left alone, since it is young.
    """
    for leftover in folder.glob(f"{PREFIX}*{UNFINISHED}"):
        with suppress(OSError), leftover.open("rb") as handle:
            if time.time() - os.fstat(handle.fileno()).st_mtime > SETTLED_SECONDS:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()


def _write_csv(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    writer = csv.writer(_Lines(stream))
    writer.writerow(columns)
    for rows in batches:
        writer.writerows([_csv_value(value) for value in row] for row in rows)


def _write_spreadsheet(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    """Write CSV with quotation marks around every text, and no text that is a formula."""
    writer = csv.writer(_Lines(stream), quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(map(guarded, columns))
    for rows in batches:
        writer.writerows([guarded(_csv_value(value)) for value in row] for row in rows)


class _Lines:
    r"""Takes the lines of a CSV writer, which end in `\r\n`, and ends them in `\n`.

    With that other ending, the writer puts a cell with either character between quotation marks.
    """

    def __init__(self, stream: TextIO) -> None:
        self._write, self._escaped = stream.write, stream.isatty()

    def write(self, line: str) -> int:
        line = line.removesuffix("\r\n")
        return self._write((printable(line) if self._escaped else line) + "\n")


def _csv_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else _plain_time(value)


def _write_json(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    shown = printable_json if stream.isatty() else str
    separator = "["
    for row in chain.from_iterable(batches):
        record = dict(zip(columns, row, strict=True))
        stream.write(separator + "\n  ")
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain_time)
        stream.write(shown(text))
        separator = ","
    stream.write("[]\n" if separator == "[" else "\n]\n")


def _plain_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _write_table(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    """Write aligned columns, as wide as the first batch needs, so that rows appear at once."""
    if stream.isatty():
        _write_rich(batches, columns, stream)
        return
    numeric = [isinstance(kind, (BigInteger, Double)) for kind in columns.values()]
    widths: list[int] = []
    for number, rows in enumerate(batches):
        cells = [[_cell(value) for value in row] for row in rows]
        if number == 0:
            cells.insert(0, list(columns))
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        stream.writelines(_line(row, widths, numeric) for row in cells)
    if not widths:
        stream.write("  ".join(columns) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if is_number else cell.ljust(width)
        for cell, width, is_number in zip(cells, widths, numeric, strict=True)
    )
    return "  ".join(padded).rstrip() + "\n"


def _write_rich(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    for rows in batches:
        cells = [[_cell(value) for value in row] for row in rows]
        if _is_too_wide(cells, columns, console.width):
            _print_lines(console, cells, columns)
        else:
            _print_table(console, cells, columns)


def _is_too_wide(cells: Sequence[Sequence[str]], columns: Columns, width: int) -> bool:
    """Return whether the column names, or the only row, do not fit on one line."""
    must_fit = cells if len(cells) == 1 else []
    widths = [max(map(cell_len, column)) for column in zip(columns, *must_fit, strict=True)]
    return sum(widths) + 2 * len(widths) > width


def _print_table(console: Console, cells: Sequence[Sequence[str]], columns: Columns) -> None:
    table = Table(header_style="bold", box=None)
    for name, kind in columns.items():
        numeric = isinstance(kind, (BigInteger, Double))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_lines(console: Console, cells: Sequence[Sequence[str]], columns: Columns) -> None:
    """Print each row as one line per column, name and value, with an empty line after it."""
    for row in cells:
        table = Table(box=None, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, cell in zip(columns, row, strict=True):
            table.add_row(name, Text(cell))
        console.print(table)
        console.print()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return printable(" ".join(re.split("[\n\t]", str(value))))
