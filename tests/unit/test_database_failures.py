"""What a database or its driver reports becomes a sentence that says what to correct."""

import psycopg
import pytest

from data.connections.engine import connected
from data.connections.failures import failure_of
from data.declarations.named_source import source_named
from data.errors import CallError, SourceError, SourceLate


def refusal(url):
    with pytest.raises(SourceError) as caught, connected(url, "sales", read_only=True) as database:
        database.exec_driver_sql("SELECT * FROM sqlite_master")
    return caught.value


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.db"])
def test_a_file_of_rows_is_no_database_whatever_its_name(kind, name, tmp_path):
    (tmp_path / name).write_text("id,y\n" * 1_000)
    error = refusal(f"{kind}:///{tmp_path}/{name}")
    assert "The file is not a database: " in str(error)
    assert str(error).endswith("name a file of rows by its path alone.")
    assert isinstance(error, SourceLate)  # it may be copied still


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_url_of_sqlite_without_a_file_is_refused(url):
    assert "The URL names no file. Write for example" in str(refusal(url))


def test_no_file_is_suggested_in_place_of_a_folder(tmp_path):
    assert str(refusal(f"sqlite:///{tmp_path}")) == (
        "sales: This is a folder, not a database. Correct the path in 'url'."
    )


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ('role "ann" does not exist', "The database does not accept the user or the password"),
        ('database "shpo" does not exist', "The server has no such database"),
    ],
)
@pytest.mark.parametrize("place", ['on socket "/run/x/.s.PGSQL.5432"', 'at "::1", port 5432'])
def test_what_postgresql_refuses_at_connecting_is_told_without_its_preface(place, reason, sentence):
    text = f"connection failed: connection to server {place} failed: FATAL:  {reason}"
    failure = failure_of(psycopg.OperationalError(text), "sales", ())
    assert str(failure).startswith(f"sales: {sentence}: {reason}. Correct ")


def test_an_empty_name_of_a_table_is_told_in_plain_words():
    with pytest.raises(CallError) as caught:
        source_named("sqlite:///shop.db", None, table="")
    assert (
        str(caught.value) == "The source cannot be used: 'table' should be text that is not empty."
    )
