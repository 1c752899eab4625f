"""Read the source of a dataset: any kind of file becomes typed rows in a snapshot."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration, Kind
from data.errors import SourceError
from data.sources.as_of import require_time_column, rows_as_of, unread_times
from data.sources.csv_file import read_csv
from data.sources.made_keys import made_key, with_made_key
from data.sources.parquet_file import left_out_index, read_parquet
from data.sources.readings import left_out
from data.sources.snapshot import Snapshot, write
from data.sources.text_rules import refuse_text_that_is_not_utf8, refuse_unstorable_text
from data.sources.typed_table import time_column, typed_table

READERS: dict[str, Callable[[Path, Declaration], pa.Table]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
}
"""What reads each kind of source, by the ending of the file's name.

A reader returns the columns in Arrow's own types, in the order of the source, and raises
`SourceError` (without `where`) for a file that it cannot read. Where the format has no types of its
own, all columns are text. Everything else is done here.
"""

NUMBER = "\0number"
"""The numbers of the rows, while a night in the past leaves out some of them; no name in a file."""

TYPELESS = (".csv",)
"""The endings of formats in which everything is text."""


def read(
    declaration: Declaration,
    *,
    folder: Path,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    every_cell: bool = False,
) -> Snapshot:
    """Read the source, type its columns and write the rows to a snapshot under `folder`.

    `kinds` are the remembered kinds of columns, which the declared ones overrule. With
    `every_cell`, the readings list every row with a cell that is not of its kind. With `as_of`,
    only the rows up to that day, time or number in the time column. The file is
    `folder/<dataset>/<first 16 characters of the fingerprint>.parquet`; equal rows are written
    once. A source that cannot be read is a `SourceError`, an impossible `as_of` a `CallError`, and
    neither writes anything; a folder that cannot be written to is a `HomeError`.
    """
    path = declaration.source.path
    has_types = path.suffix.lower() not in TYPELESS
    lost: tuple[str, ...] = ()
    if as_of is not None:
        require_time_column(declaration)
    try:
        raw = _raw_table(path, declaration)
        made = made_key(declaration, raw)
        if made is not None:
            raw = raw.append_column(NUMBER, pa.array(range(1, raw.num_rows + 1), pa.int64()))
        if as_of is not None:
            times = time_column(raw, declaration, kinds or {}, has_types=has_types)
            raw = rows_as_of(as_of, declaration, raw, times and times.values)
            lost = unread_times(times.reading) if times else ()
        if made is not None:
            numbers = raw[NUMBER].to_numpy()
            raw = raw.drop_columns(NUMBER)
        index = left_out_index(raw, declaration)
        table, readings = typed_table(
            raw.drop_columns(index),
            declaration,
            kinds or {},
            has_types=has_types,
            every_cell=every_cell,
        )
        readings += [left_out(name, "is the index of a pandas table") for name in index]
        if lost:
            readings = [
                replace(r, notes=(*r.notes, *lost)) if r.name == declaration.time else r
                for r in readings
            ]
        if made is not None:
            table, reading = with_made_key(table, made, numbers, declaration)
            readings = [reading, *readings]
        refuse_unstorable_text(table, declaration.key)
    except SourceError as error:
        raise SourceError(error.what, where=str(path), next_step=error.next_step) from None
    return write(table, folder / declaration.name, readings)


def _raw_table(path: Path, declaration: Declaration) -> pa.Table:
    """Return the table in the file, in Arrow's own types."""
    try:
        empty = _is_empty(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise SourceError(
            f"Files that end in {path.suffix.lower()!r} cannot be read.",
            next_step=f"Use a file that ends in {' or '.join(READERS)}.",
        )
    if empty:
        raise SourceError(
            "The file is empty (0 bytes).", next_step="Check the program that writes it."
        )
    table = reader(path, declaration)
    refuse_text_that_is_not_utf8(table)
    _check_header(table.column_names)
    return table


def _is_empty(path: Path) -> bool:
    """Return whether a file has no bytes; one that would wait or never end is a `SourceError`."""
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError
    if kind != stat.S_IFREG:
        raise SourceError(
            "This is a pipe, a socket or a device, but a file is needed.",
            next_step="Write the rows to a file, and name it in 'source' of the declaration.",
        )
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a file of /proc may wait, too
    try:
        return not os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        neighbours = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = nearest(path.name, neighbours)
        return SourceError(
            "There is no such file.", next_step=hint + "Correct 'source' in the declaration."
        )
    if isinstance(error, IsADirectoryError):
        return SourceError(
            "This is a folder, but a file is needed.",
            next_step="Name a file in 'source' of the declaration.",
        )
    return SourceError(
        f"The file cannot be read: {error.strerror}.",
        next_step="Allow the user who runs nightfit to read it.",
    )


def _check_header(names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise SourceError(
                f"{count} columns are called {name!r}.", next_step="Give each its own name."
            )
        if not name.strip():
            raise SourceError(
                f"Column {list(names).index(name) + 1} has no name in the header.",
                next_step="Name it, or remove it.",
            )
