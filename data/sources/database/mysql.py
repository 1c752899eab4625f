"""MySQL and MariaDB: rows come as text, one after the other, in the types of the database."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from data.errors import SourceError
from data.progress import Report
from data.sources.database import texts
from data.sources.database.rows_file import DatabaseColumn, RowsFile
from data.sources.header import check_header
from data.sources.source_columns import OfNoKind, SourceColumns

BLOCK = 20_000
"""Rows that are Python's objects at once."""

ZERO_DATE = r"^0000-00-00( 00:00:00(\.0+)?)?$"
CONVERT = "Convert it in a query, or leave it out of the declaration."

UNSIGNED, ENUM = 32, 256
"""Marks of a column, as the server sends them."""

BINARY_CHARSET = 63


def read_mysql(
    connection: Connection,
    query: str,
    exact: Collection[str],
    folder: Path,
    report: Report,
    *,
    is_table: bool,
) -> SourceColumns:
    """Return the rows of a query; columns that are `exact` keep all digits of their numbers.

    The query of a table may be changed, so that all digits of its numbers are sent. Raises what the
    driver raises.
    """
    driver: Any = connection.connection.driver_connection
    driver.decoders = {}  # values stay texts
    documents = _documents(driver) if getattr(connection.dialect, "is_mariadb", False) else set()
    statement = query.strip().rstrip(";")
    if is_table:
        statement = _with_all_digits(driver, statement)
    try:
        cursor, fields = _executed(driver, statement)
        columns = [_column(field, field.name in exact, documents) for field in fields]
        zeros: Counter[str] = Counter()
        with RowsFile(folder, columns, report) as rows:
            while block := cursor.fetchmany(BLOCK):
                rows.add(_arrays(block, columns, zeros), len(block))
    except BaseException:
        _drop(connection, driver)
        raise
    return rows.columns([*_on_zeros(zeros), *([] if is_table else _on_floats(fields))])


def _executed(driver: Any, statement: str) -> tuple[Any, Sequence[Any]]:
    """Return a cursor that fetches one row after the other from the server, and its columns."""
    from pymysql.cursors import SSCursor

    cursor = driver.cursor(SSCursor)
    cursor.execute(statement)
    if cursor.description is None:
        raise SourceError(
            "The query gives no columns, so it reads nothing.",
            next_step="Write a query that reads, such as SELECT.",
        )
    fields = cursor._result.fields
    check_header([field.name for field in fields])
    return cursor, fields


def _drop(connection: Connection, driver: Any) -> None:
    """Close a connection without fetching the rest of its rows, as closing the cursor would."""
    if driver._result is not None:
        driver._result.unbuffered_active = False
    connection.invalidate()


def _with_all_digits(driver: Any, statement: str) -> str:
    """Return a query of a table that gives FLOATs as DOUBLEs: of FLOATs, MySQL sends six digits."""
    from pymysql.constants import FIELD_TYPE

    cursor, fields = _executed(driver, f"{statement} LIMIT 0")
    cursor.close()
    chosen = []
    for field in fields:
        name = "`" + field.name.replace("`", "``") + "`"
        is_float = field.type_code == FIELD_TYPE.FLOAT
        chosen.append(f"{name} + 0e0 AS {name}" if is_float else name)
    return statement.replace("*", ", ".join(chosen), 1)


def _documents(driver: Any) -> set[tuple[str, str]]:
    """Return the columns of JSON, by table and name: to MariaDB they are texts with a check."""
    with driver.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, check_clause FROM information_schema.check_constraints"
            " WHERE check_clause LIKE 'json_valid(`%`)'"
        )
        return {(table, clause[len("json_valid(`") : -2]) for table, clause in cursor.fetchall()}


def _column(field: Any, is_exact: bool, documents: Collection[tuple[str, str]]) -> DatabaseColumn:
    """Return how a column of a type is read; its values are stored as texts."""
    from pymysql.constants import FIELD_TYPE as T

    name, text, code = field.name, pa.string(), field.type_code
    if code == T.TINY and field.length == 1:
        return DatabaseColumn(name, text, pa.bool_(), _booleans)
    if code in (T.DECIMAL, T.NEWDECIMAL):
        digits = field.length - (field.scale > 0) - (not field.flags & UNSIGNED)
        finished = texts.decimals(max(digits, field.scale), field.scale, exact=is_exact)
        return DatabaseColumn(name, text, pa.float64(), finished)
    made: dict[int, tuple[pa.DataType, texts.Finish]] = {
        **dict.fromkeys((T.TINY, T.SHORT, T.INT24, T.LONG, T.LONGLONG), (pa.int64(), _whole)),
        T.YEAR: (pa.int64(), _whole),
        T.BIT: (pa.int64(), _bits),
        T.FLOAT: (pa.float64(), texts.widened),
        T.DOUBLE: (pa.float64(), texts.cast_or_text(pa.float64())),
        **dict.fromkeys((T.DATE, T.NEWDATE), texts.TIMES["date"]),
        **dict.fromkeys((T.DATETIME, T.TIMESTAMP), texts.TIMES["timestamp"]),
        T.TIME: (pa.float64(), texts.seconds),
    }
    if code in made:
        return DatabaseColumn(name, text, *made[code])
    if field.flags & ENUM:
        return DatabaseColumn(name, text, pa.dictionary(pa.int32(), text), texts.levels)
    of_no_kind = {T.JSON: "json", T.GEOMETRY: "geometry"}.get(code)
    if (field.org_table, field.org_name) in documents:
        of_no_kind = "json"
    if of_no_kind is None and field.charsetnr == BINARY_CHARSET and code != T.NULL:
        of_no_kind = "binary"
    unusable = OfNoKind(of_no_kind, CONVERT) if of_no_kind else None
    return DatabaseColumn(name, text, text, of_no_kind=unusable)


def _arrays(
    block: Sequence[tuple[Any, ...]], columns: Sequence[DatabaseColumn], zeros: Counter[str]
) -> list[pa.Array]:
    """Return the columns of some rows as texts, with zero dates missing, which are counted."""
    arrays = []
    for column, values in zip(columns, zip(*block, strict=True), strict=True):
        if column.of_no_kind is not None:
            continue
        array = pa.array(_numbered(values) if column.finished is _bits else values, pa.string())
        if pa.types.is_date(column.dtype) or pa.types.is_timestamp(column.dtype):
            is_zero = pc.match_substring_regex(array, ZERO_DATE).fill_null(False)
            count = int(np.count_nonzero(is_zero))
            if count:
                zeros[column.name] += count
                array = pc.if_else(is_zero, pa.scalar(None, pa.string()), array)
        arrays.append(array)
    return arrays


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole numbers; those of 64 bits without a sign may need more digits."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.decimal128(20, 0))


def _booleans(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return 0 and 1 as booleans; a column with other numbers keeps them."""
    numbers = column.cast(pa.int64())
    extremes = pc.min_max(numbers).as_py()
    is_binary = extremes["min"] in (None, 0, 1) and extremes["max"] in (None, 0, 1)
    return numbers.cast(pa.bool_()) if is_binary else numbers


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the numbers that bits stand for, or booleans if there is one bit."""
    try:
        return _booleans(column)
    except pa.ArrowInvalid:
        return _whole(column)


def _numbered(values: Sequence[bytes | None]) -> list[str | None]:
    return [None if value is None else str(int.from_bytes(value)) for value in values]


def _on_zeros(zeros: Counter[str]) -> list[str]:
    return [
        f"Column {name!r} has the date 0000-00-00 in {count:,} row{'s' * (count > 1)}: taken as"
        " missing."
        for name, count in zeros.items()
    ]


def _on_floats(fields: Sequence[Any]) -> list[str]:
    """Return a note on numbers of which the server does not send all digits."""
    from pymysql.constants import FIELD_TYPE

    return [
        f"Column {field.name!r} is a FLOAT, of which MySQL sends six digits. Select it as"
        f" {field.name} + 0e0 to have all of them."
        for field in fields
        if field.type_code == FIELD_TYPE.FLOAT
    ]
