"""Which rows of a table are drawn: the same ones every night, and those at its edges."""

import hashlib
from collections.abc import Iterable

import numpy as np

from data.texts import Texts
from regressors.arrays import Array, Indices

MAX_POINTS = 1_000
"""Of the test rows, and of the training rows."""


def drawn_rows(
    dataset: str, keys: Texts, columns: Iterable[Array], most: int = MAX_POINTS
) -> Indices:
    """Return the rows (m,) of n that are drawn, in ascending order; at most so many.

    These are the rows at which a column (n,) is smallest or largest, and then those with the
    smallest third part of the SHA-256 by which rows are split: a row stays when others are added,
    until too many of them come before it.
    """
    if len(keys) <= most:
        return np.arange(len(keys))
    edges = {edge for column in columns for edge in _edges(column)}
    order = _smallest_hashes(dataset, keys, most)
    others = [row for row in order.tolist() if row not in edges]
    return np.sort(np.array([*edges, *others][:most], dtype=np.int64))


def _edges(column: Array) -> Iterable[int]:
    present = np.flatnonzero(np.isfinite(column))
    if present.size:
        yield int(present[np.argmin(column[present])])
        yield int(present[np.argmax(column[present])])


def _smallest_hashes(dataset: str, keys: Texts, most: int) -> Indices:
    """Return the rows with the smallest hashes, the smallest first."""
    shared = hashlib.sha256(f"{dataset}\0".encode())
    rows, hashes = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    start = 0
    for batch in keys.batches():
        digests = []
        for key in batch:
            digest = shared.copy()
            digest.update(key.encode())
            digests.append(digest.digest()[16:24])
        rows = np.append(rows, np.arange(start, start + len(batch)))
        hashes = np.append(hashes, np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64))
        order = np.argsort(hashes, kind="stable")[:most]
        rows, hashes = rows[order], hashes[order]
        start += len(batch)
    return rows
