"""Which rows are test rows, which fold a row is in, and which rows are new.

Without a time column, a row's side and fold depend on the data set's name and the row's key
alone, so that no other row can move it. SHA-256 of name, a NUL byte and key gives both: the first
eight bytes, as a share of 2^64, put the row among the test rows when they fall below the share
(a larger share keeps them there); the next eight, modulo the number of folds, give its fold.

Where rows belong to groups, the group's text takes the place of the key, and a group is whole. A
row without a group stands alone: its hash is that of a NUL byte, name, NUL and key, which no group
can have, since no name begins with a NUL.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import CannotSplit

LEAST_LABELLED = 20
LEAST_TEST = 3


@dataclass(frozen=True)
class Split:
    """Each row's role and fold.

    `role` is "train", "test" or "new" (no target). A random split has folds 1 to k for every
    labelled row, test rows too, and 0 for new ones. A chained one has blocks of training rows, 0
    (warm-up) to k, oldest first, and -1 for all others. Fold i is predicted by a fit on the other
    folds of training rows, or, chained, on the blocks before it.
    """

    role: np.ndarray
    fold: np.ndarray
    chained: bool


def split_rows(
    *,
    dataset: str,
    keys: Sequence[str],
    labelled: np.ndarray,
    share: float,
    folds: int,
    time: np.ndarray | None = None,
    group: Sequence[str | None] | None = None,
) -> Split:
    """Split the rows, which `keys`, `labelled` (bool), `time` and `group` describe in one order.

    With `time` (datetime64 or float; NaT or NaN where missing) the newest labelled rows are the
    test rows, and the others are cut into blocks; every cut lies between two different times.
    With `group` (None in a row that stands alone), which `time` excludes, groups stay whole.
    Raises `CannotSplit`: fewer than 20 labelled rows, fewer than 3 test rows or groups, an empty
    fold, a labelled row without a time.
    """
    assert time is None or group is None
    labelled = np.asarray(labelled, dtype=bool)
    if (count := int(labelled.sum())) < LEAST_LABELLED:
        raise CannotSplit(
            f"{count} rows have a target, and at least {LEAST_LABELLED} are needed.",
            where=dataset,
            next_step="Collect more rows.",
        )
    if time is None:
        in_test, fold = _by_hash(dataset, keys, group, share, folds)
        fold[~labelled] = 0
    else:
        in_test, fold = _by_time(dataset, np.asarray(time), labelled, share, folds)
    role = np.where(labelled, np.where(in_test, "test", "train"), "new")
    if group is None:
        _refuse_small(dataset, role, fold, folds, share)
    else:
        rows = np.flatnonzero(labelled)
        one_each = rows[np.unique(group_numbers(group)[rows], return_index=True)[1]]
        _refuse_small(dataset, role[one_each], fold[one_each], folds, share, "group")
    return Split(role, fold, chained=time is not None)


def group_numbers(group: Sequence[str | None]) -> np.ndarray:
    """Number the groups (n,) from 0 in the order of their texts, then the rows that stand alone."""
    place = {text: i for i, text in enumerate(sorted({text for text in group if text is not None}))}
    alone = itertools.count(len(place))
    numbers = (next(alone) if text is None else place[text] for text in group)
    return np.fromiter(numbers, dtype=np.int64, count=len(group))


def _by_hash(
    dataset: str,
    keys: Sequence[str],
    group: Sequence[str | None] | None,
    share: float,
    folds: int,
) -> tuple[np.ndarray, np.ndarray]:
    together, alone = (hashlib.sha256(f"{mark}{dataset}\0".encode()) for mark in ("", "\0"))
    digests = bytearray()
    for key, text in zip(keys, keys if group is None else group, strict=True):
        digest = (alone if text is None else together).copy()
        digest.update((key if text is None else text).encode())
        digests += digest.digest()
    numbers = np.frombuffer(bytes(digests), dtype=">u8").reshape(len(keys), 4)
    # 53 bits: a double holds no more, and a hash must never round up to a share of 1.
    in_test = (numbers[:, 0] >> np.uint64(11)) * 2.0**-53 < share
    return in_test, 1 + (numbers[:, 1] % np.uint64(folds)).astype(int)


def _by_time(
    dataset: str, time: np.ndarray, labelled: np.ndarray, share: float, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    if missing := int((labelled & np.isnan(time)).sum()):
        raise CannotSplit(
            f"{missing} rows with a target have no time.",
            where=dataset,
            next_step="Fill the time in, quarantine the rows without one, or declare no 'time'.",
        )
    values, place, counts = np.unique(time[labelled], return_inverse=True, return_counts=True)
    if len(values) < folds + 2:
        raise CannotSplit(
            f"There are {len(values)} different times, and {folds + 2} are needed: {folds} folds, a"
            " first block to learn from, and the test rows.",
            where=dataset,
            next_step="Collect more, or declare fewer 'folds'.",
        )
    # Cut c keeps the c oldest times; `before[c]` is how many rows they have.
    before = np.concatenate([[0], np.cumsum(counts)])
    train_times = _nearest(before, (1 - share) * before[-1], folds + 1, len(values) - 1)
    cuts = [0]
    for block in range(1, folds + 1):
        wanted = before[train_times] * block / (folds + 1)
        cuts.append(_nearest(before, wanted, cuts[-1] + 1, train_times - (folds + 1 - block)))
    fold = np.full(len(labelled), -1)
    block_of = np.searchsorted(cuts, place, side="right") - 1
    fold[labelled] = np.where(place < train_times, block_of, -1)
    return labelled & (fold == -1), fold


def _nearest(before: np.ndarray, wanted: float, low: int, high: int) -> int:
    """Return the cut from low to high with nearly `wanted` rows before it; of two, the later."""
    distance = np.abs(before[low : high + 1] - wanted)
    return high - int(np.argmin(distance[::-1]))


def _refuse_small(
    dataset: str, role: np.ndarray, fold: np.ndarray, folds: int, share: float, noun: str = "row"
) -> None:
    test, train = int((role == "test").sum()), int((role == "train").sum())
    if test < LEAST_TEST:
        raise CannotSplit(
            f"{test} of {test + train} labelled {noun}s are test {noun}s at a share of {share:g},"
            f" and at least {LEAST_TEST} are needed.",
            where=dataset,
            next_step=f"Declare a larger 'split.test', or collect more {noun}s.",
        )
    sizes = np.bincount(fold[role == "train"], minlength=folds + 1)[1:]
    if (sizes == 0).any():
        raise CannotSplit(
            f"Fold {int(np.argmin(sizes)) + 1} is empty: {train} training {noun}s fall into {folds}"
            f" folds as {', '.join(map(str, sizes))}.",
            where=dataset,
            next_step=f"Declare fewer 'folds' in 'split', or collect more {noun}s.",
        )
