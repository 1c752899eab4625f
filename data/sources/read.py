"""Read the source of a dataset: any kind of file becomes typed rows in a snapshot."""

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration, Kind
from data.errors import SourceError, library_message
from data.progress import Report, part, unreported
from data.scratch import temporary_folder
from data.sources.as_of import require_time_column, rows_as_of, unread_times
from data.sources.column_files import ColumnFiles
from data.sources.csv_file import read_csv
from data.sources.header import check_header
from data.sources.made_keys import add_made_key, made_key
from data.sources.parquet_file import left_out_index, read_parquet
from data.sources.readings import ColumnReading, left_out
from data.sources.settled import read_settled
from data.sources.snapshot import Snapshot, write
from data.sources.source_columns import SourceColumns
from data.sources.text_rules import refuse_long_keys
from data.sources.typed_columns import time_column, typed_columns

READERS: dict[str, Callable[[Path, Declaration, Path, Report], SourceColumns]] = {
    ".csv": read_csv,
    ".parquet": read_parquet,
}
"""What reads each kind of source, by the ending of the file's name.

A reader returns the columns in Arrow's own types, in the order of the source, each to be read when
it is asked for, and raises `SourceError` (without `where`) for a file that it cannot read, or when
it cannot read a column. Where the format has no types of its own, all columns are text. It may put
files into a folder, and reports how far it is. Everything else is done here.
"""

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
    report: Report = unreported,
) -> Snapshot:
    """Read the source, type its columns and write the rows to a snapshot under `folder`.

    The file is `folder/<dataset>/<first 16 characters of the fingerprint>.parquet`; equal rows are
    written once. `kinds` are the remembered kinds of columns, which the declared ones overrule.
    With `every_cell`, the readings list every row with a cell that is not of its kind. With
    `as_of`, only the rows up to that day, time or number in the time column.

    A source that is changed while it is read is read again, with a warning; one that was changed
    less than `quiet_seconds` ago is waited for (commands give `QUIET_SECONDS`). `named_in` is where
    a person names the source, for messages. Long columns are in memory one at a time; the
    others are in temporary files, which take about as much room as the rows in memory would.

    A source that cannot be read is a `SourceError`, an impossible `as_of` a `CallError`, and
    neither writes anything; a folder that cannot be written to is a `HomeError`.
    """
    if as_of is not None:
        require_time_column(declaration)
    path = declaration.source.path
    with temporary_folder() as scratch:
        attempt = _Attempt(declaration, scratch, as_of, kinds or {}, every_cell, named_in)
        typed = partial(attempt.typed, part(report, 0, 0.6))
        try:
            (files, readings), notes = read_settled(path, typed, quiet_seconds=quiet_seconds)
        except SourceError as error:
            raise SourceError(error.what, where=str(path), next_step=error.next_step) from None
        snapshot = write(files, folder / declaration.name, readings, part(report, 0.6, 1))
    warnings = [*(f"{path}: {note}" for note in notes), *snapshot.warnings]
    return replace(snapshot, warnings=tuple(warnings))


@dataclass(frozen=True)
class _Attempt:
    """What a reading of a source needs; it is attempted again if the source changes meanwhile."""

    declaration: Declaration
    scratch: Path
    as_of: str | None
    kinds: Mapping[str, Kind]
    every_cell: bool
    named_in: str

    def typed(self, report: Report) -> tuple[ColumnFiles, list[ColumnReading]]:
        """Return the typed columns of the source, in files, and how each was read."""
        path, folder = self.declaration.source.path, self.scratch / "columns"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        declaration, kinds = self.declaration, self.kinds
        has_types = path.suffix.lower() not in TYPELESS
        source = _source(path, declaration, self.named_in, folder, part(report, 0, 0.4))
        made = made_key(declaration, source.column_names)
        lost: tuple[str, ...] = ()
        if self.as_of is not None:
            times = time_column(source, declaration, kinds, has_types=has_types)
            source = rows_as_of(self.as_of, declaration, source, times and times.values)
            lost = unread_times(times.reading) if times else ()
        index = left_out_index(source, declaration)
        files = ColumnFiles(folder)
        readings = typed_columns(
            source,
            [name for name in source.column_names if name not in index],
            declaration,
            kinds,
            files,
            has_types=has_types,
            every_cell=self.every_cell,
            report=part(report, 0 if has_types else 0.4, 1),
        )
        readings += [left_out(name, "is the index of a pandas table") for name in index]
        if lost:
            readings = [
                replace(r, notes=(*r.notes, *lost)) if r.name == declaration.time else r
                for r in readings
            ]
        if made is not None:
            reading = add_made_key(files, made, source.numbers, declaration)
            readings = [reading, *readings]
        refuse_long_keys(files, declaration.key)
        return files, readings


def _source(
    path: Path, declaration: Declaration, named_in: str, folder: Path, report: Report
) -> SourceColumns:
    """Return the columns of the file, in Arrow's own types."""
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
    source = reader(path, declaration, folder, report)
    check_header(source.column_names)
    return source


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
