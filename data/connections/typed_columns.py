"""The columns of a table in a database, from Arrow's types: what each database calls them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import TypeEngine

from data.connections.table_name import TableName
from data.errors import OutputError, quoted

MYSQL = ("mysql", "mariadb")

WORDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (Boolean, "boolean"),
    (Integer, "whole number"),
    (Numeric, "number"),
    (String, "text"),
    (Uuid, "text"),
    (DateTime, "time"),
    (Date, "date"),
)
"""What messages call a type; the first that fits counts."""

ALSO_TAKES: dict[str, tuple[str, ...]] = {"whole number": ("number",), "date": ("time",)}
"""Which other kinds of column take values of a kind without a loss."""

LOOSELY_TAKES: dict[str, tuple[str, ...]] = {
    "boolean": ("whole number", "number"),
    "date": ("text",),
    "time": ("text", "date"),
}
"""Which others do where a boolean is a number, and a time is a text: not on PostgreSQL."""


def table_of(
    name: TableName, schema: pa.Schema, dialect: Dialect, *, key: Sequence[str], where: str
) -> Table:
    """Return a table with a column for each of a schema, and the key as its primary key.

    On MySQL it has no primary key, since that cannot be of texts. Raises OutputError for a type
    that databases lack.
    """
    columns = []
    for field in schema:
        kind = database_type(field.type, dialect)
        if kind is None:
            raise OutputError(
                f"column {quoted(field.name)} holds values of the type {field.type}, for which a"
                " database has no column.",
                where=where,
                next_step="Leave it out.",
            )
        name_quoted, is_key = quoted_name(field.name, True), field.name in key
        columns.append(Column(name_quoted, kind, nullable=not is_key, autoincrement=False))
    own_key = [PrimaryKeyConstraint(*key)] if key and dialect.name not in MYSQL else []
    return Table(
        quoted_name(name.name, True),
        MetaData(),
        *columns,
        *own_key,
        schema=None if name.schema is None else quoted_name(name.schema, True),
    )


def database_type(dtype: pa.DataType, dialect: Dialect) -> TypeEngine[Any] | None:
    """Return the type of a column for values of one of Arrow's types, None if there is none.

    A moment with a time zone is `timestamptz` on PostgreSQL, and UTC elsewhere.
    """
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if pa.types.is_boolean(dtype):
        return Boolean()
    if pa.types.is_integer(dtype):
        return BigInteger()
    if pa.types.is_floating(dtype) or pa.types.is_null(dtype):
        return Double()
    if pa.types.is_date(dtype):
        return Date()
    if pa.types.is_timestamp(dtype):
        return _time(dtype, dialect)
    return _text(dialect) if is_text(dtype) else None


def is_text(dtype: pa.DataType) -> bool:
    """Return whether one of Arrow's types holds texts."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    is_one = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_this(dtype) for is_this in is_one)


def _time(dtype: pa.DataType, dialect: Dialect) -> TypeEngine[Any]:
    if dialect.name not in MYSQL:
        return DateTime(timezone=dtype.tz is not None)
    from sqlalchemy.dialects import mysql

    return mysql.DATETIME(fsp=6)


def _text(dialect: Dialect) -> TypeEngine[Any]:
    """Return the type of texts; MySQL's usual one takes "a" for "A", and cuts at 64 kB."""
    if dialect.name not in MYSQL:
        return Text()
    from sqlalchemy.dialects import mysql

    return mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin")


def kind_word(kind: TypeEngine[Any]) -> str | None:
    """Return what messages call a type of column; None for one that is unlike all of ours."""
    return next((word for of, word in WORDS if isinstance(kind, of)), None)


def takes(existing: TypeEngine[Any], wanted: TypeEngine[Any], database: str) -> bool:
    """Return whether a column of an existing type takes values of another without a loss."""
    has, needs = kind_word(existing), kind_word(wanted)
    if has is None or needs is None:
        return True  # the database knows
    others = ALSO_TAKES.get(needs, ())
    if database != "postgresql":
        others += LOOSELY_TAKES.get(needs, ())
    return has == needs or has in others


def listed_columns(columns: Sequence[tuple[str, TypeEngine[Any]]]) -> str:
    """Return columns as a message lists them, each with its type."""
    return ", ".join(f"{name} ({kind_word(kind) or kind})" for name, kind in columns)
