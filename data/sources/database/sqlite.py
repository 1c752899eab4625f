"""SQLite: each value has a type of its own, and a column says which one it should have."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from sqlite3 import Connection as Driver
from sqlite3 import Error

import pyarrow as pa
from sqlalchemy import Connection

from data.errors import SourceError
from data.progress import Report
from data.sources.database import texts
from data.sources.database.rows_file import HALF_WAY
from data.sources.header import check_header
from data.sources.records import NESTED, Records, fetched, note_on_mixed
from data.sources.source_columns import OfNoKind, SourceColumns

VIEW = "temp.nightfit_source"

BOOLEAN = re.compile("BOOL", re.I)
DATE = re.compile(r"^\s*DATE\s*$", re.I)
MOMENT = re.compile("DATETIME|TIMESTAMP", re.I)
WHOLE = re.compile("INT", re.I)
REAL = re.compile("REAL|FLOA|DOUB", re.I)


def read_sqlite(connection: Connection, query: str, folder: Path, report: Report) -> SourceColumns:
    """Return the rows of a query; raises what the driver raises."""
    driver: Driver = connection.connection.driver_connection  # type: ignore[assignment]
    statement = query.strip().rstrip(";")
    declared = _declared_types(driver, statement)
    driver.execute("PRAGMA query_only = ON")
    cursor = driver.execute(statement)
    if cursor.description is None:
        raise SourceError(
            "The query gives no columns, so it reads nothing.",
            next_step="Write a query that reads, such as SELECT.",
        )
    names = [column[0] for column in cursor.description]
    check_header(names)
    records = Records(folder)
    records.name(names)
    for columns in fetched(cursor.fetchmany, len(names)):
        records.add(dict(zip(names, columns, strict=True)), len(columns[0]))
        done = records.num_rows
        report(done / (done + HALF_WAY), f"{done:,} rows read")
    source = records.columns()
    of_no_kind = {
        field.name: OfNoKind("blob", "Convert it in a query, or leave it out of the declaration.")
        for field in source.schema
        if field.type == NESTED
    }
    return replace(
        source,
        read=partial(_finished, source.read, dict(zip(names, declared, strict=False))),
        has_types=True,
        is_ordered=False,
        notes=note_on_mixed(records),
        of_no_kind=of_no_kind,
    )


def _declared_types(driver: Driver, statement: str) -> Sequence[str]:
    """Return the declared type of each column of a query, "" for one that is computed.

    SQLite tells them of a view. If there can be no view of the query, nothing is known of them.
    """
    with suppress(Error):
        driver.execute(f"CREATE TEMP VIEW {VIEW} AS {statement}")
        columns = driver.execute("PRAGMA temp.table_info(nightfit_source)").fetchall()
        driver.execute(f"DROP VIEW {VIEW}")
        return [column[2] or "" for column in columns]
    return []


def _finished(
    read: Callable[[str], pa.ChunkedArray], declared: dict[str, str], name: str
) -> pa.ChunkedArray:
    """Return a column in its declared type, as far as all of its values are of it."""
    column, kind = read(name), declared.get(name, "")
    if pa.types.is_integer(column.type) and BOOLEAN.search(kind):
        return _booleans(column)
    if pa.types.is_null(column.type):
        return column.cast(_type_of(kind))
    if pa.types.is_string(column.type) and DATE.match(kind):
        return texts.cast_or_text(pa.date32())(column)
    if pa.types.is_string(column.type) and MOMENT.search(kind):
        return texts.TIMES["timestamp"][1](column)
    if pa.types.is_integer(column.type) and REAL.search(kind):
        return column.cast(pa.float64())
    return column


def _booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of 0 and 1 as booleans; one with other numbers stays as it is."""
    try:
        return column.cast(pa.int8()).cast(pa.bool_()) if _is_binary(column) else column
    except pa.ArrowInvalid:
        return column


def _is_binary(column: pa.ChunkedArray) -> bool:
    extremes = pa.compute.min_max(column).as_py()
    return extremes["min"] in (None, 0, 1) and extremes["max"] in (None, 0, 1)


def _type_of(kind: str) -> pa.DataType:
    return pa.bool_() if BOOLEAN.search(kind) else pa.null()
