"""A look at a source that nobody has declared: all rows, typed as a night would type them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration
from data.errors import SourceError
from data.progress import Report, part, unreported
from data.sources.column_files import ColumnFiles
from data.sources.columns import OFFSETS, TEXT_TYPES
from data.sources.distinct import Distinct
from data.sources.missing_words import MARKS
from data.sources.parquet_file import left_out_index
from data.sources.read import source_columns
from data.sources.readings import ColumnReading, left_out
from data.sources.remote_files import files_of
from data.sources.source_columns import Told
from data.sources.typed_columns import typed_columns
from data.sources.undeclared import refuse_values_as_names

COMMAND = "the command"
"""Where a person names a source that is looked at."""


@dataclass(frozen=True)
class Look:
    """The typed columns of a source, as a night reads them, and what was told apart on the way.

    `columns` are in the order of the source, and `readings` beside them those of columns that are
    left out, too. `raw` returns a column as the reader gave it. `marks` are the words and signs of
    each column that are taken as a missing value although they may be one, with their rows.
    """

    columns: ColumnFiles
    readings: tuple[ColumnReading, ...]
    told: tuple[Told, ...]
    notes: tuple[str, ...]
    raw: Callable[[str], pa.ChunkedArray]
    marks: dict[str, dict[str, int]]

    @property
    def names(self) -> list[str]:
        """Return the names of the typed columns."""
        return [name for name in self.columns.schema.names if not name.startswith(OFFSETS)]

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

    What a night could not read is the same `SourceError` here, and so is a source without rows.
    """
    folder.mkdir()
    files_there = files_of(declaration.files.path, named_in).files()
    source = source_columns(declaration, files_there, folder, part(report, 0, 0.5))
    refuse_values_as_names(source.column_names)
    if not source.file_rows:
        raise SourceError(
            "It has no rows.", where=declaration.source.shown, next_step="Name one that has some."
        )
    index = left_out_index(source, declaration)
    files = ColumnFiles(folder)
    readings = typed_columns(
        source,
        [name for name in source.column_names if name not in index],
        declaration,
        {},
        files,
        has_types=source.has_types,
        every_cell=True,
        report=part(report, 0.5, 1),
    )
    readings += [left_out(name, "is the index of a pandas table") for name in index]
    marks = {name: _marks(source.column(name), declaration) for name in files.schema.names}
    found = {name: words for name, words in marks.items() if words}
    return Look(files, tuple(readings), source.told, source.notes, source.column, found)


def _marks(column: pa.ChunkedArray, declaration: Declaration) -> dict[str, int]:
    """Return the signs in a column that are taken as missing with a warning, and their rows."""
    if not any(is_text(column.type) for is_text in TEXT_TYPES):
        return {}
    cells = Distinct(column.cast(pa.string()))
    marks = cells.among(MARKS) & ~cells.among(declaration.missing)
    return cells.counted(np.asarray(marks), len(MARKS))
