"""Which keys of rows to score are missing or repeat, whatever their types are."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from data.sources.column_files import ColumnFiles
from tasks.run import new_keys
from tasks.run.new_keys import KeyFacts, key_facts

DAY = dt.date(2026, 1, 31)
COLUMNS = {
    "whole numbers": ([1, 2, 3], pa.int64()),
    "doubles": ([0.5, -0.0, 2.5], pa.float64()),
    "texts": (["", "b", "bb"], pa.string()),
    "long texts": (["x" * 1000 + "a", "x" * 1000 + "b", "é"], pa.string()),
    "dates": ([DAY, DAY + dt.timedelta(1), DAY + dt.timedelta(2)], pa.date32()),
    "times": ([dt.datetime(2026, 1, 1, hour) for hour in range(3)], pa.timestamp("us")),
}


def files_of(tmp_path, **columns):
    files = ColumnFiles(tmp_path)
    for name, values in columns.items():
        files.add(name, pa.chunked_array([values]))
    return files


def facts(tmp_path, **columns):
    return key_facts(files_of(tmp_path, **columns), [*columns])


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_keys_that_differ_identify_and_equal_ones_are_found(tmp_path, values):
    (one, two, three), dtype = values
    assert facts(tmp_path, id=pa.array([one, two, three], dtype)) == KeyFacts()
    repeated = facts(tmp_path, id=pa.array([three, one, two, one, two, one], dtype))
    assert repeated == KeyFacts(repeated=2, rows=(1, 3, 5))
    assert not repeated.identify


def test_zero_is_one_key_whatever_its_sign(tmp_path):
    assert facts(tmp_path, id=pa.array([0.0, -0.0])).repeated == 1


def test_a_key_of_two_columns_repeats_where_both_do(tmp_path):
    store, day = pa.array(["a", "a", "b", "a"]), pa.array([1, 2, 1, 1])
    assert facts(tmp_path, store=store, day=day) == KeyFacts(repeated=1, rows=(0, 3))
    swapped = facts(tmp_path, store=pa.array(["a", "b"]), day=pa.array(["b", "a"]))
    assert swapped == KeyFacts()


def test_rows_without_a_part_of_their_key_are_counted_and_are_no_repetition(tmp_path):
    store, day = pa.array(["a", None, None, "a"]), pa.array([1, 1, 1, None])
    assert facts(tmp_path, store=store, day=day) == KeyFacts(missing=3, first_missing=1)


def test_texts_are_told_apart_by_every_byte(tmp_path):
    texts = ["a" * n for n in range(40)] + ["a" * n + "b" + "a" * (38 - n) for n in range(39)]
    assert facts(tmp_path, id=pa.array(texts)) == KeyFacts()
    assert facts(tmp_path, id=pa.array([*texts, texts[50]])) == KeyFacts(
        repeated=1, rows=(50, len(texts))
    )


def test_many_keys_are_compared_a_share_at_a_time(tmp_path, monkeypatch):
    keys = np.random.default_rng(1).integers(0, 100_000, 300_000)
    whole = facts(tmp_path, id=pa.array(keys))
    monkeypatch.setattr(new_keys, "PASS_ROWS", 70_000)
    assert facts(tmp_path, id=pa.array(keys)) == whole
    numbers, counts = np.unique(keys, return_counts=True)
    assert whole.repeated == int((counts > 1).sum())
    again = np.isin(keys, numbers[counts > 1])
    same = np.flatnonzero(keys == keys[np.argmax(again)])[:4]
    assert whole.rows == tuple(same.tolist())


def test_no_rows_have_nothing_odd(tmp_path):
    assert facts(tmp_path, id=pa.array([], pa.string())) == KeyFacts()
