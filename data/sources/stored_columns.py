"""The columns of a snapshot, each read when it is asked for: the rows need not fit into memory."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.columns import OFFSETS
from data.sources.snapshot import known_state, load, trust


class StoredColumns:
    """The columns of a snapshot, without their `OFFSETS`, in the order of the source."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., "StoredColumns"], tuple[Any, ...]]:
        return _found_intact, (self.path, known_state(self.path))

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the names and the types of the columns."""
        schema = pq.read_schema(self.path).remove_metadata()
        return pa.schema([field for field in schema if not field.name.startswith(OFFSETS)])

    @cached_property
    def num_rows(self) -> int:
        """Return the number of rows."""
        return int(pq.read_metadata(self.path).num_rows)

    @property
    def column_names(self) -> list[str]:
        """Return the names of the columns."""
        names: list[str] = self.schema.names
        return names

    def column(self, name: str) -> pa.ChunkedArray:
        """Return all values of one column; a snapshot that is damaged is a `SourceError`."""
        return load(self.path, [name])[name]

    def select(self, names: list[str]) -> pa.Table:
        """Return some columns as a table in memory."""
        return load(self.path, names)


def _found_intact(path: Path, state: Any) -> StoredColumns:
    """Return the columns of a snapshot that another process has found intact in a state."""
    trust(path, state)
    return StoredColumns(path)
