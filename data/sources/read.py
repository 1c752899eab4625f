"""Read the source of a dataset: any kind of file becomes typed rows in a snapshot."""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration, Kind
from data.errors import SourceError, library_message
from data.sources.as_of import require_time_column, rows_as_of, unread_times
from data.sources.csv_file import read_csv
from data.sources.header import check_header
from data.sources.made_keys import made_key, with_made_key
from data.sources.parquet_file import left_out_index, read_parquet
from data.sources.readings import left_out
from data.sources.settled import read_settled
from data.sources.snapshot import Snapshot, write
from data.sources.text_rules import refuse_text_that_is_not_utf8, refuse_unstorable_text
from data.sources.time_range import with_known_zones
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

DECLARED = "'source' in the declaration"
"""Where the path of a source is named, unless a command names another one."""

TYPELESS = (".csv",)
"""The endings of formats in which everything is text."""


def read(
    declaration: Declaration,
    *,
    folder: Path,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    every_cell: bool = False,
    quiet_seconds: float = 0,
    named_in: str = DECLARED,
) -> Snapshot:
    """Read the source, type its columns and write the rows to a snapshot under `folder`.

    The file is `folder/<dataset>/<first 16 characters of the fingerprint>.parquet`; equal rows are
    written once. `kinds` are the remembered kinds of columns, which the declared ones overrule.
    With `every_cell`, the readings list every row with a cell that is not of its kind. With
    `as_of`, only the rows up to that day, time or number in the time column.

    A source that is changed while it is read is read again, with a warning; one that was changed
    less than `quiet_seconds` ago is waited for (commands give `QUIET_SECONDS`). `named_in` is where
    a person names the source, for messages.

    A source that cannot be read is a `SourceError`, an impossible `as_of` a `CallError`, and
    neither writes anything; a folder that cannot be written to is a `HomeError`.
    """
    path = declaration.source.path
    has_types = path.suffix.lower() not in TYPELESS
    lost: tuple[str, ...] = ()
    if as_of is not None:
        require_time_column(declaration)
    try:
        raw, notes = read_settled(
            path, lambda: _raw_table(path, declaration, named_in), quiet_seconds=quiet_seconds
        )
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
    snapshot = write(table, folder / declaration.name, readings)
    warnings = [*(f"{path}: {note}" for note in notes), *snapshot.warnings]
    return replace(snapshot, warnings=tuple(warnings))


def _raw_table(path: Path, declaration: Declaration, named_in: str) -> pa.Table:
    """Return the table in the file, in Arrow's own types."""
    try:
        empty = _is_empty(path, named_in)
    except OSError as error:
        raise _unreadable(path, error, named_in) from None
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
    check_header(table.column_names)
    return with_known_zones(table)


def _is_empty(path: Path, named_in: str) -> bool:
    """Return whether a file has no bytes; one that would wait or never end is a `SourceError`."""
    kind = stat.S_IFMT(path.stat().st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError
    if kind != stat.S_IFREG:
        raise SourceError(
            "This is a pipe, a socket or a device, but a file is needed.",
            next_step=f"Write the rows to a file, and name it in {named_in}.",
        )
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a file of /proc may wait, too
    try:
        return not os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError, named_in: str) -> SourceError:
    if isinstance(error, FileNotFoundError):
        hint = nearest(path.name, _neighbours(path))
        return SourceError("There is no such file.", next_step=f"{hint}Correct {named_in}.")
    if isinstance(error, IsADirectoryError):
        return SourceError(
            "This is a folder, but a file is needed.", next_step=f"Name a file in {named_in}."
        )
    return SourceError(
        f"The file cannot be read: {error.strerror or library_message(error)}.",
        next_step="Allow the user who runs nightfit to read it.",
    )


def _neighbours(path: Path) -> list[str]:
    """Return the names of the files beside a missing one, as far as they can be read and shown."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    return [name for name in names if name.isprintable()]
