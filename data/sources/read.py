"""Read the source of a dataset: files or a database become typed rows in a snapshot."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter

from data.connections.retry import retried
from data.declarations.model import Declaration, Kind
from data.declarations.source import ARROW_FILES, JSON_FILES, SPREADSHEETS, TEXT_FILES
from data.declarations.sql_source import SqlSource
from data.errors import SourceError
from data.progress import Report, part, unreported
from data.scratch import temporary_folder
from data.sources.arrow_file import read_arrow
from data.sources.as_of import require_time_column, rows_as_of, unread_times
from data.sources.column_files import ColumnFiles
from data.sources.csv_file import read_csv
from data.sources.database.read import read_database
from data.sources.header import check_header
from data.sources.joined import MAX_OPEN, Part, joined, reopened
from data.sources.json_file import read_json
from data.sources.made_keys import add_made_key, made_key
from data.sources.number_marks import with_plain_numbers
from data.sources.parquet_file import left_out_index, read_parquet
from data.sources.readings import ColumnReading, kinds_in_words, left_out
from data.sources.remote_files import files_of
from data.sources.row_order import in_key_order
from data.sources.settled import read_settled
from data.sources.sheet_file import read_sheet
from data.sources.snapshot import Snapshot, write
from data.sources.source_columns import SourceColumns, Told
from data.sources.source_files import SourceFile, SourceFiles
from data.sources.text_rules import refuse_long_keys
from data.sources.typed_columns import time_column, typed_columns
from data.sources.unpacked import unpacked

Reader = Callable[[Path, Declaration, Path, Report], SourceColumns]

READERS: dict[str, Reader] = {
    **dict.fromkeys(TEXT_FILES, read_csv),
    ".parquet": read_parquet,
    **dict.fromkeys(ARROW_FILES, read_arrow),
    **dict.fromkeys(JSON_FILES, read_json),
    **dict.fromkeys(SPREADSHEETS, read_sheet),
}
"""What reads each kind of file, by the ending of its name; a packed file is unpacked before.

A reader returns the columns in Arrow's own types, in the order of the file, each to be read when
it is asked for, and raises `SourceError` (without `where`) for a file that it cannot read, or when
it cannot read a column. Where the format has no types of its own, all columns are text. It may put
files into a folder, and reports how far it is. Everything else is done here.
"""

IN_PLACE = (".parquet", *ARROW_FILES)
"""The endings of files whose columns are read from the file itself, whenever one is needed."""

FETCHING = 0.5
"""The share of reading a file from elsewhere that fetching it takes, for what is reported."""

Rows = Callable[[Path, Report], SourceColumns]
"""Reads the rows of a source, in files or a database, with the help of a folder."""

DECLARED = "'source' in the declaration"
"""Where the path of a source is named, unless a command names another one."""

IN_PLAIN_TEXT = (
    "The password is written in the declaration, where whoever may read the file sees it. Write a"
    " secret, such as ${SHOP_PASSWORD}, in its place."
)


def read(
    declaration: Declaration,
    *,
    folder: Path,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    every_cell: bool = False,
    quiet_seconds: float = 0,
    patience: float = 0,
    named_in: str = DECLARED,
    report: Report = unreported,
) -> Snapshot:
    """Read the source, type its columns and write the rows to a snapshot under `folder`.

    The file is `folder/<dataset>/<first 16 characters of the fingerprint>.parquet`; equal rows are
    written once. `kinds` are the remembered kinds of columns, which the declared ones overrule.
    With `every_cell`, the readings list every row with a cell that is not of its kind. With
    `as_of`, only the rows up to that day, time or number in the time column.

    A source that is changed while it is read is read again, with a warning; one that was changed
    less than `quiet_seconds` ago is waited for (commands give `QUIET_SECONDS`). One that is
    missing, incomplete or away is tried again for `patience` seconds. `named_in` is where a person
    names the source, for messages. Long columns are in memory one at a time; the others are in
    temporary files, which take about as much room as the rows in memory would.

    A source that cannot be read is a `SourceError`, an impossible `as_of` a `CallError`, and
    neither writes anything; a folder that cannot be written to is a `HomeError`.
    """
    with temporary_folder() as scratch:
        typed = read_typed(
            declaration,
            scratch,
            as_of=as_of,
            kinds=kinds,
            every_cell=every_cell,
            quiet_seconds=quiet_seconds,
            patience=patience,
            named_in=named_in,
            report=part(report, 0, 0.6),
        )
        place = folder / declaration.name
        snapshot = write(typed.files, place, typed.readings, part(report, 0.6, 1))
    warnings, seconds = (*typed.warnings, *snapshot.warnings), perf_counter() - typed.begun
    return replace(snapshot, warnings=warnings, columns=typed.columns, seconds=seconds)


@dataclass(frozen=True)
class TypedRows:
    """The rows of a source as typed columns in files, how each was read, and what was odd.

    `columns` are those of the source in words, and `begun` is when its reading began. `source` has
    them as the reader gave them, as long as its files are there.
    """

    files: ColumnFiles
    readings: Sequence[ColumnReading]
    warnings: tuple[str, ...]
    columns: str
    begun: float
    source: SourceColumns


def read_typed(
    declaration: Declaration,
    scratch: Path,
    *,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    every_cell: bool = False,
    quiet_seconds: float = 0,
    patience: float = 0,
    named_in: str = DECLARED,
    report: Report = unreported,
) -> TypedRows:
    """Read the source and type its columns, as `read` does, into files of a folder."""
    if as_of is not None:
        require_time_column(declaration)
    shown, notes = declaration.source.shown, list[str]()
    until = monotonic() + patience
    attempt = partial(_Attempt, declaration, scratch, as_of, kinds or {}, every_cell)
    try:
        made = _settled(declaration, attempt, named_in, quiet_seconds, until, notes, report)
    except SourceError as error:
        where = error.where or shown
        raise type(error)(error.what, where=where, next_step=error.next_step) from None
    every = dict.fromkeys((*notes, *made.warnings))
    return replace(made, warnings=tuple(f"{shown}: {note}" for note in every))


def _settled(
    declaration: Declaration,
    attempt: "Callable[[Rows], _Attempt]",
    named_in: str,
    quiet_seconds: float,
    until: float,
    notes: list[str],
    report: Report,
) -> TypedRows:
    """Return what a source has when it is left alone, and add what was done for that to `notes`."""
    again = partial(retried, until=until, where=declaration.source.shown)
    if isinstance(declaration.source, SqlSource):
        rows = partial(read_database, declaration, declaration.source)
        if declaration.source.url.has_password and named_in == DECLARED:
            notes.append(IN_PLAIN_TEXT)
        return again(partial(attempt(rows).typed, report), told=notes.append)
    files = files_of(declaration.source.path, named_in, until)
    typed = partial(attempt(partial(_source, declaration, files)).typed, report)
    settled = partial(read_settled, files, typed, quiet_seconds=quiet_seconds)
    result, waited = again(settled, told=files.notes.append, is_passing=files.may_pass)
    notes += [*files.notes, *waited]
    return result


@dataclass(frozen=True)
class _Attempt:
    """What a reading of a source needs; it is attempted again if the source changes meanwhile."""

    declaration: Declaration
    scratch: Path
    as_of: str | None
    kinds: Mapping[str, Kind]
    every_cell: bool
    rows: Rows

    def typed(self, report: Report) -> TypedRows:
        """Read the source once."""
        begun = perf_counter()
        folder = self.scratch / "columns"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        declaration, kinds = self.declaration, self.kinds
        source = self.rows(folder, part(report, 0, 0.4))
        has_types, notes = source.has_types, [*_as_told(source.told), *source.notes]
        made, in_files = made_key(declaration, source.column_names), source.is_ordered
        if not in_files and declaration.key:
            source = in_key_order(source, declaration, kinds, made, folder / "keys")
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
            report=part(report, 0 if has_types and in_files else 0.4, 1),
        )
        readings += [left_out(name, "is the index of a pandas table") for name in index]
        columns = kinds_in_words(readings)
        if lost:
            readings = [
                replace(r, notes=(*r.notes, *lost)) if r.name == declaration.time else r
                for r in readings
            ]
        if made is not None:
            reading = add_made_key(files, made, source.numbers, declaration)
            readings = [reading, *readings]
        refuse_long_keys(files, declaration.key)
        return TypedRows(files, readings, tuple(notes), columns, begun, source)


def _source(
    declaration: Declaration, source_files: SourceFiles, folder: Path, report: Report
) -> SourceColumns:
    """Return the columns of the file or files, in Arrow's own types."""
    parts, files = [], source_files.files()
    for number, file in enumerate(files):
        place = folder / f"part-{number}" if len(files) > 1 else folder
        place.mkdir(exist_ok=True)
        begin, end = number / len(files), (number + 1) / len(files)
        columns = _columns(file, declaration, place, part(report, begin, end), number)
        parts.append(Part(file, columns))
    is_one = len(parts) == 1 and not files[0].partition
    source = parts[0].columns if is_one else joined(parts, declaration)
    check_header(source.column_names)
    return with_plain_numbers(source, declaration) if source.may_have_marks else source


def _columns(
    file: SourceFile, declaration: Declaration, folder: Path, report: Report, number: int
) -> SourceColumns:
    """Return the columns of one file; `number` is how many files are read already."""
    try:
        path = file.here(folder, part(report, 0, FETCHING))
        plain = unpacked(path, folder)
        ending = plain.suffix.lower()
        read_report = part(report, FETCHING, 1) if file.is_fetched else report
        read = partial(READERS[ending], plain, declaration, folder, read_report)
        columns = reopened(read) if number >= MAX_OPEN and ending in IN_PLACE else read()
    except SourceError as error:
        raise type(error)(
            error.what, where=error.where or file.shown, next_step=error.next_step
        ) from None
    if file.is_fetched and not (plain == path and ending in IN_PLACE):
        path.unlink()  # what is needed of it is in other files
    return columns


def _as_told(told: Sequence[Told]) -> list[str]:
    """Return a sentence on what was told apart by looking, and how to declare it."""
    if not told:
        return []
    words = [one.words for one in told]
    listed = f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
    values: dict[str, set[str]] = {}
    for one in told:
        values.setdefault(one.option, set()).add(one.declared)
    settled = ", ".join(
        each for options in values.values() if len(options) == 1 for each in options
    )
    step = f" Declare source: {{{settled}}} if that is right." if settled else ""
    return [f"Read with {listed}.{step}"]
