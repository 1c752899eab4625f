"""Parquet: the file's own types decide what a column holds."""

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
