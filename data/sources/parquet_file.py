"""Parquet: the file's own types decide what a column holds."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.declarations.model import Declaration
from data.errors import SourceError, library_message


def read_parquet(path: Path, _declaration: Declaration) -> pa.Table:
    """Return the columns of a Parquet file; a damaged one is refused."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read()
    except UnicodeDecodeError:
        raise SourceError(
            "The name of a column is not UTF-8.", next_step="Rename the column."
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"This is not a complete Parquet file: {library_message(error)}",
            next_step="Write or copy it again: it may have been cut off.",
        ) from None


def left_out_index(table: pa.Table, declaration: Declaration) -> list[str]:
    """Return the columns that pandas wrote as the index of a frame and no one has named.

    Such an index mostly numbers the rows, which explains nothing.
    """
    metadata = (table.schema.metadata or {}).get(b"pandas")
    indices = json.loads(metadata).get("index_columns", []) if metadata else []
    named = declaration.named_columns()
    return [
        name
        for name in indices
        if isinstance(name, str) and name in table.column_names and name not in named
    ]
