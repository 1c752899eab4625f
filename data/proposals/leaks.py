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

PAIR_ROWS = 2_000
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
    """Return the columns that say what one before them says: its name, and how they are alike."""
    found: dict[str, tuple[str, str]] = {}
    kept: list[ColumnFacts] = []
    for one in facts:
        if one.name not in sample.codes:
            continue
        alike = next((other for other in kept if _are_copies(one, other, sample)), None)
        if alike is None:
            kept.append(one)
        else:
            found[one.name] = alike.name, _how_alike(one, alike)
    return found


def _are_copies(one: ColumnFacts, other: ColumnFacts, sample: Sampled) -> bool:
    if one.missing != other.missing:
        return False
    if one.distinct == other.distinct and _map_onto(
        sample.codes[one.name], sample.codes[other.name]
    ):
        is_number = one.kind == other.kind == "number"
        return not is_number or _is_line(one.name, other.name, sample)
    return one.kind == other.kind == "number" and _is_line(one.name, other.name, sample)


def _is_line(one: str, other: str, sample: Sampled) -> bool:
    x, z = sample.numbers.get(one), sample.numbers.get(other)
    if x is None or z is None:
        return False
    both = np.isfinite(x) & np.isfinite(z)
    return bool(both.sum() >= MIN_ROWS) and abs(_correlation(x[both], z[both])) >= SAME


def _how_alike(one: ColumnFacts, other: ColumnFacts) -> str:
    if one.kind == other.kind == "number" and (one.least, one.most) != (other.least, other.most):
        return "in another unit"
    return "in other words" if one.kind == "category" or other.kind == "category" else "again"


def _map_onto(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether each code of one column stands beside one code of the other, both ways."""
    pairs = len(np.unique(one.astype(np.int64) * (int(other.max(initial=0)) + 2) + other))
    return pairs == len(np.unique(one)) == len(np.unique(other))


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
    names = [name for name in names if np.isfinite(sample.numbers[name]).mean() > 0.5]
    y = sample.numbers[target]
    matrix = (
        np.column_stack([sample.numbers[name] for name in names]) if names else np.empty((0, 0))
    )
    if matrix.size == 0:
        return []
    rows = np.isfinite(y) & np.isfinite(matrix).all(axis=1)
    found = []
    if rows.sum() >= max(MIN_ROWS, 2 * (len(names) + 1)):
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
