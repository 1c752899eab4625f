"""Rows of a source without an order of its own are put in the order of their keys."""

import random

import numpy as np
import pyarrow as pa
import pytest

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.row_order import in_key_order
from data.sources.source_columns import OfNoKind, SourceColumns

KEYS = {
    "numbers": [-1.5, 2.0, 10.0],
    "whole": [-3, 2, 10],
    "texts": ["10", "2", "é"],
    "booleans": [False, True, None],
}


def source_of(table, **more):
    return SourceColumns(table.schema, len(table), table.column, is_ordered=False, **more)


def ordered(table, folder, *, key="id", made=None, **more):
    declaration = Declaration(name="shop", source={"path": "x.csv"}, key=key, target="y")
    return in_key_order(source_of(table, **more), declaration, {}, made, folder / "keys")


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_sorted_as_what_they_are(kind, tmp_path):
    table = pa.table({"id": KEYS[kind], "y": [1, 2, 3], "t": ["a", "b", None]})
    shuffled = ordered(table.take([2, 0, 1]), tmp_path)
    assert {n: shuffled.column(n).to_pylist() for n in table.column_names} == table.to_pydict()
    assert shuffled.numbers.tolist() == [1, 2, 3]


def test_rows_of_the_past_are_chosen_after_they_are_sorted(tmp_path):
    table = pa.table({"id": [3, 1, 2], "y": [30, 10, 20]})
    past = ordered(table, tmp_path).where(np.array([True, True, False]))
    assert past.column("y").to_pylist() == [10, 20]


def test_a_hash_of_the_content_orders_rows_and_then_their_target(tmp_path):
    rows = [("a", 1.0), ("a", 2.0), ("b", 3.0), ("a", None), ("c", 4.0)]
    seen = []
    for seed in range(4):
        random.Random(seed).shuffle(rows)
        table = pa.table({"x": [x for x, _ in rows], "y": [y for _, y in rows]})
        (tmp_path / str(seed)).mkdir()
        made = ordered(table, tmp_path / str(seed), key="content", made="content")
        seen.append((made.column("x").to_pylist(), made.column("y").to_pylist()))
    assert seen.count(seen[0]) == 4


def test_rows_stay_as_they_are_where_a_key_is_missing_or_of_no_kind(tmp_path):
    table = pa.table({"id": [2, 1], "y": [1, 2]})
    assert ordered(table, tmp_path, key=["id", "part"]).column("id").to_pylist() == [2, 1]
    with pytest.raises(SourceError, match="holds json, which is not a number"):
        ordered(table, tmp_path, of_no_kind={"id": OfNoKind("json")})


def test_rows_without_an_order_are_not_numbered(tmp_path):
    with pytest.raises(SourceError, match="have no order, so they cannot be numbered"):
        ordered(pa.table({"x": [1], "y": [2]}), tmp_path, key="row", made="row")
