"""Rows that are equal in some columns, and how many values a column has."""

import numpy as np
import pyarrow as pa
import pytest

import data.checks.alike as module
from data.checks.alike import alike, codes, distinct_values

RNG = np.random.default_rng(16)
N = 600
TEXTS = ["", "a", "ä", "a\x00", "seven b", "eight by", "nine byte", "x" * 40, "x" * 39 + "y"]


def some(values, *, gaps: bool) -> pa.ChunkedArray:
    column = pa.array(values, mask=RNG.random(len(values)) < 0.2 if gaps else None)
    return pa.chunked_array([column.slice(0, 100), column.slice(100, 0), column.slice(100)])


def rows(*, gaps: bool) -> pa.Table:
    times = np.datetime64("2024-01-01T06:00", "us") + RNG.integers(0, 4, N)
    columns = {
        "text": [TEXTS[i] for i in RNG.integers(0, len(TEXTS), N)],
        "whole": RNG.integers(-2, 3, N),
        "double": RNG.choice([-0.5, 1e-300, 2.0**53, 7.0], N),
        "flag": RNG.random(N) < 0.5,
        "day": times.astype("M8[D]"),
        "time": times,
    }
    return pa.table({name: some(values, gaps=gaps) for name, values in columns.items()})


def groups(found: np.ndarray, group: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(found[group == number].tolist()) for number in range(group.max() + 1)}


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("sliced", [False, True])
def test_rows_are_alike_that_python_finds_equal(gaps, sliced, monkeypatch):
    if sliced:
        monkeypatch.setattr(module, "SLICE_ROWS", 7)
        monkeypatch.setattr(module, "SMALL_BUCKETS", 2)
        monkeypatch.setattr(module, "MAX_HASHED_BYTES", 8)
    table = rows(gaps=gaps)
    asked = np.flatnonzero(RNG.random(N) < 0.7)
    for names in (["text"], ["whole", "double"], ["text", "flag", "time"], table.column_names):
        contents: dict[tuple, set[int]] = {}
        lines = table.select(names).to_pylist()
        for row in asked.tolist():
            contents.setdefault(tuple(lines[row].values()), set()).add(row)
        found, group = alike(table, names, asked)
        assert (np.diff(found) > 0).all()
        expected = {frozenset(same) for same in contents.values() if len(same) > 1}
        assert groups(found, group) == expected


def colliding() -> tuple[str, str]:
    """Return two texts of 16 bytes whose hashes are equal: what the first halves add is undone."""
    for _ in range(100_000):
        one, other = ("".join(map(chr, RNG.integers(97, 123, 8))) for _ in range(2))
        after = codes(pa.chunked_array([pa.array([one + "\x00" * 8, other + "\x00" * 8])]))
        # The last step of the hash can be turned back: of both, to what it was before the end.
        before = [unmixed(int(number)) for number in after]
        second = (before[0] ^ before[1]).to_bytes(8, "little")
        if max(second) < 128:
            return one + "\x00" * 8, other + second.decode()
    raise AssertionError("no two texts were found")


def unmixed(number: int) -> int:
    number ^= (number >> 29) ^ (number >> 58)
    return number * pow(0x9E3779B97F4A7C15, -1, 2**64) % 2**64


def test_texts_that_differ_are_told_apart_although_their_hashes_are_equal():
    one, other = colliding()
    texts = pa.chunked_array([pa.array([one, other, "z", one, None, other, other, None])])
    assert one != other
    assert len(set(codes(texts)[:2].tolist())) == 1
    found, group = alike(pa.table({"t": texts}), ["t"], np.arange(8))
    assert groups(found, group) == {frozenset({0, 3}), frozenset({1, 5, 6}), frozenset({4, 7})}
    assert not len(alike(pa.table({"t": texts}), ["t"], np.arange(3))[0])


def test_zeros_of_both_signs_are_equal_and_zero_is_not_missing():
    table = pa.table({"x": [0.0, -0.0, None], "n": pa.array([0, 0, None])})
    for names in (["x"], ["n"], ["x", "n"]):
        assert alike(table, names, np.arange(3))[0].tolist() == [0, 1]


@pytest.mark.parametrize("most", [module.MAX_COUNTED_LEVELS, 2])
def test_different_values_are_counted_with_and_without_a_table_of_texts(most, monkeypatch):
    monkeypatch.setattr(module, "MAX_COUNTED_LEVELS", most)
    for column in rows(gaps=True).columns:
        filled = column.drop_null()
        assert distinct_values(filled) == len(set(filled.to_pylist()))
        assert distinct_values(filled.slice(0, 0)) == 0
