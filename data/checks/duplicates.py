"""Rows that repeat another one under a new key: the same features and the same target.

If such rows were dealt out one by one, a test row could be one that was trained on. So rows that
repeat stay together in a split by hash, unless the repeats are no more than chance explains, or are
so many that nothing would be left to split: the rows of a designed experiment, or one content that
a large part of all rows have.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from data.checks.alike import alike, codes, differ, first_rows
from data.checks.findings import Finding, finding
from data.checks.table import Columns, Table, filtered, rows_of
from data.declarations.model import Declaration
from data.sources.columns import present
from data.sources.keys import row_key_column

CHANCE_FACTOR = 3.0
"""Repeats are no accident where there are this many times the pairs that chance explains."""
MIN_REPEATS, MIN_REPEATS_SHARE = 10, 0.01
"""Repeats in fewer rows than this, and in a smaller share of all, are taken for chance."""
MAX_COMMON_ROWS, MAX_COMMON_SHARE = 10, 0.05
"""One content in more rows than this, and in a larger share of all, is common: not a copy."""
MIN_DIFFERENT, MAX_ROWS_PER_CONTENT = 100, 5
"""Rows of fewer different contents, each in more rows than this, are a design."""


@dataclass(frozen=True)
class Duplicates:
    """Which of n rows repeat others, and which of them a split by hash keeps together.

    `label` (n,) is equal in rows of the same features and target, -1 in a row that repeats no
    other; `together` (n,) marks the rows that stay with the others of their label.
    """

    label: np.ndarray
    together: np.ndarray
    finding: Finding


def duplicates_of(
    declaration: Declaration, whole: Table, new: Collection[str], kept: np.ndarray
) -> Duplicates:
    """Find the rows with a target, among the `kept` ones (a mask of n), that repeat each other.

    `new` columns are not used.
    """
    table = Columns(whole).without(new)
    labelled = kept & present(table.column(declaration.target))
    target, features = declaration.target, declaration.feature_names(table.column_names)
    rows, group = alike(table, (target, *features), np.flatnonzero(labelled))
    label = np.full(table.num_rows, -1, dtype=np.int64)
    together = np.zeros(table.num_rows, dtype=bool)
    total, size = int(labelled.sum()), np.bincount(group)
    few = len(rows) < max(1, min(MIN_REPEATS, MIN_REPEATS_SHARE * total))
    if few or _are_chance(table, target, features, labelled, _pairs(size)):
        return Duplicates(label, together, _finding(len(rows), total, ""))
    label[rows] = group
    common = (size > max(MAX_COMMON_ROWS, MAX_COMMON_SHARE * total))[group]
    different = len(size) + total - len(rows)
    if different < MIN_DIFFERENT and total > MAX_ROWS_PER_CONTENT * different:
        common[:] = True
    if by_content(declaration):
        together[rows] = ~common
    sentence = _sentence(declaration, table, rows, group, total, int(common.sum()))
    return Duplicates(label, together, _finding(len(rows), total, sentence))


def by_content(declaration: Declaration) -> bool:
    """Return whether rows that repeat each other are split together."""
    rules = declaration.split
    return declaration.time is None and rules.group is None and rules.duplicates == "together"


def _finding(repeats: int, rows: int, sentence: str) -> Finding:
    return finding(
        "rows_do_not_repeat", None, sentence, observed={"rows": rows, "repeat another": repeats}
    )


def _sentence(
    declaration: Declaration,
    table: Table,
    rows: np.ndarray,
    group: np.ndarray,
    total: int,
    common: int,
) -> str:
    """Return what a reader should know of the rows that repeat; "" if `apart` is declared.

    `common` is how many of the rows have a content that is too common to keep them together.
    """
    if declaration.split.duplicates == "apart":
        return ""
    pair = rows[group == group[0]][:2]
    key, other_key = row_key_column(
        rows_of(table, declaration.key, pair), declaration.key
    ).to_pylist()
    repeat = (
        f"{len(rows):,} of {total:,} rows with a target repeat another one under a new key: the"
        f" same features and the same {declaration.target!r}, as in row {pair[0] + 1} (key {key})"
        f" and row {pair[1] + 1} (key {other_key})."
    )
    remove = "Remove them from the source if they are copies"
    if declaration.time is not None:
        return (
            f"{repeat} A split by time does not keep them together, so the test error is too low"
            f" where a test row repeats a training row. {remove}."
        )
    if declaration.split.group is not None:
        return _across_groups(declaration, table, rows, group, repeat, remove)
    if common == len(rows):
        return (
            f"{repeat} Their contents are too common to keep such rows together, so each is split"
            f" by its own key. {remove}."
        )
    apart = f", except {common:,} whose content is too common for that" if common else ""
    return (
        f"{repeat} They are kept on one side of every split{apart}. {remove}, or declare"
        " 'duplicates: apart' in 'split' if they are not."
    )


def _across_groups(
    declaration: Declaration,
    table: Table,
    rows: np.ndarray,
    group: np.ndarray,
    repeat: str,
    remove: str,
) -> str:
    """Return a warning if rows repeat those of another group, which a split keeps apart."""
    name = declaration.split.group
    assert name is not None
    if not differ(table.column(name), rows, first_rows(rows, group)[group]).any():
        return ""
    return (
        f"{repeat} Such rows are in different groups of {name!r}, which decides how they are split,"
        f" so a test row may repeat a training row. {remove}."
    )


def _are_chance(
    table: Table, target: str, features: Sequence[str], labelled: np.ndarray, observed: float
) -> bool:
    """Return whether so many pairs of rows that are alike are no surprise.

    Coarse values agree by chance. Three estimates of how often: as in columns that are independent;
    from pairs of the same features whose targets are next to each other, which are about twice as
    many as those of the same target; and, for a target with a very common value such as zero, as
    pairs of the same features would agree if the target did not depend on them. Copies are more
    than three times as many, or more than half of the other pairs of the same features as well.
    """
    total = _pairs(np.array([labelled.sum()]))
    shares = {}
    for name in (target, *features):
        shares[name] = _pairs(_value_counts(filtered(table.column(name), labelled))) / total
    rows, group = alike(table, features, np.flatnonzero(labelled))
    same_features = _pairs(np.bincount(group))
    expected = max(
        total * float(np.prod(list(shares.values()))),
        _neighbours(table.column(target).take(pa.array(rows)), group) / 2,
        shares[target] * same_features,
    )
    surprising = min(CHANCE_FACTOR * expected, (expected + same_features) / 2)
    return bool(observed <= max(surprising, expected + 3 * expected**0.5))


def _value_counts(column: pa.ChunkedArray) -> np.ndarray:
    """Return how many rows have each value (m,); missing is a value, and -0.0 is not 0.0."""
    if pa.types.is_floating(column.type):
        column = pa.chunked_array([column.to_numpy().view(np.int64)])
    ordered = np.sort(codes(column))
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    return np.diff(begins, append=len(ordered))


def _neighbours(target: pa.ChunkedArray, group: np.ndarray) -> float:
    """Return how many pairs of one group have targets (n,) that differ by the smallest step."""
    values, number = np.unique(target.to_numpy().astype(float), return_inverse=True)
    if len(values) < 2:
        return 0.0
    steps = np.diff(values)
    is_step = np.append(steps <= 1.5 * steps.min(), False)
    cells, counts = np.unique(group * len(values) + number, return_counts=True)
    next_to = np.flatnonzero((np.diff(cells) == 1) & is_step[cells[:-1] % len(values)])
    return float((counts[next_to].astype(float) * counts[next_to + 1]).sum())


def _pairs(counts: np.ndarray) -> float:
    counts = counts.astype(float)
    return float((counts * (counts - 1)).sum() / 2)
