"""Which rows are test rows, which fold a row is in, and which rows are new.

Without a time column, a row's side and fold depend on the data set's name and the row's key
alone, so that no other row can move it. SHA-256 of name, a NUL byte and key gives both: the first
eight bytes, as a share of 2^64, put the row among the test rows when they fall below the share
(a larger share keeps them there); the next eight, modulo the number of folds, give its fold.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import UserError

LEAST_LABELLED = 20
LEAST_TEST = 3


class CannotDivide(UserError):
    """There are too few rows to hold some of them out; the message has the numbers."""


@dataclass(frozen=True)
class Division:
    """Each row's role and fold.

    `role` is "train", "test" or "new" (no target). A random division has folds 1 to k for every
    labelled row, test rows too, and 0 for new ones. A chained one has blocks of training rows, 0
    (warm-up) to k, oldest first, and -1 for all others. Fold i is predicted by a fit on the other
    folds of training rows, or, chained, on the blocks before it.
    """

    role: np.ndarray
    fold: np.ndarray
    chained: bool


def divide(
    *,
    dataset: str,
    keys: Sequence[str],
    labelled: np.ndarray,
    share: float,
    folds: int,
    time: np.ndarray | None = None,
) -> Division:
    """Divide the rows, which `keys`, `labelled` (bool) and `time` describe in one order.

    With `time` (datetime64 or float; NaT or NaN where missing) the newest labelled rows are the
    test rows, and the others are cut into blocks; every cut lies between two different times.
    Raises `CannotDivide`: fewer than 20 labelled rows, fewer than 3 test rows, an empty fold, a
    labelled row without a time.
    """
    labelled = np.asarray(labelled, dtype=bool)
    if (count := int(labelled.sum())) < LEAST_LABELLED:
        raise CannotDivide(
            f"{count} rows have a target, and at least {LEAST_LABELLED} are needed.",
            where=dataset,
            next_step="Collect more rows.",
        )
    if time is None:
        in_test, fold = _by_key(dataset, keys, share, folds)
        fold[~labelled] = 0
    else:
        in_test, fold = _by_time(dataset, np.asarray(time), labelled, share, folds)
    role = np.where(labelled, np.where(in_test, "test", "train"), "new")
    _refuse_small(dataset, role, fold, folds, share)
    return Division(role, fold, chained=time is not None)


def _by_key(
    dataset: str, keys: Sequence[str], share: float, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    start = hashlib.sha256(f"{dataset}\0".encode())
    digests = bytearray()
    for key in keys:
        digest = start.copy()
        digest.update(key.encode())
        digests += digest.digest()
    numbers = np.frombuffer(bytes(digests), dtype=">u8").reshape(len(keys), 4)
    # 53 bits: a double holds no more, and a hash must never round up to a share of 1.
    in_test = (numbers[:, 0] >> np.uint64(11)) * 2.0**-53 < share
    return in_test, 1 + (numbers[:, 1] % np.uint64(folds)).astype(int)


def _by_time(
    dataset: str, time: np.ndarray, labelled: np.ndarray, share: float, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    if missing := int((labelled & np.isnan(time)).sum()):
        raise CannotDivide(
            f"{missing} rows with a target have no time.",
            where=dataset,
            next_step="Fill the time in, quarantine the rows without one, or declare no 'time'.",
        )
    values, place, counts = np.unique(time[labelled], return_inverse=True, return_counts=True)
    if len(values) < folds + 2:
        raise CannotDivide(
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
    dataset: str, role: np.ndarray, fold: np.ndarray, folds: int, share: float
) -> None:
    test, train = int((role == "test").sum()), int((role == "train").sum())
    if test < LEAST_TEST:
        raise CannotDivide(
            f"{test} of {test + train} labelled rows are test rows at a share of {share:g}, and at"
            f" least {LEAST_TEST} are needed.",
            where=dataset,
            next_step="Declare a larger 'split.test', or collect more rows.",
        )
    sizes = np.bincount(fold[role == "train"], minlength=folds + 1)[1:]
    if (sizes == 0).any():
        raise CannotDivide(
            f"Fold {int(np.argmin(sizes)) + 1} is empty: {train} training rows fall into {folds}"
            f" folds as {', '.join(map(str, sizes))}.",
            where=dataset,
            next_step="Declare fewer 'folds' in 'split', or collect more rows.",
        )
