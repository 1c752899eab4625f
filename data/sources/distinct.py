"""The different texts of a column: each is looked at once, however many rows have it."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import shortened

EMPTY = pa.array([], pa.large_string())
MAX_SHOWN = 50
"""A longer text is cut in a message."""


class Distinct:
    """The m different texts of a column of n rows; masks (m,) choose among them.

    `normal` has the texts without blanks around them and with an ASCII minus before digits.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        # One array, since unifying the dictionaries of many takes the square of their number; with
        # wide offsets, since it may have more than 2 GB.
        whole = pa.concat_arrays(
            [chunk.cast(pa.large_string()) for chunk in column.chunks] or [EMPTY]
        )
        encoded = whole.dictionary_encode()
        self.texts = encoded.dictionary.cast(pa.string())
        self._index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self.n = len(self._index)
        self.counts = np.bincount(self._index[self._index >= 0], minlength=len(self.texts))

    @cached_property
    def normal(self) -> pa.Array:
        """Return the texts (m,) as they are read."""
        trimmed = pc.utf8_trim_whitespace(self.texts)
        return pc.replace_substring_regex(trimmed, "^\u2212([0-9.])", r"-\1")

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
        return int(self.counts[chosen].sum())

    def where(self, chosen: np.ndarray) -> np.ndarray:
        """Return the rows (from 0) that have one of the chosen texts."""
        return np.flatnonzero(np.append(chosen, False)[self._index])

    def counted(self, chosen: np.ndarray) -> dict[str, int]:
        """Return the chosen texts with the number of their rows."""
        texts = self.texts.filter(pa.array(chosen)).to_pylist()
        return dict(zip(texts, self.counts[chosen].tolist(), strict=True))

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
        position = np.full(len(self.texts) + 1, -1)
        position[:-1][chosen] = np.arange(len(values))
        numbers = position[self._index]
        return pa.chunked_array([values.take(pa.array(numbers, mask=numbers < 0))])
