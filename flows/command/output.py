"""Writing rows out: a table for people, CSV, JSON and Parquet for programs, batch by batch."""

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import BigInteger, Boolean, Double

from data.errors import CallError, UserError
from data.store.column_types import UtcTime
from flows.command.printable import printable

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Sequence[tuple[Any, ...]]
Columns = Mapping[str, Any]
"""Column names in order, each with its SQLAlchemy type."""


def write_rows(
    batches: Iterable[Rows], columns: Columns, form: str, target: TextIO | Path | None = None
) -> None:
    """Write rows as `table`, `csv`, `json` or `parquet` to a stream or file; standard output else.

    CSV and JSON keep floats to the last bit; a table shortens them for reading. NULL is an empty
    field in CSV, null in JSON and Parquet. A file appears when it is complete, not before.
    Raises CallError for an unknown format, or Parquet to a terminal.
    """
    writers: dict[str, Callable[[Iterable[Rows], Columns, TextIO], None]] = {
        "table": _write_table,
        "csv": _write_csv,
        "json": _write_json,
        "parquet": _write_parquet,
    }
    if form not in writers:
        raise CallError(
            f"there is no format {form!r}.", next_step=f"There are: {', '.join(writers)}."
        )
    if isinstance(target, Path):
        with _whole_file(target) as stream:
            writers[form](batches, columns, stream)
    else:
        writers[form](batches, columns, target or sys.stdout)


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        part.replace(path)
    except OSError as error:
        raise UserError(
            f"the file cannot be written ({error.strerror}).",
            where=str(path),
            next_step="Name a file in a folder that may be written.",
        ) from None
    finally:
        if part.exists():
            part.unlink()


def _write_csv(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for rows in batches:
        writer.writerows([_csv_value(value) for value in row] for row in rows)


def _csv_value(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else _text_of_time(value)


def _write_json(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    separator = "["
    for row in chain.from_iterable(batches):
        record = dict(zip(columns, row, strict=True))
        stream.write(separator + "\n  ")
        stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False, default=_text_of_time))
        separator = ","
    stream.write("[]\n" if separator == "[" else "\n]\n")


def _text_of_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _write_parquet(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    if stream.isatty():
        raise CallError(
            "Parquet is not for a terminal.", next_step="Send it to a file: `... > rows.parquet`."
        )
    import pyarrow as pa  # takes as long as a query, which seldom wants it
    import pyarrow.parquet as pq

    stream.flush()
    binary: IO[bytes] = stream.buffer
    schema = pa.schema([(name, _arrow_type(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(binary, schema) as writer:
        for rows in batches:
            columns_of_rows = zip(*rows, strict=True)
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(columns_of_rows, schema, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))


def _arrow_type(kind: Any) -> "pa.DataType":
    import pyarrow as pa

    known = {
        BigInteger: pa.int64(),
        Boolean: pa.bool_(),
        Double: pa.float64(),
        UtcTime: pa.timestamp("us", tz="UTC"),
    }
    return known.get(type(kind), pa.string())


def _write_table(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    """Write aligned columns; widths come from the first batch, so that rows can go out at once."""
    if stream.isatty():
        _write_rich(batches, columns, stream)
        return
    right = [isinstance(kind, (BigInteger, Double)) for kind in columns.values()]
    widths: list[int] = []
    for number, rows in enumerate(batches):
        cells = [[_cell(value) for value in row] for row in rows]
        if number == 0:
            cells.insert(0, list(columns))
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        stream.writelines(_line(row, widths, right) for row in cells)
    if not widths:
        stream.write("  ".join(columns) + "\n")


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if numeric else cell.ljust(width)
        for cell, width, numeric in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip() + "\n"


def _write_rich(batches: Iterable[Rows], columns: Columns, stream: TextIO) -> None:
    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    for rows in batches:
        cells = [[_cell(value) for value in row] for row in rows]
        write = _print_lines if _is_too_wide(cells, columns, console.width) else _print_table
        write(console, cells, columns)


def _is_too_wide(cells: Sequence[Sequence[str]], columns: Columns, width: int) -> bool:
    """Tell whether a table could not be read: its names, or its only row, do not fit."""
    wanted = cells if len(cells) == 1 else []
    widths = [max(map(cell_len, column)) for column in zip(columns, *wanted, strict=True)]
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
    """Print each row as lines of a name and a value, with an empty line after it."""
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
