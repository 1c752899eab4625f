"""Many texts in little memory: an Arrow array that is used as a sequence of Python's strings."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BATCH_ROWS = 50_000
"""Texts that are Python's own strings at any one time."""

WORD_BYTES = 8
"""Bytes of a text that are compared at once when texts are sorted."""


_NOTHING = np.zeros(0, np.uint8)


class Texts(Sequence[Any]):
    """Texts (n,), None where one is missing.

    An index gives one text; a slice, a mask or an array of indices gives others of them. `buffers`
    are the bytes of `values`, for texts that are in files: pickled, only their place is named.
    """

    def __init__(
        self, values: pa.LargeStringArray, buffers: Sequence[NDArray[np.uint8] | None] | None = None
    ) -> None:
        self.values, self.buffers = values, buffers

    @classmethod
    def of_buffers(cls, rows: int, buffers: Sequence[NDArray[np.uint8] | None]) -> "Texts":
        """Return so many texts, given the bytes that an Arrow array of them consists of."""
        of = [None if each is None else pa.py_buffer(each) for each in buffers]
        return cls(pa.Array.from_buffers(pa.large_string(), rows, of), buffers)

    def __reduce__(self) -> tuple[Any, ...]:
        return Texts.of_buffers, (len(self), self.buffers or self.bytes_of_all())

    def bytes_of_all(self) -> list[NDArray[np.uint8] | None]:
        """Return the bytes that an Arrow array of these texts alone consists of."""
        values = pa.concat_arrays([self.values]) if self.values.offset else self.values
        return [
            None if each is None else np.frombuffer(each, np.uint8) if each.size else _NOTHING
            for each in values.buffers()
        ]

    @classmethod
    def of(cls, texts: Iterable[str | None] | pa.Array | pa.ChunkedArray) -> "Texts":
        """Return texts from wherever they are, without a copy if they are `Texts` already."""
        if isinstance(texts, Texts):
            return texts
        if not isinstance(texts, pa.Array | pa.ChunkedArray):
            texts = pa.array(texts, pa.large_string())
        values = texts.cast(pa.large_string())
        return cls(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> str: ...
    @overload
    def __getitem__(self, rows: slice | NDArray[Any]) -> "Texts": ...
    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, np.ndarray):
            if rows.dtype == bool:
                return Texts(self.values.filter(pa.array(rows)))
            return Texts(self.values.take(pa.array(rows)))
        if isinstance(rows, slice):
            return Texts(self.values[rows])
        return self.values[int(rows)].as_py()

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(part.tolist() for part in self.batches())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Texts):
            return bool(self.values.equals(other.values))
        return isinstance(other, Sequence) and self.tolist() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Texts({self.tolist()!r})" if len(self) <= 20 else f"<{len(self):,} texts>"

    def batches(self, rows: int = BATCH_ROWS) -> Iterator["Texts"]:
        """Yield the texts in parts of so many."""
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    def tolist(self) -> list[Any]:
        """Return the texts as Python's own strings."""
        texts: list[Any] = self.values.to_pylist()
        return texts

    def is_sorted(self) -> bool:
        """Return whether no text is smaller than the one before it; none may be missing."""
        ascending = pc.all(pc.less_equal(self.values[:-1], self.values[1:])).as_py()
        return ascending is not False  # None of no pairs

    def order(self) -> NDArray[np.int64]:
        """Return the indices (n,) that sort the texts as Python does; equal ones keep their order.

        None may be missing. The order of texts by their characters is that of their bytes in UTF-8.
        Most differ in their first bytes, which are compared as one number.
        """
        if self.is_sorted():
            return np.arange(len(self))
        words = self._first_words()
        order = np.argsort(words, kind="stable")
        words = words[order]
        same = words[1:] == words[:-1]
        tied = np.zeros(len(self), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        if tied.any():
            rows = order[tied]
            by_text = pc.array_sort_indices(self.values.take(pa.array(rows)))
            order[tied] = rows[np.asarray(by_text, dtype=np.int64)]
        return order

    def _first_words(self) -> NDArray[np.uint64]:
        """Return the first bytes of each text (n,) as a number; a short text ends with zeros."""
        _, ends, content = self.values.buffers()
        offsets = np.frombuffer(ends, np.int64)[self.values.offset :][: len(self) + 1]
        bytes_of = np.frombuffer(content, np.uint8)
        words = np.zeros(len(self), dtype=np.uint64)
        for start in range(0, len(self), BATCH_ROWS):
            first, end = offsets[start : start + BATCH_ROWS + 1][:-1], offsets[start + 1 :]
            end = end[: len(first)]
            word = words[start : start + BATCH_ROWS]
            for position in range(WORD_BYTES):
                at = first + position
                has = at < end
                word <<= np.uint64(8)
                word[has] |= bytes_of[at[has]]
        return words

    def numbered(self) -> tuple[NDArray[np.int64], "Texts"]:
        """Return a number for each text (n,), -1 where it is missing, and the texts they stand for.

        The numbers are in the order of the texts, which are different from each other.
        """
        coded = self.values.dictionary_encode()
        different = Texts.of(coded.dictionary)
        order = different.order()
        rank = np.full(len(order) + 1, -1)
        rank[order] = np.arange(len(order))
        codes = np.asarray(coded.indices.fill_null(len(order)), dtype=np.int64)
        return rank[codes], different[order]

    def positions_in(self, others: "Texts") -> NDArray[np.int64]:
        """Return where each text (n,) is among others; -1: nowhere.

        Neither may have a text twice, or one that is missing. Both are read side by side in the
        order of the texts, a part at a time.
        """
        if self == others:
            return np.arange(len(self))
        own, theirs = self.order(), others.order()
        found = np.full(len(self), -1)
        end = 0
        for start in range(0, len(own), BATCH_ROWS):
            rows = own[start : start + BATCH_ROWS].tolist()
            row_of = dict(zip(self[np.array(rows)].tolist(), rows, strict=True))
            begin, end = end, others.first_above(self[rows[-1]], theirs, end)
            for at in range(begin, end, BATCH_ROWS):
                part = theirs[at : min(at + BATCH_ROWS, end)]
                for text, row in zip(others[part].tolist(), part.tolist(), strict=True):
                    if text in row_of:
                        found[row_of[text]] = row
        return found

    def first_repeated(self) -> tuple[NDArray[np.int64], int]:
        """Return where the first text is that is there twice, and how many such texts there are.

        None may be missing.
        """
        order = self.order()
        again = np.zeros(len(order) + 1, dtype=bool)  # is it the text before it in that order?
        for start in range(1, len(order), BATCH_ROWS):
            part = self[order[start - 1 : start + BATCH_ROWS]].values
            again[start : start + len(part) - 1] = np.asarray(pc.equal(part[1:], part[:-1]))
        begins = np.flatnonzero(again[1:] & ~again[:-1])
        if not len(begins):
            return begins, 0
        begin = int(begins[np.argmin(order[begins])])
        return order[begin : begin + 1 + int(np.argmin(again[begin + 1 :]))], len(begins)

    def first_above(self, text: str, order: NDArray[np.int64] | range, low: int = 0) -> int:
        """Return the first place from `low` on, in the order of the texts, of one larger than it.

        `order` is that of `order()`, or a range if the texts are sorted.
        """
        high = len(order)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self[order[middle]] <= text else (low, middle)
        return low

    def is_in(self, others: "Texts") -> NDArray[np.bool_]:
        """Return which of these texts (n,) are among others, as `positions_in` finds them.

        It is several times as quick, since it makes no text one of Python's.
        """
        own, theirs = self.order(), others.order()
        found = np.zeros(len(self), dtype=bool)
        end = 0
        for start in range(0, len(own), BATCH_ROWS):
            rows = own[start : start + BATCH_ROWS]
            texts = self[rows].values
            begin, end = end, others.first_above(self[rows[-1]], theirs, end)
            for at in range(begin, end, BATCH_ROWS):
                part = others[theirs[at : min(at + BATCH_ROWS, end)]].values
                found[rows] |= np.asarray(pc.is_in(texts, value_set=part))
        return found
