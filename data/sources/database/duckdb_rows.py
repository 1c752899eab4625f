"""DuckDB: rows come as Arrow's own batches, in the types of the database."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from data.errors import SourceError
from data.progress import Report
from data.sources.columns import has_kind
from data.sources.database import texts
from data.sources.database.rows_file import DatabaseColumn, RowsFile, unchanged
from data.sources.database.statement import without_end
from data.sources.header import check_header
from data.sources.source_columns import OfNoKind, SourceColumns

BLOCK = 65_536
"""Rows of a batch."""

AS_TEXT = {
    "UHUGEINT": texts.decimals(39, 0, exact=True),
    "HUGEINT": texts.decimals(39, 0, exact=True),
    "BIGNUM": texts.decimals(texts.MAX_DIGITS, 0, exact=True),
    "VARINT": texts.decimals(texts.MAX_DIGITS, 0, exact=True),
    "BIT": unchanged,
    "TIME WITH TIME ZONE": unchanged,
}
"""Types of which Arrow has none, or a smaller one: they are read as text, and then converted."""

NOT_READ = ("JSON", "BLOB", "INTERVAL")
"""Types that are of no kind, although Arrow may have them as text."""

EPOCH = "Convert it in a query: EPOCH({name}) gives its seconds."
CONVERT = "Convert it in a query, or leave it out of the declaration."


def read_duckdb(connection: Connection, query: str, folder: Path, report: Report) -> SourceColumns:
    """Return the rows of a query, which is a single SELECT; raises what the driver raises."""
    import duckdb

    driver: Any = connection.connection.dbapi_connection
    driver.execute("SET TimeZone = 'UTC'").fetchall()
    statements = driver.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SourceError(
            "The query does more than read, or is more than one statement.",
            next_step="Write a query that reads, such as SELECT.",
        )
    relation = driver.sql(without_end(query))
    check_header(relation.columns)
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    relation = relation.project(", ".join(_selected(name, kind) for name, kind in kinds.items()))
    batches = relation.to_arrow_reader(BLOCK)
    columns = [
        _column(field, kind) for field, kind in zip(batches.schema, kinds.values(), strict=True)
    ]
    chosen = [number for number, column in enumerate(columns) if column.of_no_kind is None]
    with RowsFile(folder, columns, report) as rows:
        for batch in batches:
            rows.add([_stored(batch.column(number)) for number in chosen], batch.num_rows)
    return rows.columns()


def _selected(name: str, kind: str) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if kind in AS_TEXT:
        return f"CAST({column} AS VARCHAR) AS {column}"
    if not _is_read(kind):
        return f"NULL AS {column}"
    return column


def _is_read(kind: str) -> bool:
    """Return whether values of a type are single values that can be numbers, texts or times."""
    return kind not in NOT_READ and not re.search(r"\[\d*\]$|^(STRUCT|MAP|UNION)\(", kind)


def _column(field: pa.Field, kind: str) -> DatabaseColumn:
    name, dtype = field.name, field.type
    if not _is_read(kind) or not has_kind(dtype):
        step = EPOCH.format(name=name) if kind == "INTERVAL" else CONVERT
        unusable = OfNoKind(kind.partition("(")[0].lower(), step)
        return DatabaseColumn(name, pa.null(), pa.null(), of_no_kind=unusable)
    if pa.types.is_dictionary(dtype):
        return DatabaseColumn(name, pa.string(), dtype, texts.levels)
    finished: Callable[[pa.ChunkedArray], pa.ChunkedArray] = AS_TEXT.get(kind, unchanged)
    return DatabaseColumn(name, dtype, dtype, finished)


def _stored(array: pa.Array) -> pa.Array:
    """Return an array as it is written: the levels of an enum as their texts."""
    return array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array
