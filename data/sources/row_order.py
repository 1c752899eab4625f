"""Rows of a source that has no order of its own, in the order of their keys.

A database returns the rows of a table in any order. The same rows have to give the same snapshot,
and the same fingerprint as a file that lists them by their key.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Declaration, Kind
from data.errors import SourceError
from data.sources.column_files import ColumnFiles
from data.sources.columns import kind_of
from data.sources.made_keys import CONTENT, ROW, add_made_key
from data.sources.source_columns import SourceColumns
from data.sources.typed_columns import typed_columns


def in_key_order(
    source: SourceColumns,
    declaration: Declaration,
    kinds: Mapping[str, Kind],
    made: str | None,
    folder: Path,
) -> SourceColumns:
    """Return the same rows in the order of their keys, as numbers, times or texts are sorted.

    `made` is the key that is made, if the rows have none: rows are sorted by a hash of their
    values, and equal ones by their target. Numbering them is a `SourceError`. The rows stay as
    they are if a column of the key is not there, since the checks report that.
    """
    if made == ROW:
        raise SourceError(
            "The rows of a database have no order, so they cannot be numbered: 'key: row' would"
            " give a row another key each night.",
            next_step="Declare the columns that identify a row as 'key', or 'key: content'.",
        )
    wanted = source.column_names if made == CONTENT else [*dict.fromkeys(declaration.key)]
    if not {*wanted} <= {*source.column_names}:
        return source
    folder.mkdir()
    files = ColumnFiles(folder)
    readings = typed_columns(source, wanted, declaration, kinds, files, has_types=source.has_types)
    if any(reading.is_left_out for reading in readings if reading.name in declaration.key):
        return source
    names = wanted
    if made == CONTENT:
        numbers = np.arange(1, source.file_rows + 1)
        add_made_key(files, made, numbers, declaration)
        names = [made, *([declaration.target] if declaration.target in files.schema.names else [])]
    columns = {str(number): _sortable(files.column(name)) for number, name in enumerate(names)}
    if made == CONTENT:  # the number behind a hash depends on the order
        columns["0"] = pc.replace_substring_regex(columns["0"], r"-\d+$", "")
    table = pa.table(columns)
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in columns])
    return source.arranged(np.asarray(order).astype(np.int64))


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.int8()) if kind_of(column.type) == "boolean" else column
