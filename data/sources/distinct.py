"""The different texts of a column: each is looked at once, however many rows have it."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import shortened

EMPTY = pa.array([], pa.string())
MAX_SHOWN = 50
"""A longer text is cut in a message."""

MANY, SAMPLE = 1_000_000, 100_000
"""If of so many rows most of the first ones have a text of their own, to tell all texts apart takes
more memory and saves no time."""

MAX_BYTES = 2**31 - 1
"""Of texts in an array with narrow offsets."""


class Distinct:
    """The m different texts of a column of n rows; masks (m,) choose among them.

    Where nearly every row has a text of its own, a text that several rows have may be there for
    each of them. `normal` has the texts without blanks around them and with an ASCII minus before
    digits.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.n = len(column)
        self._is_once = not _are_mostly_different(column)
        if self._is_once:
            encoded = _in_one_piece(column).dictionary_encode()
            self.texts = pa.chunked_array([encoded.dictionary.cast(pa.string())])
            self._index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            self._counts = np.bincount(self._index[self._index >= 0], minlength=len(self.texts))
        else:
            self.texts = column.drop_null() if column.null_count else column
            valid = np.asarray(column.is_valid(), dtype=bool)
            self._index = np.where(valid, np.cumsum(valid, dtype=np.int32) - 1, np.int32(-1))
            self._counts = np.broadcast_to(np.int64(1), len(self.texts))

    @cached_property
    def normal(self) -> pa.ChunkedArray:
        """Return the texts (m,) as they are read."""
        return pa.chunked_array(map(_normal, self.texts.chunks), pa.string())

    @cached_property
    def blank(self) -> np.ndarray:
        """Mark the texts that are empty or hold nothing but blanks."""
        return np.asarray(pc.equal(self.normal, ""), dtype=bool)

    def among(self, words: Sequence[str]) -> np.ndarray:
        """Mark the texts that are one of these words, blanks around them apart."""
        words = [word.strip() for word in words]
        return np.asarray(pc.is_in(self.normal, value_set=pa.array(words, pa.string())), dtype=bool)

    def rows(self, chosen: np.ndarray) -> int:
        """Return how many rows have one of the chosen texts."""
        return int(self._counts[chosen].sum())

    def counts(self, chosen: np.ndarray) -> np.ndarray:
        """Return how many rows each of the chosen texts stands for."""
        counts: np.ndarray = self._counts[chosen]
        return counts

    def first(self, chosen: np.ndarray, most: int | None = None) -> np.ndarray:
        """Return the numbers of the chosen texts, each once: at most so many, the first ones."""
        numbers = np.flatnonzero(chosen)
        if self._is_once:
            return numbers[:most]
        looked_at = 2 * (len(numbers) if most is None else most)
        while True:
            texts = self.texts.take(pa.array(numbers[:looked_at])).combine_chunks()
            codes = texts.dictionary_encode().indices.to_numpy()
            once = np.sort(np.unique(codes, return_index=True)[1])
            if most is None or len(once) >= most or looked_at >= len(numbers):
                return numbers[once[:most]]
            looked_at *= 4

    def sizes(self, numbers: np.ndarray) -> np.ndarray:
        """Return how many rows have each of some texts, which `first` has named."""
        if self._is_once or not len(numbers):
            return np.asarray(self._counts[numbers])
        texts = self.texts.take(pa.array(numbers)).combine_chunks()
        found = pc.index_in(self.texts, value_set=texts).drop_null().to_numpy()
        return np.asarray(np.bincount(found, minlength=len(numbers)))

    def where(self, chosen: np.ndarray) -> np.ndarray:
        """Return the rows (from 0) that have one of the chosen texts."""
        return np.flatnonzero(np.append(chosen, False)[self._index])

    def counted(self, chosen: np.ndarray, most: int) -> dict[str, int]:
        """Return chosen texts, at most so many, with the number of their rows."""
        numbers = self.first(chosen, most)
        texts = self.texts.take(pa.array(numbers)).to_pylist()
        return dict(zip(texts, self.sizes(numbers).tolist(), strict=True))

    def read(self, chosen: np.ndarray) -> pa.Array:
        """Return the chosen texts as they are read."""
        return self.normal.filter(pa.array(chosen)).combine_chunks()

    def text(self, number: int) -> str:
        """Return one of the texts."""
        return str(self.texts[number].as_py())

    def at(self, row: int) -> str:
        """Return the text of a row (from 0), cut if it is long."""
        return shortened(self.text(int(self._index[row])), MAX_SHOWN)

    def shown(self, number: int) -> str:
        """Return a text in quotes, with the first row that has it: "'12,5' in row 57"."""
        row = int(np.argmax(self._index == number)) + 1
        return f"{shortened(self.text(number), MAX_SHOWN)!r} in row {row:,}"

    def without(self, column: pa.ChunkedArray, missing: np.ndarray) -> pa.ChunkedArray:
        """Return the column that this was made of, null where its text is one of the `missing`."""
        if not missing.any():
            return column
        keep = np.append(~missing, False)[self._index]
        return pc.if_else(pa.array(keep), column, pa.scalar(None, pa.string()))

    def spread(self, values: pa.Array, chosen: np.ndarray) -> pa.ChunkedArray:
        """Return a column that has the values of the chosen texts in their rows, null elsewhere."""
        position = np.full(len(self.texts) + 1, -1, np.int32)
        position[:-1][chosen] = np.arange(len(values), dtype=np.int32)
        numbers = position[self._index]
        return pa.chunked_array([values.take(pa.array(numbers, mask=numbers < 0))])


def _are_mostly_different(column: pa.ChunkedArray) -> bool:
    return len(column) >= MANY and len(pc.unique(column[:SAMPLE])) > SAMPLE / 2


def _in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, since unifying the dictionaries of many takes the square of
    their number; with wide offsets if it is large.
    """
    size = sum(pc.sum(pc.binary_length(chunk)).as_py() or 0 for chunk in column.chunks)
    chunks = column.chunks or [EMPTY]
    if size > MAX_BYTES:
        chunks = [chunk.cast(pa.large_string()) for chunk in chunks]
    return pa.concat_arrays(chunks)


def _normal(texts: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(texts)
    normal = pc.replace_substring_regex(trimmed, "^\u2212([0-9.])", r"-\1")
    return texts if normal.equals(texts) else normal
