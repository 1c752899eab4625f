"""What a declaration may say of a database, and what messages and stores see of it."""

import pytest
from pydantic import ValidationError

from data.connections.secrets import filled, secret_names, secrets_from
from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.declarations.named_source import source_named
from data.declarations.source import PathSource
from data.declarations.sql_source import SqlSource
from data.errors import CallError, SourceError

SECRET = "geheim wort"


def declared(**source):
    content = {"name": "shop", "source": source, "key": "id", "target": "y"}
    return Declaration.model_validate(content)


def mistakes(folder, source):
    (folder / "shop.yaml").write_text(f"source: {source}\nkey: id\ntarget: y\n")
    with pytest.raises(CallError) as caught:
        load_dataset("shop", folder)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:{}@host:5432/shop",
        "mysql+pymysql://shop:{}@host/shop?charset=utf8mb4",
        "postgresql://host/shop?user=shop&password={}",
        "duckdb:///md:shop?motherduck_token={}",
        "postgresql://shop:{}/x?y@host/shop",
    ],
)
def test_a_declared_password_is_in_nothing_that_is_printed_or_stored(url):
    declaration = declared(url=url.format(SECRET), table="sales")
    assert isinstance(declaration.source, SqlSource)
    assert declaration.source.url.text == url.format(SECRET)
    assert declaration.source.url.has_password
    for seen in (
        *(repr(declaration), str(declaration), declaration.model_dump_json()),
        *(repr(declaration.model_dump()), declaration.source.shown, str(declaration.source.url)),
    ):
        assert SECRET not in seen
        assert "sales" in seen or "://" in seen


def test_a_stored_declaration_of_a_database_can_be_read_again():
    stored = declared(
        url=f"postgresql://shop:{SECRET}@host/shop", query="SELECT 1"
    ).model_dump_json()
    read = Declaration.model_validate_json(stored)
    assert read.model_dump_json() == stored
    assert read.source.shown == "query 'SELECT 1' on postgresql://shop:***@host/shop"


def test_secrets_are_shown_by_their_names():
    source = declared(url="postgresql://${USER}:${SHOP_PW}@host/shop", table="a.sales").source
    assert source.shown == "table 'a.sales' of postgresql://${USER}:${SHOP_PW}@host/shop"
    assert not source.url.has_password
    assert declared(url="${SHOP_URL}", table="sales").source.shown == "table 'sales' of ${SHOP_URL}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{url: 'sqlite:///a.db'}", "neither 'table' nor 'query'. Name a table, or write a query"),
        ("{url: 'sqlite:///a.db', table: a, query: b}", "it has both 'table' and 'query'."),
        ("{url: 'sqlite:///a.db', path: b.csv}", "it has both 'path' and 'url'."),
        ("{table: sales}", "'source.url' is missing."),
        ("{path: a.csv, table: sales}", "'table' is for databases, and this source is a file."),
        ("{url: 'sqlite:///a.db', table: a, sheet: b}", "'sheet' is for files, and this source"),
        ("{url: 's3://shop/a.csv', table: a}", "s3:// is the address of a file, not of a database"),
        ("{url: shop, table: a}", "'source.url': this is not the URL of a database. Write for"),
        ("{url: '${SHOP URL}', table: a}", "the name of a secret is made of letters"),
        ("{url: 'mysql://a:b@c@host/d', table: a}", "Write an @ in a user or a password as %40."),
        ("{url: 'sqlite:///a.db', tabel: a}", "Did you mean 'table'?"),
    ],
)
def test_mistakes_are_explained(tmp_path, source, message):
    explained = mistakes(tmp_path, source)
    assert message in explained
    assert "line 1" in explained


def test_a_mistake_repeats_no_part_of_a_url(tmp_path):
    url = f"mysql://a:{SECRET}@b@host/d"
    assert SECRET not in mistakes(tmp_path, f"{{url: '{url}', table: a}}")
    assert SECRET not in mistakes(tmp_path, f"{{url: '{url}', table: a, tabel: b}}")
    with pytest.raises(CallError) as caught:
        source_named(url, None, table="a")
    assert SECRET not in str(caught.value)


def test_a_relative_path_starts_at_the_folder_of_the_declaration(tmp_path):
    for scheme in ("sqlite", "duckdb", "sqlite+pysqlite"):
        text = f"source: {{url: '{scheme}:///shop.db', table: a}}\nkey: id\ntarget: y\n"
        (tmp_path / "shop.yaml").write_text(text)
        source = load_dataset("shop", tmp_path).source
        assert source.url.text == f"{scheme}:///{tmp_path}/shop.db"


def test_secrets_are_filled_in_from_the_environment_or_a_lookup(monkeypatch):
    monkeypatch.setenv("SHOP_USER", "ann@shop")
    text = "postgresql://${SHOP_USER}:${shop-pw}@${HOST}/shop?x=${shop-pw}"
    assert secret_names(text) == ("SHOP_USER", "shop-pw", "HOST", "shop-pw")
    lookup = {"shop-pw": "a/b:c@d%", "HOST": "db:5433", "SHOP_USER": "unused"}
    with secrets_from(lookup.get):
        url = filled(text, "here")
    assert url == "postgresql://ann%40shop:a%2Fb%3Ac%40d%25@db:5433/shop?x=a%2Fb%3Ac%40d%25"
    monkeypatch.setenv("SHOP_URL", "mysql://a:b@c/d?e=f")
    assert filled("${SHOP_URL}", "here") == "mysql://a:b@c/d?e=f"
    assert filled("postgresql://host/${SHOP_USER}", "here") == "postgresql://host/ann@shop"


def test_a_secret_without_a_value_is_refused(monkeypatch):
    monkeypatch.setenv("EMPTY", "")
    for name in ("EMPTY", "NIGHTFIT_NO_SUCH"):
        with pytest.raises(SourceError) as caught:
            filled(f"sqlite:///${{{name}}}", "here")
        expected = f"here: The secret '{name}' has no value. Set the environment variable {name}."
        assert str(caught.value) == expected


def test_a_person_names_files_and_databases(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_named("rows.csv", None) == PathSource(path=tmp_path / "rows.csv")
    declared_file = PathSource(path=tmp_path / "old.csv", separator=";")
    assert source_named("rows.csv", declared_file).separator == ";"
    table = source_named("postgresql://host/shop", declared_file, table="sales")
    assert (table.url.text, table.table) == ("postgresql://host/shop", "sales")
    assert source_named("mysql://host/shop", table) == SqlSource(
        url="mysql://host/shop", table="sales"
    )
    assert source_named("${SHOP}", None, query="SELECT 1").query == "SELECT 1"
    assert source_named("shop.db", None, table="a").url.text == f"sqlite:///{tmp_path}/shop.db"
    assert source_named("a.duckdb", None, table="a").url.text == f"duckdb:///{tmp_path}/a.duckdb"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("rows.csv", {"table": "a"}, "--table is for databases, but 'rows.csv' names a file."),
        ("rows.csv", {"query": "a"}, "--query is for databases"),
        ("postgresql://host/shop", {}, "Name a table with --table, or a query with --query."),
        ("postgresql://host/shop", {"table": "a", "query": "b"}, "both 'table' and 'query'"),
        ("s3://host/shop", {"table": "a"}, "is the address of a file, not of a database"),
    ],
)
def test_a_person_is_told_what_does_not_fit(text, options, message):
    with pytest.raises(CallError, match=message.replace("(", r"\(")):
        source_named(text, None, **options)


def test_nothing_of_a_url_is_in_an_error_of_validation():
    with pytest.raises(ValidationError) as caught:
        declared(url=f"mysql://a:{SECRET}@b@host/d", table="a")
    assert "%40" in caught.value.errors()[0]["ctx"]["error"].next_step
