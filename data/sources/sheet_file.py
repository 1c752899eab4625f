"""Spreadsheets: one sheet of an Excel or OpenDocument file, from its header on, cell by cell.

They are read by calamine, which is an extra (`nightfit[excel]`) and imported only here.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress, islice
from pathlib import Path
from shlex import quote
from typing import Any

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.errors import SourceError, SourceLate, listed
from data.progress import Report
from data.sources.contents import not_whole
from data.sources.dialect import MAX_PREAMBLE
from data.sources.header import check_header
from data.sources.records import Records, Row, in_blocks, note_on_mixed
from data.sources.source_columns import SourceColumns, Told
from data.sources.undeclared import header_row, needed_names

OLE = b"\xd0\xcf\x11\xe0"
"""How files of old Excel begin, and files of new Excel that have a password."""
LOCKED = "EncryptedPackage".encode("utf-16-le")
"""The name in the latter of what the password is needed for."""

MAX_WHOLE = 2**53


def read_sheet(path: Path, declaration: Declaration, folder: Path, report: Report) -> SourceColumns:
    """Return the columns of a sheet; what is wrong with the file is a `SourceError`.

    Numbers, booleans, dates and times keep their types, and whole numbers are whole: a spreadsheet
    has nothing but doubles. Rows without any value are left out.
    """
    source = declaration.files
    _refuse_other_excel(path)
    is_declared = bool(needed_names(declaration))
    sheet = _sheet(path, source.sheet, is_declared=is_declared)
    notes: tuple[str, ...] = ()
    rows = sheet.iter_rows() if sheet.start is not None else iter(())
    above = sheet.start[0] if sheet.start is not None else 0
    names, skipped, rest = _header(rows, declaration, source.skip, above)
    check_header([name for name in names if name])
    records, total = Records(folder), max(sheet.height, 1)
    records.name(names)

    def done(count: int) -> None:
        report(min(count / total, 1), f"{count:,} rows")

    in_blocks(_records(rest, names), records, done)
    columns = records.columns()
    merged = [(first, last) for first, last in sheet.merged_cell_ranges or () if last[0] > skipped]
    if merged:
        notes = (
            f"{len(merged):,} ranges of cells are merged: only the first cell of each has its"
            " value. Separate them in the sheet.",
        )
    told = (Told("skip", skipped, f"its header in row {skipped + 1}"),) if skipped else ()
    return replace(
        columns,
        told=told if source.skip is None else (),
        notes=(*notes, *note_on_mixed(records)),
    )


def _refuse_other_excel(path: Path) -> None:
    """Refuse a file that has a password, and one of old Excel that is called otherwise."""
    with path.open("rb") as file:
        if file.read(len(OLE)) != OLE:
            return
        if LOCKED in file.read():
            raise SourceError("The file has a password.", next_step="Save it without a password.")
    if path.suffix.lower() != ".xls":
        raise SourceError(
            "The file is one of old Excel.", next_step="Rename it, so that its name ends in .xls."
        )


def _sheet(path: Path, wanted: str | int | None, *, is_declared: bool) -> Any:
    """Return the sheet that is declared, or the only one."""
    try:
        import python_calamine as calamine
    except ImportError:
        raise SourceError(
            f"Files that end in {path.suffix.lower()} need the package python-calamine.",
            next_step="Install it: pip install 'nightfit[excel]'.",
        ) from None
    try:
        book = calamine.load_workbook(path)
        shown = [one.name for one in book.sheets_metadata if _is_visible(one)]
        if wanted is None and len(shown) == 1:
            return book.get_sheet_by_name(shown[0])
        if isinstance(wanted, int) and wanted <= len(book.sheet_names):
            return book.get_sheet_by_index(wanted - 1)
        if wanted in book.sheet_names:
            return book.get_sheet_by_name(wanted)
        names = listed([repr(name) for name in book.sheet_names])
    except calamine.PasswordError:
        raise SourceError(
            "The file has a password.", next_step="Save it without a password."
        ) from None
    except BaseException as error:
        if not isinstance(error, calamine.CalamineError | OSError) and not _is_panic(error):
            raise
        raise not_whole(path, f"{path.suffix.lower()} file", error) from None
    if not book.sheet_names:
        raise SourceLate(
            "The file has no sheet.", next_step="Save it again: it may have been cut off."
        )
    first = (shown or book.sheet_names)[0]
    if wanted is None:
        raise SourceError(
            f"The file has {len(book.sheet_names):,} sheets: {names}.",
            next_step=f"Declare which: source: {{sheet: {first!r}}}."
            if is_declared
            else f"Name it, for example --sheet {quote(first)}.",
        )
    hint = nearest(str(wanted), book.sheet_names)
    raise SourceError(
        f"The file has no sheet {wanted!r}, but {names}.",
        next_step=f"{hint}Correct 'source.sheet' in the declaration."
        if is_declared
        else f"{hint}Correct --sheet.",
    )


def _is_visible(sheet: Any) -> bool:
    return bool(sheet.visible == type(sheet.visible).Visible)


def _is_panic(error: BaseException) -> bool:
    """Return whether the library gave up on a damaged file, which is no `Exception`."""
    return type(error).__name__ == "PanicException"


def _header(
    rows: Iterator[list[Any]], declaration: Declaration, skip: int | None, above: int
) -> tuple[list[str], int, Iterator[list[Any]]]:
    """Return the names of the columns, how many rows stand above them, and the rows below.

    `above` are the rows without any cell, which the iterator does not have.
    """
    if skip is not None:
        rows = islice(rows, max(skip - above, 0), None)
        return _names(next(rows, [])), skip, rows
    named = needed_names(declaration)
    first = list(islice(rows, MAX_PREAMBLE))
    texts = [_names(row) for row in first]
    if named:
        found = next((n for n, row in enumerate(texts) if named <= set(row)), None)
    else:
        found = header_row([*map(_values, first)])
    if found is None:
        found = next((n for n, row in enumerate(texts) if any(row)), 0)
    names = texts[found] if texts else []
    return names, (found + above) if texts else 0, _behind(first[found + 1 :], rows)


def _behind(first: list[list[Any]], rest: Iterator[list[Any]]) -> Iterator[list[Any]]:
    yield from first
    yield from rest


def _names(row: Sequence[Any]) -> list[str]:
    return [_name(value) for value in row]


def _name(value: Any) -> str:
    value = _value(value)
    return "" if value is None else str(value)


def _records(rows: Iterator[list[Any]], names: Sequence[str]) -> Iterator[Row]:
    """Yield the names and values of each row; a column without name and values is none."""
    every, all_named = tuple(names), all(names)
    for row in rows:
        values = _values(row)
        if any(value is not None for value in values):
            width = min(len(every), len(values))
            own, values = every[:width], values[:width]
            if not all_named:
                used = [
                    name != "" or value is not None for name, value in zip(own, values, strict=True)
                ]
                own, values = tuple(compress(own, used)), list(compress(values, used))
            yield own, values


def _values(row: Sequence[Any]) -> list[Any]:
    return [_value(cell) for cell in row]


def _value(cell: Any) -> Any:
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < MAX_WHOLE else cell
    if isinstance(cell, dt.datetime) and cell.tzinfo is not None:
        return cell.astimezone(dt.UTC).replace(tzinfo=None)
    return None if cell == "" else cell
