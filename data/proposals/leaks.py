"""Columns that give the target away: known only with it, or made from it."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from data.proposals.facts import ColumnFacts
from data.proposals.names import AFTERWARDS, has_word
from data.proposals.sampled import Sampled

SAME = 1 - 1e-6
"""A correlation from here on is one, but for rounding."""

NEAR = 0.98
"""A correlation from here on is worth a word."""

EXACT = 1e-6
"""Of the target's standard deviation: what is left of it where other columns are its parts."""

MIN_ROWS = 15
MIN_DIFFERENT = 5
MAX_PARTS = 6
"""Columns whose sum is the target; a sum of more is found by chance or is no secret."""

MAX_PAIRED = 60
"""Columns of which products and quotients are looked at."""

SUM_ROWS, PAIR_ROWS = 3_000, 2_000
"""So many rows are looked at for sums, products and quotients."""

MIN_NEW = 3
"""Rows without a target, from which on what they lack tells something."""


def giveaways(
    target: str, facts: Sequence[ColumnFacts], sample: Sampled, *, apart: Sequence[str] = ()
) -> dict[str, str]:
    """Return the columns that give the target away, each with the reason.

    Columns `apart`, such as those of the key, are not looked at. What is found in a sample of the
    rows is taken to hold in all of them.
    """
    y = sample.numbers[target]
    known = np.isfinite(y)
    found: dict[str, str] = {}
    others = [one for one in facts if one.name in sample.codes and one.name not in (target, *apart)]
    for one in others:
        codes = sample.codes[one.name]
        if _is_known_with(codes >= 0, known):
            found[one.name] = "it is missing wherever the target is, so it is known only with it"
            continue
        x = sample.numbers.get(one.name)
        both = known & np.isfinite(x) if x is not None and one.kind == "number" else known
        if both.sum() < MIN_ROWS:
            continue
        reason = ""
        if x is not None and one.kind == "number":
            reason = _same_number(x[both], y[both], target)
        if not reason:
            reason = _bands(codes[known], y[known], target)
        if reason:
            found[one.name] = reason
    rest = [o for o in others if o.name not in found and o.kind == "number"]
    for names, reason in _parts(target, [o.name for o in rest], sample):
        found.update(dict.fromkeys(names, reason))
    found.update(_afterwards(target, [o for o in others if o.kind == "time"], sample))
    return found


def near_giveaways(
    target: str, facts: Sequence[ColumnFacts], sample: Sampled
) -> list[tuple[str, float]]:
    """Return the columns that nearly are the target, with their correlation."""
    y = sample.numbers[target]
    near = []
    for one in facts:
        x = sample.numbers.get(one.name)
        if x is None or one.kind != "number" or one.name == target:
            continue
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() >= MIN_ROWS:
            r = _correlation(x[both], y[both])
            if NEAR <= abs(r) < SAME:
                near.append((one.name, r))
    return near


def copies(facts: Sequence[ColumnFacts], sample: Sampled) -> dict[str, tuple[str, str]]:
    """Return the columns that say what one before them says: its name, and how they are alike.

    Values that repeat are alike if they stand in the same rows, numbers and times on a line. A gap
    is like a value, if it stands where one of the other column does.
    """
    found: dict[str, tuple[str, str]] = {}
    first: dict[bytes, ColumnFacts] = {}
    lines = _Lines(sample)
    for one in facts:
        if one.name not in sample.codes:
            continue
        codes = _counted(sample.codes[one.name]).tobytes()
        other = lines.of(one)
        if other is None and 2 * one.distinct <= one.filled:
            alike = first.setdefault(codes, one)
            are_numbers = one.kind == alike.kind == "number"
            other = alike if alike is not one and not are_numbers else None
        if other is not None:
            found[one.name] = other.name, _how_alike(one, other)
    return found


class _Lines:
    """The numbers and times that are no copies so far, standardised; a copy lies on a line."""

    def __init__(self, sample: Sampled) -> None:
        self._sample = sample
        self._kept: dict[bytes, list[tuple[ColumnFacts, np.ndarray]]] = {}

    def of(self, one: ColumnFacts) -> ColumnFacts | None:
        """Return the column that one is a copy of; one that is none is kept."""
        x = self._sample.numbers.get(one.name)
        if x is None or one.kind not in ("number", "time") or one.infinite:
            return None
        there = np.isfinite(x)
        if there.sum() < MIN_ROWS:
            return None
        z = x[there] - x[there].mean()
        size = float(np.sqrt(z @ z))
        if not size or not np.isfinite(size):
            return None
        z /= size
        alike = self._kept.setdefault(there.tobytes(), [])
        for other, line in alike:
            if abs(float(line @ z)) >= SAME:
                return other
        alike.append((one, z))
        return None


def _counted(codes: np.ndarray) -> np.ndarray:
    """Return codes (n,) that count values in the order of the rows, and gaps as if they were one.

    Those of a copy are the same.
    """
    if (codes >= 0).all():
        return codes  # they count so already
    _, first, value = np.unique(codes, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[value].astype(codes.dtype)


def _how_alike(one: ColumnFacts, other: ColumnFacts) -> str:
    if one.kind == other.kind == "number":
        return "again" if one.ends == other.ends else "in another unit"
    return "in other words"


def _is_known_with(there: np.ndarray, known: np.ndarray) -> bool:
    """Return whether a column lacks what the target lacks, and hardly anything else."""
    new = ~known
    if new.sum() < MIN_NEW or known.sum() < MIN_ROWS or there[new].any():
        return False
    return bool(there[known].mean() > 0.5)


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 and np.isfinite(size) else 0.0


def _ranks(x: np.ndarray) -> np.ndarray:
    return np.unique(x, return_inverse=True)[1].astype(float)


def _same_number(x: np.ndarray, y: np.ndarray, target: str) -> str:
    if min(len(np.unique(x)), len(np.unique(y))) < MIN_DIFFERENT:
        return ""
    if abs(_correlation(x, y)) >= SAME:
        same = np.array_equal(x, y)
        return f"it is {target} {'again' if same else 'in another unit: their correlation is 1'}"
    distinct = len(np.unique(y))
    if distinct >= MIN_ROWS and len(np.unique(x)) == distinct:
        ranks = _correlation(_ranks(x), _ranks(y))
        if abs(ranks) >= 1 - 1e-12:
            return f"it has the order of {target} throughout, as its logarithm has"
    return ""


def _bands(codes: np.ndarray, y: np.ndarray, target: str) -> str:
    """Return a reason if each level of a column has a range of the target for itself."""
    there = codes >= 0
    codes, y = codes[there], y[there]
    levels = len(np.unique(codes))
    if len(y) < 2 * MIN_ROWS or not 3 <= levels <= len(y) / 5 or len(np.unique(y)) < 4 * levels:
        return ""
    order = np.argsort(y, kind="stable")
    changes = int((np.diff(codes[order]) != 0).sum())
    if changes != levels - 1:
        return ""
    return f"each of its values has a range of {target} for itself, as bands of it have"


def _parts(target: str, names: Sequence[str], sample: Sampled) -> list[tuple[list[str], str]]:
    """Return sets of columns of which the target is a sum, product or quotient."""
    names = [n for n in names if n in sample.numbers]
    names = [n for n in names if np.isfinite(sample.numbers[n]).mean() > 0.5]
    y = sample.numbers[target]
    matrix = (
        np.column_stack([sample.numbers[name] for name in names]) if names else np.empty((0, 0))
    )
    if matrix.size == 0:
        return []
    rows = np.flatnonzero(np.isfinite(y) & np.isfinite(matrix).all(axis=1))[:SUM_ROWS]
    found = []
    if len(rows) >= max(MIN_ROWS, 2 * (len(names) + 1)):
        parts = _sum(matrix[rows], y[rows])
        if parts:
            listed = " + ".join(names[i] for i in parts)
            whole = f"{target} is a sum of its parts: {listed}"
            found.append(([names[i] for i in parts], f"it is a part of {target} ({whole})"))
    taken = {name for part, _ in found for name in part}
    left = [name for name in names if name not in taken][:MAX_PAIRED]
    found += _products(target, left, sample)
    return found


def _sum(matrix: np.ndarray, y: np.ndarray) -> list[int]:
    """Return the columns of which the target is a linear combination without a remainder."""
    scale = matrix.std(axis=0)
    usable = np.flatnonzero(scale > 0)
    if not len(usable) or y.std() == 0:
        return []
    z = (matrix[:, usable] - matrix[:, usable].mean(axis=0)) / scale[usable]
    goal = (y - y.mean()) / y.std()
    if not _is_exact(z, goal):
        return []
    # Leave out whatever the sum can do without, the least correlated first.
    kept = [*np.argsort(np.abs(z.T @ goal))]
    for column in [*kept]:
        fewer = [each for each in kept if each != column]
        if fewer and _is_exact(z[:, fewer], goal):
            kept = fewer
    return [int(usable[each]) for each in sorted(kept)] if len(kept) <= MAX_PARTS else []


def _is_exact(z: np.ndarray, goal: np.ndarray) -> bool:
    weights = np.linalg.lstsq(z, goal, rcond=1e-10)[0]
    left = goal - z @ weights
    return bool(np.abs(left).max() <= 100 * EXACT and np.sqrt((left**2).mean()) <= EXACT)


def _products(target: str, names: Sequence[str], sample: Sampled) -> list[tuple[list[str], str]]:
    y = sample.numbers[target][:PAIR_ROWS]
    found = []
    columns = {name: sample.numbers[name][:PAIR_ROWS] for name in names}
    for one, other in combinations(names, 2):
        a, b = columns[one], columns[other]
        rows = np.isfinite(y) & np.isfinite(a) & np.isfinite(b) & (a != 0) & (b != 0) & (y != 0)
        if rows.sum() < MIN_ROWS or min(len(np.unique(v[rows])) for v in (a, b, y)) < MIN_DIFFERENT:
            continue
        ya, aa, ba = y[rows], a[rows], b[rows]
        shapes = ((ya / (aa * ba), "*"), (ya * ba / aa, "/"), (ya * aa / ba, "\\"))
        for ratio, sign in shapes:
            middle = float(np.median(ratio))
            if middle and np.abs(ratio / middle - 1).max() <= 100 * EXACT:
                pair = (one, other) if sign != "\\" else (other, one)
                shown = f"{pair[0]} {'*' if sign == '*' else '/'} {pair[1]}"
                factor = "" if abs(middle - 1) < EXACT else f", times {middle:.6g}"
                words = f"{target} is {shown}{factor}"
                found.append(([one, other], f"with another column it gives the target: {words}"))
    return found


def _afterwards(target: str, times: Sequence[ColumnFacts], sample: Sampled) -> dict[str, str]:
    """Return the times that come after others, in name and in all rows: the target is older."""
    found = {}
    for one in times:
        if not has_word(one.name, AFTERWARDS):
            continue
        after = sample.numbers[one.name]
        for other in times:
            if other.name == one.name or has_word(other.name, AFTERWARDS):
                continue
            both = np.isfinite(after) & np.isfinite(sample.numbers[other.name])
            if both.sum() >= MIN_ROWS and (after >= sample.numbers[other.name])[both].all():
                found[one.name] = (
                    f"it is never before {other.name}, and may not be known when {target} is wanted"
                )
    return found
