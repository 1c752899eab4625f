"""The text of a category in a database is the one that training has, whatever the column's type."""

import datetime as dt
import sqlite3

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import text

from data.sources.columns import value_text
from tasks.export.sql.dialects import DUCKDB, POSTGRESQL, SQLITE

DAY, NOON = dt.datetime(2026, 1, 31), dt.datetime(2026, 1, 31, 12, 30, 5)
NUMBERS = [
    ("DOUBLE PRECISION", "10", 10.0),
    ("DOUBLE PRECISION", "-300", -300.0),
    ("DOUBLE PRECISION", "2.5", 2.5),
    ("REAL", "100", 100.0),
    ("BIGINT", "1000", 1000),
    ("TEXT", "'10.0'", "10.0"),
    ("TEXT", "'1.50'", "1.50"),
    ("TEXT", "'2026-01-31 00:00:00'", "2026-01-31 00:00:00"),
    ("TEXT", "NULL", None),
]
TYPED = [
    *NUMBERS,
    ("NUMERIC(10, 2)", "10", 10.0),
    ("NUMERIC(10, 2)", "100.5", 100.5),
    ("NUMERIC(10, 0)", "100", 100),
    ("DOUBLE PRECISION", "'NaN'", None),
    ("DATE", "'2026-01-31'", DAY.date()),
    ("TIMESTAMP", "'2026-01-31'", DAY),
    ("TIMESTAMP", "'2026-01-31 12:30:05'", NOON),
    ("TIMESTAMP", "'2026-01-31 12:30:05.25'", NOON.replace(microsecond=250_000)),
    ("TIMESTAMP WITH TIME ZONE", "'2026-01-31 02:00:00+02'", DAY),
    ("BOOLEAN", "TRUE", True),
]


def in_training(value):
    return value_text(pa.chunked_array([pa.array([value])])).to_pylist()[0]


def query(dialect, of_type, written):
    column = dialect.category('t."x"')
    return f'SELECT {column} FROM (SELECT CAST({written} AS {of_type}) AS "x") AS t'


@pytest.mark.parametrize(("of_type", "written", "value"), NUMBERS)
def test_in_sqlite(of_type, written, value):
    made = sqlite3.connect(":memory:").execute(query(SQLITE, of_type, written)).fetchone()
    assert made == (in_training(value),)


@pytest.mark.parametrize(("of_type", "written", "value"), TYPED)
def test_in_duckdb(of_type, written, value):
    made = duckdb.connect().execute(query(DUCKDB, of_type, written)).fetchone()
    assert made == (in_training(value),)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize(("of_type", "written", "value"), TYPED)
def test_in_postgresql(postgres, of_type, written, value, zone):
    postgres.execute(text(f"SET TIME ZONE '{zone}'"))
    made = postgres.execute(text(query(POSTGRESQL, of_type, written).replace(":", r"\:"))).scalar()
    assert made == in_training(value)
