"""Databases as sources: their types, one moment of them, and whatever can be wrong with them."""

import datetime as dt
import re
import socket
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.databases import KINDS, Database, refusal_of, shop_of
from sqlalchemy import make_url

from data.connections import retry
from data.errors import SourceAway, SourceError
from data.sources.database import mysql, postgresql
from data.sources.read import read
from data.sources.snapshot import load, readings_of

SALES = pa.table({"id": ["a", "b", "c"], "y": [1.5, None, 0.1]})
SERVERS = ("postgresql", "mariadb")
PASSWORD = "geheim/wort@1"


@pytest.fixture(scope="module")
def sales(new_source_database):
    """A function that returns a database of a kind with a table `sales`, made once each."""
    made = {}

    def of_kind(kind):
        if kind not in made:
            made[kind] = new_source_database(kind)
            made[kind].fill("sales", SALES)
        return made[kind]

    return of_kind


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
        SELECT * FROM chosen ORDER BY id DESC ; """
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


def test_a_server_that_is_away_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for scheme in ("postgresql", "mysql", "mariadb", "postgres"):
            url = f"{scheme}://shop:{PASSWORD.replace('/', '%2F').replace('@', '%40')}"
            message = refusal_of(shop_of(f"{url}@127.0.0.1:{port}/shop", table="a"), tmp_path)
            assert "The database does not answer: " in message
            assert "refused" in message
            assert "Check its address in 'url', and that the server runs." in message
            assert PASSWORD not in message
            assert "geheim" not in message


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_that_is_not_there_is_not_made(kind, sales, tmp_path):
    file = Path(make_url(sales(kind).url).database)
    url = f"{kind}:///{file.with_suffix('.' + kind + 's')}"
    message = refusal_of(shop_of(url, table="sales"), tmp_path)
    assert f"There is no such file. Did you mean '{file.name}'?" in message
    assert not Path(make_url(url).database).exists()
    (tmp_path / "text").write_text("This is not a database. " * 100)
    message = refusal_of(shop_of(f"{kind}:///{tmp_path}/text", table="a"), tmp_path / "x")
    assert re.search("not a (valid DuckDB )?database", message)


def test_a_wrong_password_and_an_unknown_database_are_named(sales, tmp_path):
    url = make_url(sales("mariadb").url)
    wrong = url.set(password="anders").render_as_string(hide_password=False)
    message = refusal_of(shop_of(wrong, table="sales"), tmp_path)
    assert "The database does not accept the user or the password: Access denied" in message
    assert "anders" not in message
    for server in (url, make_url(sales("postgresql").url)):
        other = server.set(database="nowhere").render_as_string(hide_password=False)
        message = refusal_of(shop_of(other, table="sales"), tmp_path)
        assert "The server has no such database" in message


def test_a_wrong_password_of_postgresql_is_named(sales, tmp_path):
    database = sales("postgresql")
    url = make_url(database.url)
    connection = database.connect()
    rules = Path(connection.execute("SHOW hba_file").fetchone()[0])
    if not rules.exists():
        pytest.skip("the server is on another machine")
    before = rules.read_text()
    try:
        rules.write_text(
            "local all locked scram-sha-256\nhost all locked all scram-sha-256\n" + before
        )
        connection.execute("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'")
        connection.commit()
        connection.execute("SELECT pg_reload_conf()")
        wrong = url.set(username="locked", password="anders-2")
        declaration = shop_of(wrong.render_as_string(hide_password=False), table="sales")
        message = refusal_of(declaration, tmp_path)
        assert "The database does not accept the user or the password: " in message
        assert "anders-2" not in message
        right = wrong.set(password="right").render_as_string(hide_password=False)
        assert "There is no table" in refusal_of(shop_of(right, table="sails"), tmp_path)
        connection.execute("REVOKE ALL ON sales FROM PUBLIC")
        connection.commit()
        message = refusal_of(shop_of(right, table="sales"), tmp_path)
        assert "The database does not allow it: permission denied for table sales" in message
    finally:
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")
        connection.close()


MANY = {
    "postgresql": "SELECT i AS id, i * 0.5 AS y, repeat('x', 100) AS t"
    " FROM generate_series(1, 30000) AS i",
    "mariadb": "SELECT seq AS id, seq * 0.5 AS y, repeat('x', 1000) AS t FROM seq_1_to_30000",
}
KILL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND query LIKE 'COPY%'",
    "mariadb": "KILL {}",
}


def small_blocks(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0)
    monkeypatch.setattr(postgresql, "BLOCK", 100_000)
    monkeypatch.setattr(mysql, "BLOCK", 1_000)


def killer(database, times):
    """Return what ends the reading connection after its first rows, so many times."""
    left = [times]

    def report(_, done):
        if "rows read" not in done or not left[0]:
            return
        left[0] -= 1
        connection = database.connect()
        cursor = connection.cursor()
        if database.kind == "mariadb":
            cursor.execute("SHOW PROCESSLIST")
            for row in cursor.fetchall():
                if row[3] and row[3].startswith("shop_") and row[0] != connection.thread_id():
                    cursor.execute(f"KILL {row[0]}")
        else:
            cursor.execute(KILL["postgresql"])
        connection.close()

    return report


@pytest.mark.parametrize("kind", SERVERS)
def test_a_connection_that_breaks_half_way_is_made_again(kind, sales, tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    declaration = shop_of(sales(kind).url, query=MANY[kind])
    snapshot = read(declaration, folder=tmp_path, report=killer(sales(kind), 1))
    assert snapshot.rows == 30_000
    assert any("It was tried again." in warning for warning in snapshot.warnings)
    again = read(declaration, folder=tmp_path)
    assert again.fingerprint == snapshot.fingerprint


@pytest.mark.parametrize("kind", SERVERS)
def test_nothing_is_stored_if_connections_break_again_and_again(kind, sales, tmp_path, monkeypatch):
    small_blocks(monkeypatch)
    declaration = shop_of(sales(kind).url, query=MANY[kind])
    with pytest.raises(SourceAway, match=r"It was tried 4 times\.") as caught:
        read(declaration, folder=tmp_path / "home", report=killer(sales(kind), 100))
    assert not (tmp_path / "home").exists()
    assert caught.value.exit_code == 1


def test_a_password_in_the_declaration_is_warned_of_and_a_secret_is_not(
    sales, tmp_path, monkeypatch
):
    url = sales("mariadb").url
    snapshot = read(shop_of(url, table="sales"), folder=tmp_path)
    assert any("The password is written in the declaration" in w for w in snapshot.warnings)
    monkeypatch.setenv("SHOP_URL", url)
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    parsed = make_url(url)
    parts = f"mysql://tester:${{SHOP_PASSWORD}}@127.0.0.1:{parsed.port}/{parsed.database}"
    for secret in ("${SHOP_URL}", parts):
        quiet = read(shop_of(secret, table="sales"), folder=tmp_path)
        assert quiet.warnings == ()
        assert quiet.fingerprint == snapshot.fingerprint


def test_a_missing_secret_is_named(tmp_path):
    message = refusal_of(shop_of("${NIGHTFIT_NO_SUCH}", table="a"), tmp_path)
    assert "The secret 'NIGHTFIT_NO_SUCH' has no value." in message


@pytest.mark.parametrize("url", ["mysql+mysqldb://a@b/c", "oracle://a@b/c", "snowflake://a/b"])
def test_a_missing_driver_is_named(url, tmp_path):
    assert "Install it: pip install " in refusal_of(shop_of(url, table="a"), tmp_path)


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


def test_a_failure_is_a_source_error_and_never_shows_a_url(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_URL", f"postgresql://shop:{PASSWORD}@host:nonsense/shop")
    with pytest.raises(SourceError) as caught:
        read(shop_of("${SHOP_URL}", table="sales"), folder=tmp_path)
    assert "geheim" not in str(caught.value)
