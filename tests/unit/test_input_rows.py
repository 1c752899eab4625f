"""What the layers see of many rows: in memory or in a file, with the same digits."""

import os

import numpy as np
import pytest

from regressors.network.input_rows import FileRows, input_rows

ROWS = 20_000


def encode(columns):
    return np.column_stack([columns["x"], np.sqrt(np.abs(columns["x"]))])


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    return {"x": rng.normal(size=ROWS)}, rng.normal(size=(ROWS, 1))


def test_blocks_have_the_digits_of_all_rows_at_once_in_memory_and_in_a_file(table):
    columns, more = table
    whole = np.hstack([encode(columns), more]).astype(np.float32)
    in_memory, in_file = input_rows(encode, columns, more), input_rows(encode, columns, more, 0)
    assert isinstance(in_memory, np.ndarray)
    assert isinstance(in_file, FileRows)
    order = np.random.default_rng(2).permutation(ROWS)
    for rows in (in_memory, in_file):
        assert (len(rows), rows.shape) == (ROWS, (ROWS, 3))
        assert np.array_equal(rows[order], whole[order])
        assert np.array_equal(rows[5:9], whole[5:9])
        assert rows[order].dtype == np.float32


def test_rows_that_are_taken_from_a_file_are_copies_which_may_be_changed(table):
    columns, more = table
    rows = input_rows(encode, columns, more, 0)
    for chosen in (slice(0, 3), np.array([0, 1, 2])):
        taken = rows[chosen]
        before = taken.copy()
        taken[:] = 7
        assert np.array_equal(rows[chosen], before)


def test_file_has_no_name_that_could_be_left_behind(table, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    columns, more = table
    rows = input_rows(encode, columns, more, 0)
    assert os.listdir(tmp_path) == []
    assert rows[0:1].shape == (1, 3)


def test_no_rows_have_the_inputs_of_all(table):
    columns, more = table
    none = input_rows(encode, {"x": columns["x"][:0]}, more[:0])
    assert none.shape == (0, 3)
