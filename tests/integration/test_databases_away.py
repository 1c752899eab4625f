"""What can be wrong with a database, its driver, its login or the way to it."""

import re
import socket
from pathlib import Path

import pytest
from helpers.databases import refusal_of, shop_of
from sqlalchemy import make_url

from data.connections import retry
from data.errors import SourceAway, SourceError
from data.sources.database import mysql, postgresql
from data.sources.read import read

SERVERS = ("postgresql", "mariadb")
PASSWORD = "geheim/wort@1"


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
    by_command = read(shop_of(url, table="sales"), folder=tmp_path, named_in="--source")
    assert not any("The password" in warning for warning in by_command.warnings)
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


def test_a_failure_is_a_source_error_and_never_shows_a_url(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_URL", f"postgresql://shop:{PASSWORD}@host:nonsense/shop")
    with pytest.raises(SourceError) as caught:
        read(shop_of("${SHOP_URL}", table="sales"), folder=tmp_path)
    assert "geheim" not in str(caught.value)
