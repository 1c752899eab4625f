"""The name of a table in another database."""

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite

from data.connections.table_name import (
    TableName,
    quoted_name,
    quoted_table,
    refuse_names,
    table_name,
)
from data.errors import OutputError


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("sales", TableName("sales")),
        ("Sales", TableName("Sales")),
        ("shop.sales", TableName("sales", "shop")),
        ('"shop.sales"', TableName("shop.sales")),
        ('"my shop"."a ""b"""', TableName('a "b"', "my shop")),
        ("verkäufe 2026", TableName("verkäufe 2026")),
        ("select", TableName("select")),
    ],
)
def test_name_of_a_table_is_read_as_it_is_written(text: str, table: TableName) -> None:
    assert table_name(text, "here") == table


@pytest.mark.parametrize("text", ["", " ", ".", "a.", ".b", "a.b.c", '"a', '"a"b', '"".b', '"'])
def test_what_is_no_name_of_a_table_is_refused(text: str) -> None:
    with pytest.raises(OutputError, match="is not the name of a table"):
        table_name(text, "here")


def test_names_are_quoted_as_the_database_wants_it() -> None:
    assert quoted_name('a "b" %', postgresql.dialect()) == '"a ""b"" %"'
    assert quoted_name("a `b`", mysql.dialect()) == "`a ``b```"
    assert quoted_table(TableName("order", "S x"), sqlite.dialect()) == '"S x"."order"'


def test_names_that_a_database_would_cut_are_refused() -> None:
    long = "ü" * 32
    refuse_names(TableName(long), [], mysql.dialect(), "here")
    refuse_names(TableName(long * 9), [], sqlite.dialect(), "here")
    with pytest.raises(OutputError, match="64 bytes, and postgresql allows 63"):
        refuse_names(TableName(long), [], postgresql.dialect(), "here")
    with pytest.raises(OutputError, match="has 65 characters, and mysql allows 64"):
        refuse_names(TableName("t"), ["x" * 65], mysql.dialect(), "here")


def test_columns_that_a_database_takes_for_one_are_refused() -> None:
    refuse_names(TableName("t"), ["Store", "store"], postgresql.dialect(), "here")
    with pytest.raises(OutputError, match="'Store' and 'store' are one column for sqlite"):
        refuse_names(TableName("t"), ["Store", "store"], sqlite.dialect(), "here")
    with pytest.raises(OutputError, match="two columns 'store'"):
        refuse_names(TableName("t"), ["store", "store"], postgresql.dialect(), "here")
