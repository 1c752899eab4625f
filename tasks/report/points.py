"""Which rows of a table are drawn: the same ones every night, and those at its edges."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from data.calls import Call, Do, done_here
from data.texts import Texts
from regressors.arrays import Array, Indices

MAX_POINTS = 1_000
"""Of the test rows, and of the training rows."""


PART_ROWS = 2**20
"""The rows whose hashes are made by one call: half a second of work."""


def drawn_rows(
    dataset: str,
    keys: Texts,
    edges: Iterable[int],
    most: int = MAX_POINTS,
    do: Do = done_here,
) -> Indices:
    """Return the rows (m,) of n that are drawn, in ascending order; at most so many.

    These are the rows at the `edges`, and then those with the smallest third part of the SHA-256 by
    which rows are split: a row stays when others are added, until too many of them come before it.
    """
    if len(keys) <= most:
        return np.arange(len(keys))
    at_edges = {*edges}
    order = _smallest_hashes(dataset, keys, most, do)
    others = [row for row in order.tolist() if row not in at_edges]
    return np.sort(np.array([*at_edges, *others][:most], dtype=np.int64))


def edges_of(columns: Iterable[Array]) -> list[int]:
    """Return the rows at which a column (n,) is smallest or largest."""
    return [edge for column in columns for edge in _edges(column)]


def _edges(column: Array) -> Iterable[int]:
    present = np.flatnonzero(np.isfinite(column))
    if present.size:
        yield int(present[np.argmin(column[present])])
        yield int(present[np.argmax(column[present])])


Hashed = tuple[Indices, NDArray[np.uint64]]
"""Rows and their hashes, the smallest first; of equal ones the first row."""


def _smallest_hashes(dataset: str, keys: Texts, most: int, do: Do) -> Indices:
    """Return the rows with the smallest hashes, the smallest first."""
    starts = range(0, len(keys), PART_ROWS)
    calls: list[Call] = [
        (_smallest_of_part, (dataset, keys, slice(start, start + PART_ROWS), most))
        for start in starts
    ]
    found: Hashed = _NONE
    for part in do("drawing", calls):
        found = _smallest((found, part), most)
    return found[0]


def _smallest_of_part(dataset: str, keys: Texts, part: slice, most: int) -> Hashed:
    shared = hashlib.sha256(f"{dataset}\0".encode())
    found, start = _NONE, part.start
    for batch in keys[part].batches():
        digests = []
        for key in batch:
            digest = shared.copy()
            digest.update(key.encode())
            digests.append(digest.digest()[16:24])
        hashes = np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)
        found = _smallest((found, (np.arange(start, start + len(batch)), hashes)), most)
        start += len(batch)
    return found


_NONE: Hashed = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)


def _smallest(parts: Sequence[Hashed], most: int) -> Hashed:
    rows, hashes = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(hashes, kind="stable")[:most]
    return rows[order], hashes[order]
