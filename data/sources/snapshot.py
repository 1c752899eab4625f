"""Snapshots: the typed rows of one reading in a Parquet file, named after their fingerprint.

The name is no proof: whenever rows are loaded, they must have the fingerprint that it promises.
"""

import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.disk import no_room
from data.errors import HomeError, SourceError, library_message
from data.progress import Report, part, unreported
from data.sources.column_files import RowColumns
from data.sources.columns import OFFSETS
from data.sources.columns_ahead import ColumnsAhead
from data.sources.fingerprint import Seen, fingerprint
from data.sources.readings import METADATA_KEY, ColumnReading, as_json, from_json
from data.sources.whole_file import remove_leftovers, write_whole

NAME_CHARACTERS = 16
"""Of the fingerprint, in the name of a snapshot."""

ROW_GROUP = 1_048_576
"""Rows that are written, and read, at once."""

SAMPLE = 10_000
"""Rows in which repeated values are looked for."""

SETTLED_SECONDS = 0.1
"""A file that was changed less than this before could be changed again and have the same times."""

WRITTEN_ANEW = "Run again: it is then written anew, if the source still has the same rows."

UNREADABLE = (OSError, ValueError, TypeError, KeyError, pa.ArrowException)
"""What a damaged snapshot raises when it is read; JSON and UTF-8 raise a `ValueError`."""


@dataclass(frozen=True)
class Snapshot:
    """The file that one reading wrote, the SHA-256 of its rows, and their number.

    `warnings` are sentences on what was odd about reading or writing it. `columns` is how many
    columns the source had, and of which kinds, in words; `seconds` is how long it took to read
    them, without waiting for a source that was being written. A snapshot that is found in the home
    has neither. `read_by` is the worker of a cluster that read it, "" if this machine did.
    """

    path: Path
    fingerprint: str
    rows: int
    warnings: tuple[str, ...] = ()
    columns: str = field(default="", compare=False)
    seconds: float = field(default=0.0, compare=False)
    read_by: str = field(default="", compare=False)

    def in_words(self, until: str | None = None) -> str:
        """Return what was read: "1,204 rows, 3 columns (2 numbers, 1 time) in 0.8 s"."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        night = f" up to {until}" if until else ""
        if not self.columns:
            return rows
        place = f" on the cluster, by {self.read_by}" if self.read_by else ""
        return f"{rows}{night}, {self.columns} in {self.seconds:,.1f} s{place}"


@dataclass(frozen=True)
class _State:
    """What changes when a file is changed or replaced; times are in nanoseconds."""

    inode: int
    size: int
    modified: int
    changed: int


_intact: dict[Path, _State] = {}
"""The states in which this process found files to have the rows that their names promise.

Taking the fingerprint of a million rows takes a third of a second, and a night loads them often.
"""


def write(
    columns: RowColumns,
    folder: Path,
    readings: Sequence[ColumnReading] = (),
    report: Report = unreported,
) -> Snapshot:
    """Write the rows to `folder/<first 16 characters of their fingerprint>.parquet`.

    How the columns were read is written with them. A file that is there already and has all this is
    left alone; one that is damaged, or has other rows, is written anew, with a warning. A folder
    that cannot be written to is a `HomeError`.
    """
    digest = fingerprint(columns, readings, _by_place(columns.schema.names, part(report, 0, 0.25)))
    file = folder.absolute() / f"{digest[:NAME_CHARACTERS]}.parquet"
    written = partial(_write_groups, columns, readings, part(report, 0.25, 1))
    return put_down(Snapshot(file, digest, columns.num_rows), readings, written)


def put_down(
    snapshot: Snapshot, readings: Sequence[ColumnReading], written: Callable[[BinaryIO], object]
) -> Snapshot:
    """Have the file of a snapshot `written`, unless it is there already, as `write` does."""
    file, folder = snapshot.path, snapshot.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        flaw, before = _examined(file)
        if before == tuple(readings):
            return snapshot
        aside = write_whole(file, written)
    except OSError as error:
        full = no_room(error)
        raise HomeError(
            f"The snapshot cannot be written: {full or error.strerror or library_message(error)}.",
            where=str(file),
            next_step=f"Make {'room there' if full else 'the folder writable'}, or set"
            " NIGHTFIT_HOME to another one.",
        ) from None
    if not flaw:
        return snapshot
    moved = f" What had its name is now {aside}." if aside else ""
    warning = f"{file}: {flaw} It was written anew from the source.{moved}"
    return replace(snapshot, warnings=(*snapshot.warnings, warning))


def _write_groups(
    columns: RowColumns, readings: Sequence[ColumnReading], report: Report, file: BinaryIO
) -> None:
    rows, schema = columns.num_rows, columns.schema.with_metadata({METADATA_KEY: as_json(readings)})
    repeating = _repeating(columns.slice(0, SAMPLE))
    with pq.ParquetWriter(
        file, schema, write_page_checksum=True, use_dictionary=repeating or False
    ) as writer:
        for start in range(0, max(rows, 1), ROW_GROUP):
            report(start / max(rows, 1), f"{start:,} of {rows:,} rows written")
            writer.write_table(columns.slice(start, ROW_GROUP), ROW_GROUP)


def _repeating(rows: pa.Table) -> list[str]:
    """Return the columns whose values are worth a dictionary: half of them stand there already.

    To look for repetitions where there are none takes four fifths of the time of writing.
    """
    return [
        name
        for name in rows.column_names
        if 2 * pc.count_distinct(rows[name]).as_py() <= rows.num_rows
    ]


def _by_place(names: Sequence[str], report: Report) -> Seen:
    place = {name: number for number, name in enumerate(names, start=1)}
    return lambda name, _: report(
        place[name] / len(names), f"fingerprint of {place[name]} of {len(names)} columns"
    )


def load(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a snapshot, in the order of the source: the named columns, or all.

    All columns are without their `OFFSETS`; a column that is named and not there is left out. A
    snapshot that is damaged, or has other rows than its name promises, is a `SourceError`.
    """
    state = _state(path)
    if columns is not None and state is not None and _intact.get(path) == state:
        try:
            table = _opened(path, state, threading.get_ident()).read(columns=list(columns))
        except UNREADABLE as error:
            raise _unreadable(path, error) from None
        kept = {name: table[name] for name in table.column_names if name in columns}
    else:
        kept = {}

        def keep(name: str, column: pa.ChunkedArray) -> None:
            if name in columns if columns is not None else not name.startswith(OFFSETS):
                kept[name] = column

        _verified(path, keep)
    return pa.table(kept)


def intact_state(path: Path) -> _State | None:
    """Return the state in which a snapshot has the rows that its name promises.

    All of it is read unless this process has done so; None if it has just been written.
    """
    if _intact.get(path) != _state(path):
        _verified(path)
    return known_state(path)


def known_state(path: Path) -> _State | None:
    """Return the state in which this process has found a snapshot intact; None if it has not."""
    return _intact.get(path)


def trust(path: Path, state: _State | None) -> None:
    """Take it that a snapshot in a state is intact, because another process has found it so."""
    if state is not None:
        _intact[path] = state


def readings_of(path: Path) -> tuple[ColumnReading, ...]:
    """Return how the columns of a snapshot were read; nothing if version 0.1.0 wrote it."""
    try:
        return _readings(_file(path))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def snapshot_at(path: Path) -> Snapshot:
    """Return the snapshot in a file; `SourceError` if its rows are not those of its name."""
    digest, _, rows = _verified(path)
    return Snapshot(path, digest, rows)


def is_intact(path: Path) -> bool:
    """Return whether a file has the rows that its name promises; all of it is read."""
    return _examined(path)[1] is not None


def _examined(path: Path) -> tuple[str, tuple[ColumnReading, ...] | None]:
    """Return what is wrong with a snapshot, in a sentence, and the readings of an intact one.

    Without any file, these are "" and None.
    """
    if not path.exists() and not path.is_symlink():
        return "", None
    try:
        return "", _verified(path)[1]
    except SourceError as error:
        return error.what, None


def _verified(path: Path, seen: Seen | None = None) -> tuple[str, tuple[ColumnReading, ...], int]:
    """Return the fingerprint of a snapshot, which its name must have, its readings, and its rows.

    Its columns are read one after the other, and handed to `seen`.
    """
    before = _state(path)
    try:
        file = _FileColumns(_file(path))
        readings = _readings(file.file)
        digest = fingerprint(file, readings, seen)
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    if digest[:NAME_CHARACTERS] != path.stem:
        raise SourceError(
            "The snapshot has other rows than those it was written with.",
            where=str(path),
            next_step=WRITTEN_ANEW,
        )
    if before is not None and before == _state(path):
        age = time.time() - max(before.modified, before.changed) / 1e9
        if age > SETTLED_SECONDS:
            _intact[path] = before
    return digest, readings, file.num_rows


class _FileColumns:
    """The columns of a Parquet file."""

    def __init__(self, file: pq.ParquetFile) -> None:
        self.file, self.schema = file, file.schema_arrow
        self.num_rows = file.metadata.num_rows
        self.column = ColumnsAhead(file, self.schema.names).column


@lru_cache(maxsize=1)
def _opened(path: Path, _state: _State, _thread: int) -> pq.ParquetFile:
    """Return a file that is kept open while nothing changes: opening one takes a while per column.

    Each thread has its own, because reading moves it.
    """
    return _file(path)


def _file(path: Path) -> pq.ParquetFile:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a file")
    return pq.ParquetFile(path, page_checksum_verification=True)


def _readings(file: pq.ParquetFile) -> tuple[ColumnReading, ...]:
    metadata = file.schema_arrow.metadata or {}
    return from_json(metadata[METADATA_KEY]) if METADATA_KEY in metadata else ()


def _state(path: Path) -> _State | None:
    """Return the state of a file, None if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return _State(facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"The snapshot cannot be read: {library_message(error)}",
        where=str(path),
        next_step=WRITTEN_ANEW,
    )
