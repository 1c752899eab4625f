"""A look at a source that nobody has declared: all rows, typed as a night would type them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration
from data.errors import SourceError
from data.progress import Report, unreported
from data.sources.column_files import ColumnFiles
from data.sources.columns import TEXT_TYPES
from data.sources.distinct import Distinct
from data.sources.missing_words import MARKS
from data.sources.read import read_typed
from data.sources.readings import ColumnReading
from data.sources.source_columns import Told
from data.sources.undeclared import refuse_values_as_names

COMMAND = "the command"
"""Where a person names a source that is looked at."""


@dataclass(frozen=True)
class Look:
    """The typed columns of a source, as a night reads them, and what was told apart on the way.

    `names` are those of the `columns` in the order of the source, and `readings` have those that
    are left out, too. `raw` returns a column as the reader gave it. `marks` are the signs in each
    column that are taken as a missing value although they may be one, with their rows.
    """

    columns: ColumnFiles
    names: list[str]
    readings: tuple[ColumnReading, ...]
    told: tuple[Told, ...]
    notes: tuple[str, ...]
    raw: Callable[[str], pa.ChunkedArray]
    marks: dict[str, dict[str, int]]

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
    )


def _marks(column: pa.ChunkedArray, declaration: Declaration) -> dict[str, int]:
    """Return the signs in a column that are taken as missing with a warning, and their rows."""
    if not any(is_text(column.type) for is_text in TEXT_TYPES):
        return {}
    cells = Distinct(column.cast(pa.string()))
    marks = cells.among(MARKS) & ~cells.among(declaration.missing)
    return cells.counted(np.asarray(marks), len(MARKS))
