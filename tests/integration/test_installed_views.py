"""A view that `nightfit export --install` makes beside a user's table, in real databases."""

from contextlib import contextmanager

import numpy as np
import pytest
from helpers.exporting import exporting
from helpers.made_models import made_columns, made_model, odd_rows, together
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    inspect,
    text,
)

from data.errors import CallError, OutputError, UserError
from tasks.export.engines import fetched
from tasks.export.install import MARK, install

COLUMNS = together(made_columns(60, 5), odd_rows(made_columns()))
ROWS = len(COLUMNS["order"])
TYPES = {"f": Double, "O": Text, "M": DateTime}


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "duckdb"])
def url(request, tmp_path_factory):
    """The URL of a database of each kind, with the made table as `Select` in it."""
    if request.param == "postgresql":
        address = request.getfixturevalue("new_on_server")()
    else:
        address = f"{request.param}:///{tmp_path_factory.mktemp('shop') / 'it%20s shop.db'}"
    columns = [
        Column(name, Boolean if name == "open" else TYPES[values.dtype.kind], key=f"c{i}")
        for i, (name, values) in enumerate(COLUMNS.items())
    ]
    table = Table("Select", MetaData(), Column("No", Integer), *columns)
    values = [plain(name, own) for name, own in COLUMNS.items()]
    rows = [
        {"No": row, **{f"c{i}": value for i, value in enumerate(own)}}
        for row, own in enumerate(zip(*values, strict=True))
    ]
    with opened(address) as connection:
        table.create(connection)
        connection.execute(table.insert(), rows)
    return address


def plain(name, values):
    if name == "open":
        return [{"true": True, "false": False, None: None}[value] for value in values]
    if values.dtype.kind == "M":
        return values.astype("M8[us]").tolist()
    return [None if v is None or v != v else v for v in values.tolist()]


@contextmanager
def opened(address):
    engine = create_engine(address)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def rows_of(address, view):
    with opened(address) as connection:
        found = fetched(connection, f'SELECT * FROM "{view}"')
    return np.array(sorted(found), dtype=float)


def names_in(address):
    with opened(address) as connection:
        return {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}


@pytest.mark.parametrize("kind", ["linear", "ann"])
def test_view_predicts_each_row_of_a_table_as_the_model_does(url, tmp_path, kind):
    model = made_model(kind)
    notes = install(exporting(model, tmp_path), url, "Select", f"it's 100% {kind}")
    assert "predicts the same as nightfit" in notes[0]
    words = f"it's 100% {kind} is made: No, predicted, lower, upper of each row of Select"
    assert words in notes[-1]
    found = rows_of(url, f"it's 100% {kind}")
    ours = model.predicted(COLUMNS)
    tolerance = 1e-6 if kind == "ann" else 1e-12
    np.testing.assert_allclose(found[:, 0], np.arange(ROWS))
    np.testing.assert_allclose(found[:, 1], ours.value, rtol=tolerance, atol=tolerance)


def test_a_view_of_nightfit_is_replaced_and_nothing_else_is(url, tmp_path):
    first, second = (
        exporting(made_model("linear", products=products), tmp_path) for products in (True, False)
    )
    install(first, url, "Select", None)
    before = rows_of(url, "nightfit_made")
    assert "is replaced" in install(second, url, "Select", None)[-1]
    after = rows_of(url, "nightfit_made")
    assert not np.allclose(before[:, 1], after[:, 1])
    other = exporting(made_model("linear"), tmp_path, key="order")
    assert "order, predicted" in install(other, url, "Select", None)[-1]
    with opened(url) as connection:
        connection.execute(text("CREATE VIEW theirs AS SELECT 1 AS one"))
    for name, kind in (("theirs", "view"), ("Select", "table")):
        with pytest.raises(OutputError, match=f"already a {kind} '{name}'") as refused:
            install(first, url, "Select", name)
        assert "'--view NAME'" in str(refused.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("Selekt", "no table 'Selekt'.*Did you mean 'Select'"),
        ("nowhere", "no table 'nowhere'"),
        ("a.b.c", "is not the name of a table"),
    ],
)
def test_a_table_that_is_not_there_is_refused(url, tmp_path, table, message):
    before = names_in(url)
    with pytest.raises(UserError, match=message):
        install(exporting(made_model("linear"), tmp_path), url, table, "never")
    assert names_in(url) == before


def test_a_column_that_a_table_lacks_is_named_with_those_that_the_model_needs(url, tmp_path):
    export = exporting(made_model("linear"), tmp_path, key="Number")
    with pytest.raises(OutputError, match="'Select' has no column 'Number'") as refused:
        install(export, url, "Select", "never")
    assert "hue" in str(refused.value)


def test_a_model_that_predicts_anything_else_leaves_no_view(url, tmp_path):
    export = exporting(made_model("linear"), tmp_path)
    export.description["members"][0]["terms"][3]["estimate"] += 1e-4
    before = names_in(url)
    with pytest.raises(UserError, match="so nothing is exported"):
        install(export, url, "Select", "never")
    assert names_in(url) == before


def test_weights_are_used_where_the_table_has_them(url, tmp_path):
    model = made_model("linear", intercept=False, mean_weight=2.0)
    for column in ("order", "importance"):
        install(exporting(model, tmp_path, weight=column), url, "Select", "weighed")
        found = rows_of(url, "weighed")
        weight = COLUMNS["order"] if column == "order" else None
        ours = model.predicted(COLUMNS, weight)
        there = ~np.isnan(found[:, 2])
        np.testing.assert_allclose(found[there, 2], ours.lower[there], rtol=1e-9)
    with opened(url) as connection:
        connection.execute(text("DROP VIEW weighed"))


def test_a_database_without_such_views_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_URL", "oracle://u:hidden@localhost/x")
    with pytest.raises(UserError) as refused:
        install(exporting(made_model("linear"), tmp_path), "${SHOP_URL}", "t", None)
    assert "hidden" not in str(refused.value)
    assert not isinstance(refused.value, CallError)


def test_the_comment_of_a_view_says_which_model_it_is(url, tmp_path):
    install(exporting(made_model("linear"), tmp_path), url, "Select", "commented")
    kind = url.partition("+")[0].partition(":")[0]
    question = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = 'commented'",
        "postgresql": "SELECT obj_description('commented'::regclass)",
        "duckdb": "SELECT comment FROM duckdb_views() WHERE view_name = 'commented'",
    }[kind]
    with opened(url) as connection:
        ((comment,),) = fetched(connection, question)
    assert f"{MARK}: y of made, predicted by torch/least_squares of run 3 (model 7)" in comment
