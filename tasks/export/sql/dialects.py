"""What SQLite, PostgreSQL and DuckDB each write in their own way.

A number is a double in all of them, a text compares by its bytes, and a time is a whole number of
microseconds since 1970.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data.connections.table_name import TableName
from data.errors import CallError
from tasks.export.sql.category_texts import duckdb_text, postgresql_text, sqlite_text

DAY, HOUR = 86_400_000_000, 3_600_000_000
"""In microseconds."""

FUNCTIONS = ("sqrt", "tanh", "exp")
"""What some builds of SQLite lack, and a query may need."""


@dataclass(frozen=True)
class Dialect:
    """How one database writes numbers, texts, times and names.

    `number` makes a double of a column, `instant` the microseconds of a time, and `month` a text of
    two digits of a day since 1970; `translated` replaces characters of a text, and `category`
    makes the text of a category's value.
    """

    name: str
    shown: str
    columns: int  # of a row, at most
    literal: Callable[[float], str]
    number: Callable[[str], str]
    instant: Callable[[str], str]
    month: Callable[[str], str]
    translated: Callable[[str, Mapping[str, str]], str]
    category: Callable[[str], str]
    has_globs: bool = False

    def text(self, value: str) -> str:
        """Return a text as a literal."""
        if "\0" in value:
            raise CallError(
                "a level holds a NUL character, which SQL cannot write.",
                next_step="Export the model with '--format onnx'.",
            )
        return "'" + value.replace("'", "''") + "'"

    def identifier(self, name: str) -> str:
        """Return a name in quotes; one of a schema's tables is written schema.table."""
        if "\0" in name:
            raise CallError(f"the name {name!r} holds a NUL character, which SQL cannot write.")
        return '"' + name.replace('"', '""') + '"'

    def table(self, table: TableName) -> str:
        """Return a table's name in quotes, that of its schema in its own."""
        return ".".join(map(self.identifier, filter(None, (table.schema, table.name))))


def _exponential(value: float) -> str:
    """Return a number with an exponent, without which DuckDB would take it for a decimal."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _in_parentheses(value: float) -> str:
    return f"({_exponential(value)})" if value < 0 else _exponential(value)


def _typed(value: float) -> str:
    return f"float8 '{float(value)!r}'"


def _replaced(text: str, characters: Mapping[str, str]) -> str:
    for old, new in characters.items():
        text = f"replace({text}, {_char(old)}, '{new}')"
    return text


def _translated(text: str, characters: Mapping[str, str]) -> str:
    """Return a text with characters replaced, one by one where one becomes several."""
    several = {old: new for old, new in characters.items() if len(new) > 1}
    single = {old: new for old, new in characters.items() if len(new) == 1}
    text = _replaced(text, several)
    if not single:
        return text
    old, new = "".join(single).replace("'", "''"), "".join(single.values())
    return f"translate({text}, '{old}', '{new}')"


def _char(character: str) -> str:
    return "''''" if character == "'" else f"'{character}'"


def _sqlite_instant(column: str) -> str:
    second = f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"
    digits = f"'0.' || substr({column}, instr({column}, '.') + 1, 6)"
    fraction = f"CAST(round(CAST({digits} AS REAL) * 1000000) AS INTEGER)"
    more = f"CASE WHEN instr({column}, '.') > 0 THEN {fraction} ELSE 0 END"
    return f"({second} * 1000000 + {more})"


SQLITE = Dialect(
    name="sqlite",
    shown="SQLite",
    columns=2000,
    literal=_in_parentheses,
    number=lambda column: f"CAST(NULLIF({column}, '') AS REAL)",
    instant=_sqlite_instant,
    month=lambda day: f"strftime('%m', {day} * 86400, 'unixepoch')",
    translated=_replaced,
    category=sqlite_text,
    has_globs=True,
)
POSTGRESQL = Dialect(
    name="postgresql",
    shown="PostgreSQL",
    columns=1600,
    literal=_typed,
    number=lambda column: f"NULLIF(CAST({column} AS float8), float8 'NaN')",
    instant=lambda column: f"CAST(EXTRACT(EPOCH FROM {column}) * 1000000 AS bigint)",
    month=lambda day: f"to_char(DATE '1970-01-01' + CAST({day} AS integer), 'MM')",
    translated=_translated,
    category=postgresql_text,
)
DUCKDB = Dialect(
    name="duckdb",
    shown="DuckDB",
    columns=2000,
    literal=_in_parentheses,
    number=lambda column: f"NULLIF(CAST({column} AS DOUBLE), CAST('NaN' AS DOUBLE))",
    instant=lambda column: f"epoch_us({column})",
    month=lambda day: f"strftime(DATE '1970-01-01' + CAST({day} AS INTEGER), '%m')",
    translated=_translated,
    category=duckdb_text,
)
DIALECTS = {dialect.name: dialect for dialect in (SQLITE, POSTGRESQL, DUCKDB)}


def missing_functions(connection: sqlite3.Connection) -> Sequence[str]:
    """Return which of the functions that a query may need this build of SQLite lacks."""
    missing = []
    for name in FUNCTIONS:
        try:
            connection.execute(f"SELECT {name}(1.0)")
        except sqlite3.OperationalError:
            missing.append(name)
    return missing
