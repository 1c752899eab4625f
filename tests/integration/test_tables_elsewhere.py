"""Rows that are written to a table of another database."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from helpers import databases
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect, make_url
from sqlalchemy.exc import DBAPIError

from data.connections.table_name import TableName, execute, quoted_name, quoted_table
from data.connections.tables import replace_rows, write_table
from data.errors import OutputError, SourceAway, SourceError

ODD = 'Order "%s" ü.x (y) :z'
TABLE = TableName('Select "%s" ü')
UTC = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    {
        "group": pa.int64(),
        ODD: pa.string(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "utc": UTC,
        "yes": pa.bool_(),
        "x": pa.float64(),
    }
)
AT = dt.datetime(2026, 1, 31, 2, 0, 0, 250_000)
ROWS = pa.RecordBatch.from_pylist(
    [
        {
            "group": 2**62,
            ODD: "Zürich 🙂",
            "day": dt.date(1969, 12, 31),
            "at": AT,
            "utc": AT.replace(tzinfo=dt.UTC),
            "yes": True,
            "x": 0.1,
        },
        {"group": -1, ODD: "", "at": dt.datetime(1900, 1, 1), "yes": False, "x": float("nan")},
        {"group": 3},
    ],
    SCHEMA,
)


@pytest.fixture(params=["sqlite", "postgresql", "duckdb", "mariadb"])
def elsewhere(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path: Path
) -> Iterator[Engine]:
    """An engine on an empty database that is not the store."""
    if request.param == "duckdb":
        url = f"duckdb:///{tmp_path / 'other.duckdb'}"
    elif request.param == "mariadb":
        url = databases.mariadb_database(request.getfixturevalue("mariadb")).url
        url = url.replace("mysql://", "mysql+pymysql://") + "?charset=utf8mb4"
    else:
        url = new_database(request.param)
    engine = create_engine(make_url(url), poolclass=NullPool)
    yield engine
    engine.dispose()


def written(engine: Engine, *batches: pa.RecordBatch, table: TableName = TABLE) -> int:
    with engine.connect() as connection:
        rows = replace_rows(
            connection, table, batches[0].schema, batches, where="here", key=["group"]
        )
        connection.commit()
        return rows


def stored(engine: Engine, columns: str = "*", table: TableName = TABLE) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in _select(connection, columns, table)]


def _select(connection: Connection, columns: str, table: TableName) -> list:
    named = quoted_table(table, connection.dialect)
    if connection.dialect.paramstyle in ("format", "pyformat"):
        named = named.replace("%", "%%")
    return list(connection.exec_driver_sql(f"SELECT {columns} FROM {named} ORDER BY 1 DESC"))


def as_in_sqlite(value: object) -> object:
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=None)
    return str(value) if isinstance(value, dt.date) else value


def test_values_and_names_arrive_as_they_are(elsewhere: Engine) -> None:
    assert written(elsewhere, ROWS, ROWS.slice(3)) == 3
    arrived = [tuple(map(as_in_sqlite, row)) for row in stored(elsewhere)]
    assert arrived == [
        (2**62, "Zürich 🙂", "1969-12-31", str(AT), str(AT), 1, 0.1),
        (3, None, None, None, None, None, None),
        (-1, "", None, "1900-01-01 00:00:00", None, 0, None),
    ]
    with elsewhere.connect() as connection:
        names = [column["name"] for column in inspect(connection).get_columns(TABLE.name)]
    assert names == SCHEMA.names


def test_key_is_the_primary_key(elsewhere: Engine) -> None:
    if elsewhere.dialect.name == "mysql":
        pytest.skip("the key has a plain index on MySQL, where a primary key cannot be of texts")
    with pytest.raises(DBAPIError, match=r"(?i)unique|duplicate"):
        written(elsewhere, ROWS, ROWS)


def test_rows_are_replaced_however_often_they_are_written(elsewhere: Engine) -> None:
    written(elsewhere, ROWS)
    written(elsewhere, ROWS, pa.RecordBatch.from_pylist([{"group": 4}], SCHEMA))
    assert written(elsewhere, ROWS.slice(1)) == 2
    assert [row[0] for row in stored(elsewhere)] == [3, -1]
    assert written(elsewhere, ROWS.slice(3)) == 0
    assert stored(elsewhere) == []


def test_what_fails_amid_the_rows_leaves_the_old_ones(elsewhere: Engine) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield ROWS
        raise RuntimeError("amid the rows")

    written(elsewhere, ROWS.slice(2))
    for table in (TABLE, TableName("never")):
        with pytest.raises(RuntimeError, match="amid"), elsewhere.connect() as connection:
            replace_rows(connection, table, SCHEMA, broken(), where="here")
    assert [row[0] for row in stored(elsewhere)] == [3]
    with elsewhere.connect() as connection:
        assert not inspect(connection).has_table("never")


def test_table_with_other_columns_is_refused_and_both_are_named(elsewhere: Engine) -> None:
    written(elsewhere, ROWS)
    other = pa.RecordBatch.from_pylist([{"group": 1, "y": "a"}])
    with pytest.raises(OutputError) as refused:
        written(elsewhere, other)
    assert "group (whole number), Order" in str(refused.value)
    assert "the rows have group (whole number), y (text)" in str(refused.value)
    assert len(stored(elsewhere)) == 3


def test_type_that_would_lose_something_is_refused(elsewhere: Engine) -> None:
    written(elsewhere, pa.RecordBatch.from_pylist([{"group": 1}]))
    with pytest.raises(OutputError, match=r"group \(whole number\); the rows have group \(number"):
        written(elsewhere, pa.RecordBatch.from_pylist([{"group": 1.5}]))


def test_existing_table_keeps_its_types_and_the_order_of_its_columns(elsewhere: Engine) -> None:
    name = quoted_name("group", elsewhere.dialect)
    with elsewhere.begin() as connection:
        execute(connection, f"CREATE TABLE theirs (x NUMERIC(9, 2), {name} SMALLINT)")
    rows = pa.RecordBatch.from_pylist([{"group": 7, "x": 2.5}])
    for _ in range(2):
        assert written(elsewhere, rows, table=TableName("theirs")) == 1
    assert [tuple(map(float, row)) for row in stored(elsewhere, table=TableName("theirs"))] == [
        (2.5, 7.0)
    ]


def test_type_that_no_database_has_is_refused(elsewhere: Engine) -> None:
    with pytest.raises(OutputError, match="column 'list' holds values of the type list"):
        written(elsewhere, pa.RecordBatch.from_pylist([{"group": 1, "list": [1]}]))


def test_readers_see_the_old_rows_until_they_see_the_new_ones(elsewhere: Engine) -> None:
    if elsewhere.dialect.name == "duckdb":
        pytest.skip("another process cannot read a DuckDB file that is being written")
    if elsewhere.dialect.name == "sqlite":
        with elsewhere.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    seen: list[int] = []

    def watched() -> Iterator[pa.RecordBatch]:
        yield ROWS.slice(1)
        seen.extend(row[0] for row in stored(elsewhere))

    written(elsewhere, ROWS.slice(0, 1))
    with elsewhere.connect() as connection:
        replace_rows(connection, TABLE, SCHEMA, watched(), where="here", key=["group"])
        seen.extend(row[0] for row in stored(elsewhere))
        connection.commit()
    assert seen == [2**62, 2**62]
    assert [row[0] for row in stored(elsewhere)] == [3, -1]


def test_table_is_written_to_a_url_with_a_secret(
    elsewhere: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = elsewhere.url.render_as_string(hide_password=False)
    monkeypatch.setenv("THEIR_DATABASE", url)
    for rows in (ROWS, ROWS.slice(1)):
        write_table(
            "${THEIR_DATABASE}", '"a.b"', SCHEMA, [rows], where="output of sales", key=["group"]
        )
    assert [row[0] for row in stored(elsewhere, table=TableName("a.b"))] == [3, -1]


def test_schema_that_is_not_there_is_an_error_that_names_it(elsewhere: Engine) -> None:
    url = elsewhere.url.render_as_string(hide_password=False)
    with pytest.raises(SourceError, match=r"output of sales: .*nowhere") as refused:
        write_table(url, "nowhere.t", SCHEMA, [ROWS], where="output of sales")
    assert not isinstance(refused.value, SourceAway)
