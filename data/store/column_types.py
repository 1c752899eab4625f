"""Two column types that mean the same on SQLite and PostgreSQL: a UTC time and a JSON value."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


class UnreadableValue(Exception):
    """A value in the database is not of its column's type: something has damaged it."""


class _Checked(TypeDecorator[Any]):
    """A type whose stored values may be damaged so much that they are no values of it at all."""

    __abstract__ = True

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        """Return what reads a value, and raises UnreadableValue where that cannot be done."""
        read = super().result_processor(dialect, coltype)
        kind = READABLE[type(self).__name__]

        def checked(value: Any) -> Any:
            try:
                return value if read is None else read(value)
            except (TypeError, ValueError, RecursionError):
                raise UnreadableValue(f"a stored {kind} cannot be read") from None

        return checked


READABLE = {"UtcTime": "time", "JsonValue": "JSON value"}
"""How messages call the types."""


class ModelBytes(TypeDecorator[bytes]):
    """Bytes; what SQLite returns as another type is damaged, and read as none."""

    impl = LargeBinary
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: Any) -> Any:
        """Return what reads a value."""

        def read(value: Any) -> bytes | None:
            if value is None:
                return None
            return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else b""

        return read


class UtcTime(_Checked):
    """A moment, given and returned with its time zone, stored in UTC.

    PostgreSQL stores `timestamptz`. SQLite has no such type and stores the text
    `2026-01-31 02:00:00.000000`, which sorts and compares as the moments do.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert any zone to UTC; a time without a zone is a bug in the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Mark what SQLite stored as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonValue(_Checked):
    """Any plain value as JSON: `json` on PostgreSQL, text on SQLite.

    SQLite would turn a bare number in a column declared as JSON into a float.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use PostgreSQL's own type there, and text elsewhere."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSON(none_as_null=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Make the value plain, and on SQLite also text."""
        if value is None:
            return None
        return json_value(value) if dialect.name == "postgresql" else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Parse the text; PostgreSQL's own type has been parsed already."""
        return value if value is None or dialect.name == "postgresql" else json.loads(value)


def json_text(value: Any) -> str:
    """Return `value` as JSON text; floats are exact to the last bit."""
    return json.dumps(json_value(value), ensure_ascii=False, allow_nan=False)


def json_value(value: Any) -> Any:
    """Return `value` in terms of the types that JSON has.

    JSON has no NaN or infinity: they become the texts "NaN", "Infinity" and "-Infinity", since a
    null would hide them. NumPy's values and arrays become Python's; times and dates become ISO
    8601 texts.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_value(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value)
