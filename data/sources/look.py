"""A look at a source that nobody has declared: all rows, typed as a night would type them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration, Kind
from data.errors import SourceError
from data.progress import Report, unreported
from data.sources.column_files import ColumnFiles
from data.sources.columns import TEXT_TYPES, kind_of
from data.sources.distinct import Distinct
from data.sources.key_columns import read_key_text
from data.sources.missing_words import MARKS
from data.sources.read import read_typed
from data.sources.readings import ColumnReading
from data.sources.source_columns import SourceColumns, Told
from data.sources.text_request import Request
from data.sources.undeclared import refuse_values_as_names

COMMAND = "the command"
"""Where a person names a source that is looked at."""


@dataclass(frozen=True)
class Look:
    """The typed columns of a source, as a night reads them, and what was told apart on the way.

    `names` are those of the `columns` in the order of the source, and `readings` have those that
    are left out, too. `raw` returns a column as the reader gave it. `marks` are the signs in each
    column that are taken as a missing value although they may be one, with their rows.
    `kind_as_key` returns the kind that a column has as a key, whose texts stay as they are, if
    nothing or that kind is declared; None if it cannot be of that kind.
    """

    columns: ColumnFiles
    names: list[str]
    readings: tuple[ColumnReading, ...]
    told: tuple[Told, ...]
    notes: tuple[str, ...]
    raw: Callable[[str], pa.ChunkedArray]
    marks: dict[str, dict[str, int]]
    kind_as_key: Callable[[str, Kind | None], Kind | None]

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.columns.num_rows


def look(
    declaration: Declaration,
    *,
    folder: Path,
    named_in: str = COMMAND,
    report: Report = unreported,
) -> Look:
    """Read and type all columns of an `undeclared` source; files go into a folder, by columns.

    What a night could not read is the same `SourceError` here, and so is a source without rows, or
    without a header.
    """
    folder.mkdir()
    typed = read_typed(declaration, folder, every_cell=True, named_in=named_in, report=report)
    source, where = typed.source, declaration.source.shown
    refuse_values_as_names(source.column_names, where)
    if not source.file_rows:
        raise SourceError("It has no rows.", where=where, next_step="Name one that has some.")
    names = [name for name in source.column_names if name in typed.files.schema.names]
    readings = {reading.name: reading for reading in typed.readings}
    marks = {name: _marks(source.column(name), declaration) for name in names}
    return Look(
        columns=typed.files,
        names=names,
        readings=tuple(readings[name] for name in source.column_names),
        told=source.told,
        notes=source.notes,
        raw=source.column,
        marks={name: words for name, words in marks.items() if words},
        kind_as_key=partial(_kind_as_key, source, declaration, typed.files),
    )


def _kind_as_key(
    source: SourceColumns,
    declaration: Declaration,
    columns: ColumnFiles,
    name: str,
    declared: Kind | None,
) -> Kind | None:
    column = source.column(name)
    is_text = any(is_text(column.type) for is_text in TEXT_TYPES)
    if name in declaration.formats or not is_text:
        return kind_of(columns.column(name).type)
    if name in source.marked:
        return "category" if declared is None else None
    request = Request(
        name,
        kind=declared,
        kind_from="values" if declared is None else "declared",
        is_feature=True,
        words=declaration.missing,
    )
    try:
        reading = read_key_text(
            column.cast(pa.string()), request, has_words=not source.has_types
        ).reading
    except SourceError:
        return None
    return None if reading.unparsable else reading.kind


def _marks(column: pa.ChunkedArray, declaration: Declaration) -> dict[str, int]:
    """Return the signs in a column that are taken as missing with a warning, and their rows."""
    if not any(is_text(column.type) for is_text in TEXT_TYPES):
        return {}
    cells = Distinct(column.cast(pa.string()))
    marks = cells.among(MARKS) & ~cells.among(declaration.missing)
    return cells.counted(np.asarray(marks), len(MARKS))
