"""Missing values in the design of the linear kinds: one 0/1 column for each pattern of gaps.

Columns that are blank in the same rows would each say the same thing, and then none of them could
be estimated. So they share one column; and there is none where the levels of a category, or the
patterns of others, say already which rows are blank.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Array, Columns, Mask, Values
from regressors.blocks import blocks_of, release
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import MISSING, NumberColumn, is_missing

Codes = NDArray[np.int16]
"""The indices (n,) of a category's labels, -1 for no level, in little memory."""
MAX_NAMED = 3
"""A pattern is called after at most this many columns."""
MAX_PATTERNS = 64
"""Of more patterns than this, only equal ones are looked for."""
IN_THE_SPAN = 1e-9
"""A pattern depends on others if its part outside of them is a smaller share than this."""


@dataclass(frozen=True)
class GapColumn:
    """The 0/1 column of the rows in which all of these numbers are missing; `term` names it."""

    names: tuple[str, ...]
    term: str


@dataclass(frozen=True)
class ImpliedGap:
    """A column that was missing exactly where a category had one of these labels."""

    name: str
    category: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Gaps:
    """The patterns of gaps that have a column, and the gaps that the levels of categories imply."""

    columns: tuple[GapColumn, ...] = ()
    implied: tuple[ImpliedGap, ...] = ()

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Gaps":
        """Return the gaps with the fields that JSON kept, where tuples became lists."""
        columns = (GapColumn(tuple(g["names"]), g["term"]) for g in fields["columns"])
        implied = (
            ImpliedGap(g["name"], g["category"], tuple(g["labels"])) for g in fields["implied"]
        )
        return cls(tuple(columns), tuple(implied))


def fit_gaps(
    numbers: Sequence[NumberColumn],
    categories: Sequence[CategoryColumn],
    parts: Columns,
    time_of: Mapping[str, str],
    *,
    intercept: bool,
) -> tuple[Gaps, tuple[CategoryColumn, ...]]:
    """Return the patterns of gaps, and the categories without the terms that others imply.

    `time_of` names the time that a part belongs to.
    """
    gappy = [number.name for number in numbers if number.indicator]
    blank = {c.name: _missing(parts[c.name]) for c in categories if None in c.levels}
    if not gappy and len(blank) < 2:
        return Gaps(), tuple(categories)
    kept, codes, implied = _without_repeats(categories, parts, blank)
    patterns: dict[bytes, tuple[Mask, list[str]]] = {}
    for name, mask in [*blank.items(), *((name, _missing(parts[name])) for name in gappy)]:
        patterns.setdefault(np.packbits(mask).tobytes(), (mask, []))[1].append(name)
    named, free = [], []
    for mask, names in patterns.values():
        own = next((n for n in names if n in kept and None in kept[n].levels), None)
        if own is not None:
            named.append(mask)
            if len(names) > 1:
                kept[own] = replace(kept[own], missing_term=_term(sorted(names), time_of))
        without = [name for name in names if name not in blank]
        source = next(_implying(mask, codes, kept), None)
        if source is not None:
            implied += [ImpliedGap(name, *source) for name in without]
        elif without:
            free.append((mask, without))
    depends = _depend_on_earlier([*named, *(mask for mask, _ in free)], intercept=intercept)
    columns = (
        GapColumn(tuple(names), _term(names, time_of))
        for (_, names), dependent in zip(free, depends[len(named) :], strict=True)
        if not dependent
    )
    return Gaps(tuple(columns), tuple(implied)), tuple(kept.values())


def _missing(values: Values) -> Mask:
    missing = is_missing(values)
    release([values])
    return missing


def _term(names: Sequence[str], time_of: Mapping[str, str]) -> str:
    """Return the name of a pattern's term: `a,b[missing]`, and `hired[missing]` for a time."""
    bases = list(dict.fromkeys(time_of.get(name, name) for name in names))
    more = [f"+{len(bases) - MAX_NAMED}"] if len(bases) > MAX_NAMED else []
    return f"{','.join(bases[:MAX_NAMED] + more)}[{MISSING}]"


def _without_repeats(
    categories: Sequence[CategoryColumn], parts: Columns, blank: Mapping[str, Mask]
) -> tuple[dict[str, CategoryColumn], dict[str, Codes], list[ImpliedGap]]:
    """Return the categories by name, their codes (n,), and the gaps that lose their terms.

    A category loses its term of missing values where the levels of another one imply them.
    """
    kept = {category.name: category for category in categories}
    codes = {name: _short_codes(category, parts) for name, category in kept.items()}
    implied = []
    for name in sorted(blank, reverse=True):
        others = {other: of for other, of in codes.items() if other != name}
        source = next(_implying(blank[name], others, kept), None)
        if source is not None:
            implied.append(ImpliedGap(name, *source))
            kept[name] = kept[name].without_missing(codes[name])
            codes[name] = _short_codes(kept[name], parts)
            if not kept[name].varies:
                del kept[name], codes[name]
    return kept, codes, implied


def _short_codes(category: CategoryColumn, parts: Columns) -> Codes:
    return category.codes(parts[category.name]).astype(np.int16)


def _implying(
    mask: Mask, codes: Mapping[str, Codes], categories: Mapping[str, CategoryColumn]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each category, with labels, that has these labels in the rows of a mask (n,) alone."""
    for name, of in codes.items():
        if (of < 0).any():
            continue
        rows = np.bincount(of)
        marked = np.bincount(of[mask], minlength=len(rows))
        if ((marked == 0) | (marked == rows)).all():
            labels = categories[name].labels
            yield name, tuple(labels[code] for code in np.flatnonzero(marked))


def _depend_on_earlier(masks: Sequence[Mask], *, intercept: bool) -> list[bool]:
    """Return of each mask (n,) whether it is a combination of those before it and the constant.

    By the Cholesky factorisation of their inner products, which are whole numbers.
    """
    if not 1 < len(masks) + intercept <= MAX_PATTERNS:
        return [False] * len(masks)
    constant = [np.ones(len(masks[0]), dtype=bool)] if intercept else []
    products: Array = np.zeros((len(masks) + intercept, len(masks) + intercept))
    for rows in blocks_of(len(masks[0])):
        columns = np.column_stack([mask[rows] for mask in (*constant, *masks)]).astype(float)
        products += columns.T @ columns
    depends = []
    for j, size in enumerate(products.diagonal().copy()):
        outside = products[j, j] > IN_THE_SPAN * size
        depends.append(not outside)
        if outside:
            products -= np.outer(products[:, j], products[j]) / products[j, j]
    return depends[int(intercept) :]


def gap_column(gap: GapColumn, parts: Columns) -> Array:
    """Return the 0/1 column (n, 1) of a pattern."""
    return all_missing(gap.names, parts).astype(float)[:, None]


def all_missing(names: Sequence[str], parts: Columns) -> Mask:
    """Return the rows (n,) in which all of these numbers are missing."""
    missing: Mask = np.logical_and.reduce([is_missing(parts[name]) for name in names])
    return missing
