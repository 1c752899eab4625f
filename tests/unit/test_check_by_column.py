"""A source is checked a column at a time, and says how far it is."""

import weakref

import numpy as np
import pyarrow as pa
from helpers.checked import SHOP, N, shop, with_flag
from helpers.contracts import contract_after

from data.checks.check import check
from data.checks.declared import MANY_ROWS, rules_together
from data.checks.table import Columns, rows_of

WIDE = pa.table(
    {name: with_flag()[name] for name in with_flag().column_names}
    | {f"x{i}": np.random.default_rng(i).normal(size=N) for i in range(20)}
)


class OneByOne:
    """A table that makes a column whenever it is asked for, and counts those that are in use."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema = table.schema
        self.column_names = table.column_names
        self.num_rows = table.num_rows
        self.in_use = self.most = self.read = 0

    def column(self, name: str) -> pa.ChunkedArray:
        column = pa.chunked_array(self._table.column(name).chunks)
        weakref.finalize(column, self._let_go)
        self.read += 1
        self.in_use += 1
        self.most = max(self.most, self.in_use)
        return column

    def select(self, names: list[str]) -> pa.Table:
        return pa.table([self.column(name) for name in names], names=names)

    def _let_go(self) -> None:
        self.in_use -= 1


def test_few_columns_are_in_memory_at_once_and_each_is_read_a_few_times():
    contract = contract_after(shop(), WIDE)
    source = OneByOne(WIDE)
    outcome = check(shop(), source, contract=contract)
    assert outcome.passed
    assert outcome.results == check(shop(), WIDE, contract=contract).results
    assert source.most <= 4
    assert source.read <= 6 * len(WIDE.column_names)
    assert not source.in_use


def test_the_progress_of_checks_ends_with_all_steps():
    between = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "y", "min_value": 0},
    }
    for declared in ({}, {"features": ["age"]}, {"expectations": [between, between]}):
        seen: list[tuple[float, str]] = []
        check(shop(**declared), SHOP, report=lambda *step, seen=seen: seen.append(step))
        shares = [share for share, _ in seen]
        assert shares == sorted(set(shares))
        assert shares[-1] == 1
        assert len({done.split(" of ")[1] for _, done in seen}) == 1


def test_rules_of_many_rows_are_computed_a_few_columns_at_a_time():
    columns = ["a", "b", "a", "c", "d", "e", "a"]
    between = [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": name, "min_value": 0}}
        for name in columns
    ]
    pair = {"column_A": "e", "column_B": "f"}
    equal = {"type": "expect_column_pair_values_to_be_equal", "kwargs": pair}
    declaration = shop(expectations=[*between, equal])
    assert rules_together(declaration, MANY_ROWS - 1) == [(0, 1, 2, 3, 4, 5, 6, 7)]
    assert rules_together(declaration, MANY_ROWS) == [(0, 2, 6, 1, 3, 4), (5, 7)]
    assert rules_together(shop(), MANY_ROWS) == []


def test_some_rows_of_some_columns_are_those_of_the_whole_table():
    kept = np.arange(N) % 3 > 0
    columns = Columns(OneByOne(SHOP)).without(["level"]).where(kept)
    assert columns.column_names == ["id", "age", "hired", "y"]
    assert columns.num_rows == kept.sum()
    expected = SHOP.drop_columns(["level"]).filter(pa.array(kept))
    assert columns.select(columns.column_names) == expected
    assert rows_of(columns, ["y", "age"], [2, 0]) == expected.select(["y", "age"]).take([2, 0])
