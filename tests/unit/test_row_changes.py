"""The rows of two snapshots are compared by their keys: added, removed, changed."""

import datetime as dt
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.sources import row_changes as module
from data.sources.columns import value_text
from data.sources.fingerprint import fingerprint
from data.sources.row_changes import RowChanges, row_changes
from data.sources.stored_columns import StoredColumns


@pytest.fixture
def stored(tmp_path):
    """Return a function: columns as a snapshot."""

    def made(columns: dict | pa.Table) -> StoredColumns:
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)

        class Columns:
            schema, num_rows, column = table.schema, table.num_rows, table.column

        path = tmp_path / f"{fingerprint(Columns, ())[:16]}.parquet"
        pq.write_table(table, path, write_page_checksum=True)
        return StoredColumns(path)

    return made


def test_rows_are_added_removed_and_changed(stored):
    before = stored({"id": ["a", "b", "c"], "x": [1.0, None, 3.0], "t": ["ä", "b", None]})
    now = stored({"id": ["d", "c", "a"], "x": [4.0, 3.0, None], "t": ["d", None, "ä"]})
    assert row_changes(before, now, ["id"]) == RowChanges(added=1, removed=1, changed=1)
    assert str(row_changes(before, now, ["id"])) == "1 added, 1 removed, 1 changed"


def test_values_of_one_kind_are_compared_whatever_their_types(stored):
    before = stored(
        {"id": [1, 2, 3], "n": [1, 2, 3], "d": [dt.date(2024, 1, day) for day in (1, 2, 3)]}
    )
    now = stored(
        {
            "id": ["1", "2", "3"],
            "n": [1.0, None, 3.5],
            "d": [dt.datetime(2024, 1, 1, h) for h in (0, 1, 2)],
        }
    )
    assert row_changes(before, now, ["id"]) == RowChanges(added=0, removed=0, changed=2)


def test_columns_that_only_one_has_or_of_another_kind_are_named(stored):
    before = stored({"id": [1, 2], "gone": [1, 2], "x": [1, 2], "y": [1, 2]})
    now = stored({"id": [1, 2], "y": [1, 2], "x": ["1", "2"], "new": [1, 2]})
    changes = row_changes(before, now, ["id"])
    assert str(changes) == "new: 'new', gone: 'gone', of another kind: 'x'"


def test_order_alone_changes_no_row(stored):
    before, now = stored({"id": [1, 2], "y": [1, 2]}), stored({"id": [2, 1], "y": [2, 1]})
    changes = row_changes(before, now, ["id"])
    assert changes == RowChanges(0, 0, 0)
    assert "another order" in str(changes)


def test_snapshots_without_the_key_cannot_be_compared(stored):
    assert row_changes(stored({"id": [1]}), stored({"other": [1]}), ["id"]) is None


def test_random_tables_are_compared_as_dictionaries_are(stored, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 7)
    rng = random.Random(5)

    def table() -> pa.Table:
        keys = rng.sample([(f"a{i % 3}", i) for i in range(60)], rng.randint(0, 40))
        names = pa.array([name for name, _ in keys], pa.string())
        numbers = pa.array([number for _, number in keys], pa.int64())
        flags = pa.array([rng.choice([True, False, None]) for _ in keys], pa.bool_())
        values = pa.array([rng.choice([0.5, None, float("inf")]) for _ in keys], pa.float64())
        return pa.table({"a": names, "b": numbers, "flag": flags, "value": values})

    def as_dictionary(rows: pa.Table) -> dict:
        texts = [value_text(rows[name]).to_pylist() for name in rows.column_names]
        return {(a, b): others for a, b, *others in zip(*texts, strict=True)}

    for _ in range(30):
        one, other = table(), table()
        before, now = as_dictionary(one), as_dictionary(other)
        assert row_changes(stored(one), stored(other), ["a", "b"]) == RowChanges(
            added=len(now.keys() - before.keys()),
            removed=len(before.keys() - now.keys()),
            changed=sum(before[key] != now[key] for key in now.keys() & before.keys()),
        )
