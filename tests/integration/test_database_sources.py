"""Databases as sources: their types, their order and one moment of them."""

import datetime as dt

import pyarrow as pa
import pytest
from helpers.databases import KINDS, SALES, Database, refusal_of, shop_of

from data.sources.read import read
from data.sources.snapshot import load, readings_of

SERVERS = ("postgresql", "mariadb")
PASSWORD = "geheim/wort@1"


@pytest.fixture(params=KINDS)
def database(request, sales) -> Database:
    return sales(request.param)


def rows_of(declaration, folder):
    return load(read(declaration, folder=folder / "home").path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"table": "sails"}, "There is no table or view 'sails'. Did you mean 'sales'?"),
        ({"table": "x.y.z"}, "There is no table or view 'x.y.z'. Its table is 'sales'."),
        ({"query": "SELECT id, y FROM sails"}, "sails"),
        ({"query": "SELECT * FRM sales"}, "The database reports: "),
        ({"query": "SELECT id, id, y FROM sales"}, "2 columns are called 'id'."),
        ({"query": 'SELECT id, y, y AS "Y" FROM sales'}, "differ in case or blanks only"),
    ],
)
def test_a_table_that_is_not_there_or_a_query_that_fails_is_refused(
    database, source, message, tmp_path
):
    if database.kind == "mariadb" and "query" in source:
        source = {"query": source["query"].replace('"', "`")}
    assert message in refusal_of(shop_of(database.url, **source), tmp_path)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM sales",
        "DELETE FROM sales RETURNING *",
        "INSERT INTO sales VALUES ('z', 1)",
        "INSERT INTO sales VALUES ('z', 1) RETURNING *",
        "WITH gone AS (DELETE FROM sales RETURNING *) SELECT * FROM gone",
        "SELECT 1 AS id; DELETE FROM sales",
        "SELECT 1 AS id, 2 AS y; COMMIT; DELETE FROM sales",
        "CREATE TABLE other AS SELECT * FROM sales",
        "DROP TABLE sales",
        "COMMIT",
    ],
)
def test_a_query_that_writes_is_refused_and_changes_nothing(database, query, tmp_path):
    before = rows_of(shop_of(database.url, table="sales"), tmp_path / "before")
    refusal_of(shop_of(database.url, query=query), tmp_path)
    assert rows_of(shop_of(database.url, table="sales"), tmp_path / "after").equals(before)


def test_a_query_is_any_that_the_database_knows(database, tmp_path):
    query = """
        WITH chosen AS (SELECT id, y, 100 AS percent -- all of them; % and :x and {y} are no marks
                      FROM sales WHERE id LIKE '%' AND id <> ':a')
        SELECT * FROM chosen ORDER BY id DESC ; -- the end
        /* of it */"""
    table = rows_of(shop_of(database.url, query=query), tmp_path)
    assert table["id"].to_pylist() == ["a", "b", "c"]
    assert table["percent"].to_pylist() == [100] * 3


def test_no_rows_are_a_table_without_rows(database, tmp_path):
    table = rows_of(shop_of(database.url, query="SELECT * FROM sales WHERE 1 = 0"), tmp_path)
    assert table.num_rows == 0
    assert table.column_names == ["id", "y"]


def test_rows_of_a_database_cannot_be_numbered(database, tmp_path):
    message = refusal_of(shop_of(database.url, table="sales", key="row"), tmp_path)
    assert "have no order, so they cannot be numbered" in message


def test_a_key_of_the_content_is_the_same_in_any_order(database, tmp_path):
    query = """SELECT x, y FROM (SELECT 1 AS x, 1 AS y UNION ALL SELECT 1, 2 UNION ALL SELECT 2, 5
               UNION ALL SELECT 1, NULL) AS t ORDER BY y"""
    seen = [
        read(shop_of(database.url, query=f"{query} {how}", key="content"), folder=tmp_path)
        for how in ("", "DESC")
    ]
    assert seen[0].fingerprint == seen[1].fingerprint
    assert load(seen[0].path)["x"].to_pylist().count(1) == 3


def test_keys_are_in_the_order_of_their_values(database, tmp_path):
    query = """SELECT * FROM (SELECT 10 AS id, 'b' AS part, 1 AS y UNION ALL SELECT 9, 'z', 2
               UNION ALL SELECT 10, 'a', 3 UNION ALL SELECT -1, 'a', 4) AS t"""
    table = rows_of(shop_of(database.url, query=query, key=["id", "part"]), tmp_path)
    assert table["y"].to_pylist() == [4, 2, 3, 1]
    unread = shop_of(database.url, query=query, key=["id", "none"])
    assert rows_of(unread, tmp_path).num_rows == 4  # the checks say that a column is missing


def test_a_night_in_the_past_has_the_rows_up_to_then(new_source_database, database, tmp_path):
    days = [dt.date(2024, 1, day) for day in (1, 2, 3)]
    dated = new_source_database(database.kind)
    dated.fill("sales", SALES.append_column("day", pa.array(days)).take([2, 0, 1]))
    declaration = shop_of(dated.url, table="sales", time="day")
    snapshot = read(declaration, folder=tmp_path, as_of="2024-01-02")
    assert load(snapshot.path)["id"].to_pylist() == ["a", "b"]


ODD = {
    "sqlite": (
        "CREATE TABLE odd (id INTEGER, y REAL, flag BOOLEAN, day DATE, at DATETIME, n NUMERIC,"
        " mixed, raw BLOB, code TEXT, whole REAL)",
        "INSERT INTO odd VALUES (1, 1, 1, '2024-01-02', '2024-01-02 12:00:00.5', 1.5, 1, x'00',"
        " '007', 3), (2, NULL, 0, NULL, NULL, 2, 'a', NULL, 'x', 4)",
        {
            "y": [1.0, None],
            "flag": [True, False],
            "day": [dt.date(2024, 1, 2), None],
            "at": [dt.datetime(2024, 1, 2, 12, 0, 0, 500_000), None],
            "n": [1.5, 2.0],
            "mixed": ["1", "a"],
            "code": ["007", "x"],
            "whole": [3.0, 4.0],
        },
        {"raw": "blob"},
    ),
    "duckdb": (
        "CREATE TABLE odd (id INTEGER, y DOUBLE, huge HUGEINT, u UHUGEINT, d DECIMAL(10, 2),"
        " level ENUM ('1', 'b'), u_id UUID, at_ TIMESTAMPTZ, clock TIME, f FLOAT, few INTEGER[],"
        " pair STRUCT(a INTEGER), doc JSON, span INTERVAL, raw BLOB)",
        "INSERT INTO odd VALUES (1, 1, 170141183460469231731687303715884105727,"
        " 340282366920938463463374607431768211455, 12.5, '1',"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-02 12:00:00+02', '12:30', 0.1, [1],"
        " {'a': 1}, '{}', INTERVAL 1 DAY, 'x'), (2, NULL, 1, 1, NULL, 'b', NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, NULL)",
        {
            "huge": [1.7014118346046923e38, 1.0],
            "u": [3.402823669209385e38, 1.0],
            "d": [12.5, None],
            "level": ["1", "b"],
            "u_id": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
            "at_": [dt.datetime(2024, 1, 2, 10), None],
            "clock": [45_000.0, None],
            "f": [0.10000000149011612, None],
        },
        {"few": "integer[]", "pair": "struct", "doc": "json", "span": "interval", "raw": "blob"},
    ),
    "postgresql": (
        "CREATE TABLE odd (id int, y float8, d numeric(10, 2), big numeric(25, 0), any_ numeric,"
        " f real, level mood, u uuid, day date, at timestamptz, clock time, price money, pad"
        " char(5), span interval, few int[], doc jsonb, raw bytea, span_ int4range, text_ text,"
        " name_ varchar, forever date)",
        "INSERT INTO odd VALUES (1, 1, 12.50, 1234567890123456789012345, 0.1, 0.1, '1',"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-02', '2024-01-02 12:00:00+02', '12:30',"
        " -1234.5, 'ab', '1 day', '{1}', '{}', 'x', '[1,2)',"
        " E'a \"b\",\n\\\\N', '007', 'infinity'),"
        " (2, 'NaN', NULL, 1, 1e-20, 'Infinity', 'b', NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, '', 'x', '2024-01-02')",
        {
            "y": [1.0, None],
            "d": [12.5, None],
            "big": [1.2345678901234568e24, 1.0],
            "any_": [0.1, 1e-20],
            "f": [0.10000000149011612, float("inf")],
            "level": ["1", "b"],
            "u": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
            "day": [dt.date(2024, 1, 2), None],
            "at": [dt.datetime(2024, 1, 2, 10), None],
            "clock": [45_000.0, None],
            "price": [-1234.5, None],
            "pad": ["ab", None],
            "text_": ['a "b",\n\\N', None],
            "name_": ["007", "x"],
        },
        {
            **{"span": "interval", "few": "integer[]", "doc": "jsonb", "raw": "bytea"},
            "span_": "int4range",
        },
    ),
    "mariadb": (
        "CREATE TABLE odd (id INT, y DOUBLE, flag TINYINT(1), few TINYINT(1), big BIGINT UNSIGNED,"
        " d DECIMAL(10, 2), digits DECIMAL(65, 0), f FLOAT, b BIT(1), bits BIT(9), day DATE,"
        " at TIMESTAMP NULL, clock TIME(2), y_ YEAR, level ENUM ('1', 'b'), doc JSON,"
        " place GEOMETRY, raw BLOB, text_ VARCHAR(50), pad CHAR(5))",
        "INSERT INTO odd VALUES (1, 1, 1, 3, 18446744073709551615, 12.5,"
        " 12345678901234567890123456789012345678901234567890, 16777217, 1, 257, '2024-01-02',"
        " '2024-01-02 12:00:00', '-100:30:01.25', 2024, '1', '{}', POINT(1, 2), 'x', 'é \\N',"
        " 'ab'),"
        " (2, NULL, 0, 0, 1, NULL, 1, 0.1, 0, 0, '0000-00-00', '0000-00-00', NULL, NULL, 'b', NULL,"
        " NULL, NULL, '', NULL)",
        {
            "flag": [True, False],
            "few": [3, 0],
            "big": [1.8446744073709552e19, 1.0],
            "d": [12.5, None],
            "digits": [1.2345678901234567e49, 1.0],
            "f": [16777216.0, 0.10000000149011612],
            "b": [True, False],
            "bits": [257, 0],
            "day": [dt.date(2024, 1, 2), None],
            "at": [dt.datetime(2024, 1, 2, 12), None],
            "clock": [-361_801.25, None],
            "y_": [2024, None],
            "level": ["1", "b"],
            "text_": ["é N", None],
            "pad": ["ab", None],
        },
        {"doc": "json", "place": "geometry", "raw": "binary"},
    ),
}


def test_each_type_is_what_the_database_means_by_it(database, tmp_path):
    create, insert, expected, left_out = ODD[database.kind]
    odd = database
    before = {
        "postgresql": ["CREATE TYPE mood AS ENUM ('1', 'b')"],
        "mariadb": ["SET sql_mode = ''", "SET time_zone = '+00:00'"],
    }
    odd.run(*before.get(odd.kind, ()), create, insert)
    snapshot = read(shop_of(odd.url, table="odd"), folder=tmp_path)
    table = load(snapshot.path)
    assert {name: table[name].to_pylist() for name in expected} == expected
    readings = {reading.name: reading for reading in readings_of(snapshot.path)}
    holds = {name: r.why_left_out for name, r in readings.items() if r.is_left_out}
    assert holds == {name: f"it holds {what}" for name, what in left_out.items()}
    if odd.kind == "mariadb":
        zeros = [warning for warning in snapshot.warnings if "0000-00-00" in warning]
        assert len(zeros) == 2
    for name, what in left_out.items():
        message = refusal_of(shop_of(odd.url, table="odd", features=[name]), tmp_path / "x")
        assert f"Column '{name}' holds {what}, which is not a number, category," in message


def test_long_numbers_of_a_key_keep_all_their_digits(database, tmp_path):
    digits = "12345678901234567890123456789012345678"
    kind = {"postgresql": "numeric", "sqlite": None}.get(database.kind, "DECIMAL(38, 0)")
    if kind is None:
        pytest.skip("SQLite has no such numbers")
    query = f"SELECT CAST({digits} AS {kind}) AS id, 1 AS y UNION ALL SELECT 1, 2"
    table = rows_of(shop_of(database.url, query=query), tmp_path)
    assert sorted(table["id"].to_pylist()) == ["1", digits]


def test_all_rows_are_of_one_moment(new_source_database, database, tmp_path):
    if database.kind == "duckdb":
        pytest.skip("nobody else can write while a file is open")
    moving = new_source_database(database.kind)
    rows = pa.table({"id": [f"k{row}" for row in range(100)], "y": [1.0] * 100})
    moving.fill("sales", rows)
    if moving.kind == "sqlite":
        moving.run("PRAGMA journal_mode = WAL")
    changed: list[object] = []

    def report(_, done):
        if "connecting" in done or changed or "rows read" not in done:
            return
        changed.append(True)
        moving.run("DELETE FROM sales", "INSERT INTO sales VALUES ('new', 2)")

    table = load(read(shop_of(moving.url, table="sales"), folder=tmp_path, report=report).path)
    assert changed
    assert table.num_rows == 100


def test_rows_are_read_in_blocks_with_progress(tmp_path, sales):
    seen = []
    query = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000)"
    read(
        shop_of(sales("sqlite").url, query=f"{query} SELECT id, id * 2.0 AS y FROM n"),
        folder=tmp_path,
        report=lambda share, done: seen.append((share, done)),
    )
    assert {"20,000 rows read", "40,000 rows read", "50,000 rows read"} <= {d for _, d in seen}
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
