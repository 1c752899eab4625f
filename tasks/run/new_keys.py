"""The keys of rows that are scored: which are missing, and which are there more than once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.sources.column_files import ColumnFiles
from data.sources.columns import kind_of
from data.sources.keys import row_keys
from regressors.blocks import blocks_of
from tasks.run.row_files import RowFiles

PASS_ROWS = 4_000_000
"""About so many keys are compared at once; of more, one share after the other."""

MAX_ROWS = 4
"""So many rows with the same key are looked for."""

Hashes = NDArray[np.uint64]
Stored = Callable[[], NDArray[Any]]
"""Maps an array from the file that it is in."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Knuth 1973): a product with it spreads numbers that are near."""


@dataclass(frozen=True)
class KeyFacts:
    """What is odd about the keys of rows: rows are counted from 0.

    `missing` is the number of rows without a key, the first of which is `first_missing`. `repeated`
    is the number of keys that more rows than one have; `rows` are the first of them with the key
    that repeats first.
    """

    missing: int = 0
    first_missing: int = 0
    repeated: int = 0
    rows: tuple[int, ...] = ()

    @property
    def identify(self) -> bool:
        """Return whether each row has a key that no other has."""
        return not self.missing and not self.repeated


def key_facts(columns: ColumnFiles, key: Sequence[str]) -> KeyFacts:
    """Return what is odd about the keys of typed rows.

    64 bits of each key are compared, eight bytes per row in a file, so that any number of rows
    takes little memory. One key in about 10^19 / n is taken for another of n.
    """
    files = RowFiles()
    file = files.new_file()
    missing, first_missing = 0, 0
    parts = []
    for rows in blocks_of(columns.num_rows):
        table = columns.slice(rows.start, rows.stop - rows.start, key)
        blank = np.logical_or.reduce([np.asarray(column.is_null()) for column in table.columns])
        if blank.any():
            first_missing = first_missing if missing else rows.start + int(np.argmax(blank))
            missing += int(blank.sum())
        present = np.flatnonzero(~blank)
        parts.append((file.add(_hashed(table)[present]), file.add(rows.start + present)))
    repeated, rows_of_first = _repeated(parts)
    return KeyFacts(missing, first_missing, repeated, rows_of_first)


def key_at(columns: ColumnFiles, key: Sequence[str], row: int) -> str | None:
    """Return the text of the key of one row."""
    return row_keys(columns.slice(row, 1, key), key)[0]


def _repeated(parts: Sequence[tuple[Stored, Stored]]) -> tuple[int, tuple[int, ...]]:
    """Return how many hashes repeat, and the first rows of the one that repeats first."""
    total = sum(len(hashes()) for hashes, _ in parts)
    shares = max(1, -(-total // PASS_ROWS))
    repeated, first = 0, np.zeros(0, np.int64)
    for share in range(shares):
        hashes, rows = [], []
        for stored_hashes, stored_rows in parts:
            some, where = stored_hashes(), stored_rows()
            chosen = slice(None) if shares == 1 else some % np.uint64(shares) == share
            hashes.append(some[chosen])
            rows.append(where[chosen])
        if not hashes:
            continue
        of, at = np.concatenate(hashes), np.concatenate(rows)
        alone = np.sort(of)
        again = alone[1:][alone[1:] == alone[:-1]]
        if not len(again):
            continue
        again = np.unique(again)
        repeated += len(again)
        of_repeated = np.flatnonzero(np.isin(of, again))
        named, index = np.unique(of[of_repeated], return_index=True)
        begin = int(np.argmin(at[of_repeated][index]))
        found = np.sort(at[of_repeated][of[of_repeated] == named[begin]])[:MAX_ROWS]
        first = found if not len(first) or found[0] < first[0] else first
    return repeated, tuple(first.tolist())


def _hashed(table: pa.Table) -> Hashes:
    """Return 64 bits of the values of each row (n,), whatever they are where one is missing."""
    hashes = np.zeros(table.num_rows, np.uint64)
    for column in table.columns:
        bits = _bits(column.combine_chunks())
        hashes = _mixed(hashes * np.uint64(31) + bits if table.num_columns > 1 else bits)
    return hashes


def _mixed(bits: Hashes) -> Hashes:
    """Return numbers (n,) as others, each different from all others, whose bits look random.

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    """
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _bits(values: pa.Array) -> Hashes:
    """Return a number for each value (n,): the same for equal ones."""
    if isinstance(values, pa.ChunkedArray):  # of no rows
        return np.zeros(len(values), np.uint64)
    kind = kind_of(values.type)
    if kind == "category":
        return _of_texts(values.fill_null(""))
    if kind == "boolean":
        values = values.cast(pa.int8())
    elif pa.types.is_floating(values.type):
        doubles = np.asarray(values.fill_null(0.0)) + 0.0  # -0.0 is 0
        bits: Hashes = doubles.view(np.uint64)
        return bits
    whole = values.cast(pa.int32()) if pa.types.is_date(values.type) else values
    numbers: Hashes = np.asarray(whole.cast(pa.int64()).fill_null(0)).view(np.uint64)
    return numbers


def _of_texts(texts: pa.Array) -> Hashes:
    """Return a number for each text (n,), from its bytes, eight at a time, and its length.

    Texts of about the same length are hashed together, so that none gives the others its length.
    """
    lengths = np.asarray(pc.binary_length(texts), dtype=np.int64)
    hashes = np.zeros(len(texts), np.uint64)
    left = np.arange(len(texts))
    for rows in _by_length(left, lengths):
        hashes[rows] = _of_alike(texts.take(pa.array(rows)), lengths[rows])
    return hashes


def _by_length(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    words = np.ceil(np.log2(np.maximum(lengths, 1) / 8)).clip(0)
    for size in np.unique(words):
        yield rows[words == size]


def _of_alike(texts: pa.Array, lengths: NDArray[np.int64]) -> Hashes:
    _, ends, content = texts.buffers()
    starts = np.frombuffer(ends, np.int32)[texts.offset :][: len(texts)].astype(np.int64)
    hashes = lengths.astype(np.uint64) * _ODD
    if content is None or not len(texts):
        return hashes
    padded = np.concatenate([np.frombuffer(content, np.uint8), np.zeros(8, np.uint8)])
    every_word = np.lib.stride_tricks.sliding_window_view(padded, 8)
    for at in range(0, int(lengths.max()), 8):
        rows = np.flatnonzero(lengths > at)
        word = np.ascontiguousarray(every_word[starts[rows] + at]).view("<u8")[:, 0]
        unused = np.clip(8 * (at + 8 - lengths[rows]), 0, 56).astype(np.uint64)
        word &= np.uint64(2**64 - 1) >> unused
        hashes[rows] = _mixed((hashes[rows] ^ word) * _ODD)
    return hashes
