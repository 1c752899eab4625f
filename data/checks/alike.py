"""Rows that are equal in some columns: found by a hash of 64 bits per row, and then compared.

No table of all values is made: a hash table of ten million texts takes more than two gigabytes.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.table import Table
from data.sources.columns import kind_of

SLICE_ROWS = 2**18
"""Texts are hashed, and values compared, in so many rows at a time."""
MAX_COUNTED_LEVELS = 2**17
"""Of more different texts, no table is made."""
MAX_HASHED_BYTES = 4_096
"""A longer text is hashed by itself."""
SMALL_BUCKETS, LARGE_BUCKETS, SMALL_ROWS = 22, 24, 4_000_000
"""Powers of two: the buckets for up to so many rows, and for more."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MISSING = np.uint64(0x94D049BB133111EB)


def alike(table: Table, names: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which of `rows` (from 0) equal another one in these columns, and a number per content.

    Both are (m,), the rows in their order and the numbers from 0 without gaps. A missing value
    equals another one, and -0.0 equals 0.0. After each column, rows whose hash is alone in its
    bucket are dropped: mostly few are left after the first. The others are compared.
    """
    hashes = np.zeros(len(rows), dtype=np.uint64)
    bits = SMALL_BUCKETS if len(rows) <= SMALL_ROWS else LARGE_BUCKETS
    for name in names:
        if not len(rows):
            break
        hashes = _mixed(hashes ^ codes(_taken(table.column(name), rows)))
        bucket = (hashes >> np.uint64(64 - bits)).astype(np.int64)
        shared = np.bincount(bucket)[bucket] > 1
        rows, hashes = rows[shared], hashes[shared]
    rows, group = _grouped(rows, hashes)
    for name in names:
        if not len(rows):
            break
        rows, group = _compared(table.column(name), rows, group)
    return rows, group


def codes(column: pa.ChunkedArray) -> np.ndarray:
    """Return 64 bits (n,) for each value, equal where values are; missing is a value, too.

    Different texts may have equal ones, and so may a missing value and another one.
    """
    if pa.types.is_floating(column.type):
        doubles: np.ndarray = np.add(column.to_numpy(), 0.0, dtype=np.float64)  # not -0.0
        return doubles.view(np.uint64)
    if kind_of(column.type) == "category":
        parts = [_text_codes(part) for part in _slices(column)]
        return np.concatenate([np.array([], dtype=np.uint64), *parts])
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    numbers = column.cast(pa.int64())
    if not numbers.null_count:
        return np.asarray(numbers.to_numpy()).astype(np.int64).view(np.uint64)
    filled = numbers.fill_null(0).to_numpy().view(np.uint64)
    return np.where(np.asarray(numbers.is_null()), _MISSING, filled)


def differ(column: pa.ChunkedArray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mark the rows (m,) whose value is not the one that another row (m,) has."""
    marked = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        one, other = (column.take(pa.array(some[part])) for some in (rows, others))
        if kind_of(column.type) == "category":
            equal = pc.equal(one, other).fill_null(False)
            both_missing = pc.and_(one.is_null(), other.is_null())
            marked[part] = ~np.asarray(pc.or_(equal, both_missing), dtype=bool)
        else:
            gaps = np.asarray(one.is_null()) != np.asarray(other.is_null())
            marked[part] = gaps | (codes(one) != codes(other))
    return marked


def first_rows(rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the first of the rows (n,) of each group (m,)."""
    first = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.int64)
    first[group[::-1]] = rows[::-1]  # of several values for one place, the last one stays
    return first


def distinct_values(column: pa.ChunkedArray) -> int:
    """Return how many different values a column without gaps has; -0.0 is 0.0."""
    if kind_of(column.type) == "number":  # sorting them is several times as fast as hashing
        return _runs(np.sort(column.to_numpy()))
    if kind_of(column.type) != "category":
        return _runs(np.sort(codes(column)))
    levels = pa.array([], column.type)
    for part in _slices(column):
        levels = pc.unique(pa.concat_arrays([levels, pc.unique(part)]))
        if len(levels) > MAX_COUNTED_LEVELS:
            rows, group = alike(pa.table({"": column}), [""], np.arange(len(column)))
            return len(column) - len(rows) + int(group.max(initial=-1)) + 1
    return len(levels)


def _runs(ordered: np.ndarray) -> int:
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def _taken(column: pa.ChunkedArray, rows: np.ndarray) -> pa.ChunkedArray:
    """Return the values of different rows."""
    return column if len(rows) == len(column) else column.take(pa.array(rows))


def _slices(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield the values in arrays of some rows."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), SLICE_ROWS):
            yield chunk.slice(start, SLICE_ROWS)


def _text_codes(texts: pa.Array) -> np.ndarray:
    """Return a hash (n,) of each text, from its length and its bytes, eight at a time."""
    wide = texts.cast(pa.large_string())
    _, offsets, content = wide.buffers()
    ends = np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1]
    content = np.frombuffer(content or b"", np.uint8)[ends[0] : ends[-1]]
    content = np.append(content, np.zeros(8, dtype=np.uint8))
    start, length = ends[:-1] - ends[0], np.diff(ends)
    words = np.lib.stride_tricks.as_strided(
        content[:8].view(np.uint64), shape=(len(content) - 7,), strides=(1,)
    )
    hashes = length.astype(np.uint64)
    long = length > MAX_HASHED_BYTES
    for row in np.flatnonzero(long).tolist():
        text = content[start[row] : start[row] + length[row]].tobytes()
        hashes[row] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
    length = np.where(long, 0, length)
    live = np.arange(len(length))
    for done in range(0, int(length.max(initial=0)), 8):
        live = live[length[live] > done]
        unused = np.maximum(done + 8 - length[live], 0).astype(np.uint64) * np.uint64(8)
        word = words[start[live] + done] << unused
        mixed = (hashes[live] ^ word) * _MULTIPLIER
        hashes[live] = mixed ^ (mixed >> np.uint64(29))
    return np.where(np.asarray(texts.is_null()), _MISSING, hashes) if texts.null_count else hashes


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Return hashes (n,) in which each bit depends on all bits (SplitMix64, Steele et al. 2014)."""
    hashes = hashes + _MULTIPLIER
    for shift, multiplier in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes ^= hashes >> np.uint64(shift)
        hashes *= np.uint64(multiplier)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def _grouped(rows: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that share their number (n,) with another one, and new numbers from 0."""
    ordered = np.sort(numbers)
    if not (ordered[1:] == ordered[:-1]).any():
        return rows[:0], np.array([], dtype=np.int64)
    del ordered
    order = np.argsort(numbers)
    begins = np.append(True, np.diff(numbers[order]) != 0)
    shared = ~(begins & np.append(begins[1:], True))
    group = np.full(len(rows), -1, dtype=np.int64)
    group[order[shared]] = np.cumsum(begins[shared]) - 1
    return rows[group >= 0], group[group >= 0]


def _compared(
    column: pa.ChunkedArray, rows: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups of rows without those that differ in a column; texts may share a hash."""
    unequal = differ(column, rows, first_rows(rows, group)[group])
    if not unequal.any():
        return rows, group
    doubtful = np.isin(group, group[unequal])
    values = column.take(pa.array(rows[doubtful])).combine_chunks()
    exact = values.dictionary_encode(null_encoding="encode").indices.to_numpy().astype(np.int64)
    numbers = group.copy()
    pairs = group[doubtful] * (int(exact.max()) + 1) + exact
    numbers[doubtful] = int(group.max()) + 1 + np.unique(pairs, return_inverse=True)[1]
    return _grouped(rows, numbers)
