"""Which rows are test rows, which fold a row is in, and which rows are new.

Without a time column, a row's role and fold depend on the dataset's name and the row's key alone,
so no other row can move it. SHA-256 of name, a NUL byte and key gives both: the first eight bytes,
as a share of 2^64, make the row a test row when they fall below the declared share (so a larger
share keeps the test rows of a smaller one); the next eight, modulo the number of folds, give the
fold.

Where rows belong to groups, the group's text is hashed instead of the key, so a group stays whole.
A row without a group stands alone: its hash is that of a NUL byte, name, NUL and key, which no
group can have, because no name begins with a NUL.

Rows that repeat each other under new keys stay with the first of them: the hash is that of the
smallest of their keys. So a copy that is added moves no other row, unless its key is the smallest.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from data.calls import Call, Do, done_here
from data.declarations.lengths import Length
from data.errors import CannotSplit
from data.progress import Report, unreported
from data.split_by_time import blocks_of_time
from data.texts import BATCH_ROWS, Texts

MIN_LABELLED_ROWS = 20
MIN_TEST_ROWS = 3

ROLES = ("train", "test", "new")
TRAIN, TEST, NEW = range(len(ROLES))
"""A role as a number."""


BY_HASH = "one split by hash"

PART_ROWS = 2**20
"""The rows whose hashes are made by one call: half a second of work."""

Hashed = tuple[np.ndarray, np.ndarray]
"""Which rows of a part are test rows, and the fold of each, by their hashes."""


@dataclass(frozen=True)
class Split:
    """Each row's role and fold, and by which scheme errors are measured, in words.

    `code` numbers the `ROLES`: "train", "test" or "new" (no target). In a split by hash, every
    labelled row has a fold from 1 to k, test rows included, and new rows have 0. Fold i is
    predicted by a fit on the other folds of training rows. In a split by time, which is `chained`,
    `fold` numbers blocks, oldest first: 0 is the warm-up, 1 to k are those of the other training
    rows, and from k + 1 on those of test rows; new rows have -1. Block i is predicted by a fit on
    the rows that are `known` to it: whose number there is i or less. That is None in a split by
    hash.
    """

    code: np.ndarray
    fold: np.ndarray
    known: np.ndarray | None = None
    scheme: str = BY_HASH

    @property
    def chained(self) -> bool:
        """Return whether the rows are split by time."""
        return self.known is not None

    @property
    def role(self) -> np.ndarray:
        """Return each row's role as a word."""
        words: np.ndarray = np.array(ROLES, dtype=object)[self.code]
        return words


def split_rows(
    *,
    dataset: str,
    keys: Sequence[str] | Texts,
    labelled: np.ndarray,
    share: float,
    folds: int,
    time: np.ndarray | None = None,
    horizon: Length | float | None = None,
    group: Sequence[str | None] | Texts | None = None,
    alike: np.ndarray | None = None,
    report: Report = unreported,
    do: Do = done_here,
) -> Split:
    """Split the rows into test rows, folds of training rows, and new rows.

    `keys`, `labelled` (bool), `time` and `group` all have one entry per row (n,), in one order.
    With `time` (datetime64 or float; NaT or NaN where missing) the newest labelled rows are the
    test rows, and all are cut into blocks, each to be predicted from what was known a `horizon`
    before it; None is the usual step between times, which means all that is older.
    With `group` (None in a row that stands alone), which excludes `time`, groups stay whole. With
    neither, rows of one label in `alike` (-1 in a row that repeats no other) stay together.
    `report` is told how many rows have their place, and `do` makes the calls, hashes in parts of
    rows. Raises `CannotSplit` if there are fewer than 20 labelled rows or 3 test rows or groups, if
    a fold is empty, or if a labelled row has no time.
    """
    assert time is None or group is None
    texts, groups = Texts.of(keys), None if group is None else Texts.of(group)
    hashed = None
    if time is None:
        hashed = [*_hashed(dataset, texts, groups, alike, share, folds, report, do)]
    rules = dataset, share, folds, horizon
    (split,) = do("splitting", [(_split_of, (rules, labelled, hashed, time, groups))])
    return split  # type: ignore[no-any-return]


Rules = tuple[str, float, int, Length | float | None]
"""The dataset, the share of test rows, the folds and the horizon."""


def _split_of(
    rules: Rules,
    labelled: np.ndarray,
    hashed: Sequence[Hashed] | None,
    time: np.ndarray | None,
    groups: Texts | None,
) -> Split:
    """Return the split of rows (n,) by what was `hashed` of their parts, or by their times."""
    dataset, share, folds, horizon = rules
    labelled = np.asarray(labelled, dtype=bool)
    if (count := int(labelled.sum())) < MIN_LABELLED_ROWS:
        raise CannotSplit(
            f"{count} rows have a target, but at least {MIN_LABELLED_ROWS} are needed.",
            where=dataset,
            next_step="Collect more rows.",
        )
    if hashed is not None:
        in_test, fold = (np.concatenate(parts) for parts in zip(*hashed, strict=True))
        fold[~labelled], known, scheme = 0, None, BY_HASH
    else:
        in_test, fold, known, scheme = _by_time(
            dataset, np.asarray(time), labelled, share, folds, horizon
        )
    code = np.where(labelled, np.where(in_test, TEST, TRAIN), NEW).astype(np.int8)
    if groups is None:
        _refuse_small(dataset, code, fold, folds, share)
    else:
        rows = np.flatnonzero(labelled)
        first_rows = rows[np.unique(group_numbers(groups)[rows], return_index=True)[1]]
        _refuse_small(dataset, code[first_rows], fold[first_rows], folds, share, "group")
    return Split(code, fold, known, scheme)


def group_numbers(group: Texts) -> np.ndarray:
    """Number the groups (n,) from 0 in the order of their texts, then the rows that stand alone."""
    numbers, texts = group.numbered()
    alone = numbers < 0
    numbers[alone] = len(texts) + np.arange(alone.sum())
    return numbers


def _first_alike(keys: Texts, alike: np.ndarray) -> np.ndarray:
    """Return the row (n,) with the smallest key of those that each row is alike; alone, itself."""
    order = keys.order()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rows = np.flatnonzero(alike >= 0)
    smallest = np.full(alike.max(initial=-1) + 1, len(order))
    np.minimum.at(smallest, alike[rows], rank[rows])
    first = np.arange(len(order))
    first[rows] = order[smallest[alike[rows]]]
    return first


def _hashed(
    dataset: str,
    keys: Texts,
    group: Texts | None,
    alike: np.ndarray | None,
    share: float,
    folds: int,
    report: Report,
    do: Do,
) -> Iterator[Hashed]:
    """Yield what the hashes of each part of the rows say; `alike` are those of `split_rows`."""
    first = None
    if group is None and alike is not None:
        (first,) = do("splitting", [(_first_alike, (keys, alike))])
    starts = range(0, len(keys), PART_ROWS)
    calls: list[Call] = [
        (_hashed_part, (dataset, keys, group, first, slice(start, start + PART_ROWS), share, folds))
        for start in starts
    ]
    for start, part in zip(starts, do("splitting", calls), strict=True):
        report(start / len(keys), f"{start:,} of {len(keys):,} rows")
        yield part


def _hashed_part(
    dataset: str,
    keys: Texts,
    group: Texts | None,
    first: np.ndarray | None,
    part: slice,
    share: float,
    folds: int,
) -> Hashed:
    """Return what the hashes of a part of the rows say.

    `first` (n,) is where the smallest key is of the rows that each one is alike.
    """
    shared, alone = (hashlib.sha256(f"{mark}{dataset}\0".encode()) for mark in ("", "\0"))
    own = range(*part.indices(len(keys)))
    in_test = np.empty(len(own), dtype=bool)
    fold = np.empty(len(own), dtype=np.int16)
    for start in range(0, len(own), BATCH_ROWS):
        of_batch = own[start : start + BATCH_ROWS]
        rows = slice(of_batch.start, of_batch.stop)
        texts = (keys[rows] if first is None else keys[first[rows]]).tolist()
        digests = []
        for key, text in zip(texts, texts if group is None else group[rows].tolist(), strict=True):
            digest = (alone if text is None else shared).copy()
            digest.update((key if text is None else text).encode())
            digests.append(digest.digest())
        numbers = np.frombuffer(b"".join(digests), dtype=">u8").reshape(len(texts), 4)
        # 53 bits: a double holds no more, so no hash can round up to a share of 1.
        batch = slice(start, start + len(texts))
        in_test[batch] = (numbers[:, 0] >> np.uint64(11)) * 2.0**-53 < share
        fold[batch] = 1 + numbers[:, 1] % np.uint64(folds)
    return in_test, fold


def _by_time(
    dataset: str,
    time: np.ndarray,
    labelled: np.ndarray,
    share: float,
    folds: int,
    horizon: Length | float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return the test rows, the blocks, what is known to whom, and the scheme in words."""
    if missing := int((labelled & np.isnan(time)).sum()):
        raise CannotSplit(
            f"{missing} rows with a target have no time.",
            where=dataset,
            next_step="Fill in the time, quarantine the rows without one, or declare no 'time'.",
        )
    blocks = blocks_of_time(dataset, time[labelled], share=share, folds=folds, horizon=horizon)
    fold = np.full(len(labelled), -1, dtype=np.int16)
    known = np.full(len(labelled), blocks.first_test + blocks.test_blocks, dtype=np.int16)
    fold[labelled], known[labelled] = blocks.block, blocks.known
    return fold >= blocks.first_test, fold, known, blocks.scheme


def _refuse_small(
    dataset: str, code: np.ndarray, fold: np.ndarray, folds: int, share: float, noun: str = "row"
) -> None:
    test, train = int((code == TEST).sum()), int((code == TRAIN).sum())
    if test < MIN_TEST_ROWS:
        raise CannotSplit(
            f"{test} of {test + train} labelled {noun}s are test {noun}s at a share of {share:g},"
            f" but at least {MIN_TEST_ROWS} are needed.",
            where=dataset,
            next_step=f"Declare a larger 'split.test', or collect more {noun}s.",
        )
    sizes = np.bincount(fold[code == TRAIN], minlength=folds + 1)[1:]
    if (sizes == 0).any():
        raise CannotSplit(
            f"Fold {int(np.argmin(sizes)) + 1} is empty: the {train} training {noun}s fall into"
            f" {folds} folds of {', '.join(map(str, sizes))}.",
            where=dataset,
            next_step=f"Declare fewer 'folds' in 'split', or collect more {noun}s.",
        )
