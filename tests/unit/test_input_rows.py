"""What the layers see of many rows, as codes and numbers: the digits are those of a matrix."""

import os

import numpy as np
import pytest
from helpers.resident import only_linux, resident

from regressors.encoding.lookups import in_pieces, put_together
from regressors.encoding.matrices import Encoding
from regressors.network.input_rows import LookedUp, input_rows

ROWS = 9_000
"""More than are encoded at once."""


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    x = rng.normal(size=ROWS)
    x[rng.random(ROWS) < 0.1] = np.nan
    return {
        "x": x,
        "whole": rng.integers(0, 9, ROWS).astype(float),
        "c": np.array(["a", "b", "c", None], dtype=object)[rng.integers(0, 4, ROWS)],
        "two": np.array(["yes", "no"], dtype=object)[rng.integers(0, 2, ROWS)],
        "school": np.array([f"school {i}" for i in rng.integers(0, 2000, ROWS)], dtype=object),
    }


@pytest.fixture(scope="module")
def encoding(table):
    return Encoding.fit(table)


def kept(encoding, columns, more, **options):
    return input_rows(
        lambda c: encoding.network_blocks(encoding.parts(c)), columns, more, **options
    )


def test_rows_have_the_digits_of_the_matrix_in_memory_and_in_a_file(table, encoding):
    more = np.random.default_rng(3).normal(size=(ROWS, 2))
    whole = np.hstack([encoding.network(table), more]).astype(np.float32)
    order = np.random.default_rng(2).permutation(ROWS)
    for in_memory in (2**28, 0):
        rows = kept(encoding, table, more, in_memory=in_memory)
        assert (len(rows), rows.shape) == (ROWS, whole.shape)
        assert np.array_equal(rows[order], whole[order])
        assert np.array_equal(rows[5:9], whole[5:9])
        assert rows[order].dtype == np.float32


def test_rows_take_a_small_part_of_what_a_matrix_takes(table, encoding):
    rows = kept(encoding, table, np.empty((ROWS, 0)))
    assert 10 * (rows.codes.nbytes + rows.numbers.nbytes) < 4 * ROWS * rows.shape[1]


@only_linux
def test_many_rows_are_in_files_without_a_name_whose_pages_are_let_go_of(
    table, encoding, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = kept(encoding, table, np.empty((ROWS, 0)), in_memory=0)
    assert os.listdir(tmp_path) == []
    for array in (rows.codes, rows.numbers):
        address = array.ctypes.data
        assert resident(address) == 0
        assert array.max() > 0
        assert 1024 * resident(address) >= array.nbytes
        rows[np.arange(10)]
        assert resident(address) == 0


def test_rows_that_are_taken_are_copies_which_may_be_changed(table, encoding):
    rows = kept(encoding, table, np.empty((ROWS, 0)))
    for chosen in (slice(0, 3), np.array([0, 1, 2])):
        taken = rows[chosen]
        before = taken.copy()
        taken[:] = 7
        assert np.array_equal(rows[chosen], before)


def test_no_rows_have_the_columns_of_all(table, encoding):
    none = kept(encoding, {name: values[:0] for name, values in table.items()}, np.empty((0, 0)))
    assert isinstance(none, LookedUp)
    assert none.shape == (0, encoding.network(table).shape[1])
    assert none[:].shape == none.shape


def test_pieces_are_those_of_the_formula_at_below_and_above_every_edge():
    edges = np.array([-1.0, 0.0, 1e-310, 0.1, 0.3, 7.0])
    near = [np.nextafter(edges, -np.inf), edges, np.nextafter(edges, np.inf)]
    values = np.concatenate([*near, np.random.default_rng(4).uniform(-2, 9, 200), [-1e308, 1e308]])
    with np.errstate(over="ignore"):
        formula = np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1) - 0.5
        found = put_together([in_pieces(values, edges)], len(values))
    assert np.array_equal(found, formula)
