"""What makes a row's prediction doubtful: levels and gaps that training lacks, values far outside.

A doubt belongs to one part of the encoding, such as `animal` or `hired[month]`.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from regressors.arrays import CodedTexts, Columns, Indices, Mask, Values
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.columns import NumberColumn, is_missing
from regressors.encoding.gaps import all_missing
from regressors.encoding.groups import MAX_GROUP_LEVELS, GroupColumn
from regressors.encoding.matrices import Encoding
from regressors.encoding.times import part_name

FAR_RANGES = 1.0
"""A value is far outside if it is beyond the range of the fitted ones by more than this many."""
NEVER = ", which training never had"
MAX_QUOTED = 40
"""At most so many characters of a level are quoted."""


@dataclass(frozen=True)
class Doubt:
    """Which rows (a mask of n) one part makes doubtful, and what to note of each (n,).

    `unknown` are those whose value of the part is not known to training, so that their prediction
    is a mean over its values, and their interval is to be wider.
    """

    part: str
    rows: Mask
    unknown: Mask
    notes: Values


def doubts_of(encoding: Encoding, parts: Columns) -> list[Doubt]:
    """Return the doubts about rows, given as `encoding.parts`; none for a model of version 0.1.0.

    A doubt that makes no row doubtful is left out.
    """
    time_of = encoding.time_of
    categories = {column.name: column for column in (*encoding.categories, *encoding.all_coded)}
    implied = _implied(encoding, parts)
    doubts = [
        _about_level(column, parts[name], implied.get(name), time_of)
        for name, column in categories.items()
    ]
    doubts += [
        _about_group(group, parts) for group in encoding.groups if group.name not in categories
    ]
    doubts += [
        _about_number(column, parts, encoding, implied, time_of) for column in encoding.all_numbers
    ]
    doubtful = [doubt for doubt in doubts if doubt is not None and doubt.rows.any()]
    return sorted(doubtful, key=lambda doubt: doubt.part)


def in_common(members: Sequence[Sequence[Doubt]]) -> list[Doubt]:
    """Return what all members doubt: a level that one of them was fitted on is not unseen."""
    first, *rest = members
    common = {doubt.part: doubt for doubt in first}
    for doubts in rest:
        of_part = {doubt.part: doubt for doubt in doubts}
        common = {
            part: Doubt(
                part,
                doubt.rows & of_part[part].rows,
                doubt.unknown & of_part[part].unknown,
                doubt.notes,
            )
            for part, doubt in common.items()
            if part in of_part
        }
    return list(common.values())


def notes_of(noted: Sequence[tuple[Mask, Values]]) -> tuple[Indices, list[str]]:
    """Return which rows have notes, in ascending order, and their notes, each joined by "; ".

    `noted` are masks (n,) with the notes (n,) of their rows.
    """
    lists: dict[int, dict[str, None]] = {}
    for mask, notes in noted:
        for row in np.flatnonzero(mask).tolist():
            lists.setdefault(row, {})[notes[row]] = None
    rows = sorted(lists)
    return np.array(rows, dtype=np.int64), ["; ".join(lists[row]) for row in rows]


def _implied(encoding: Encoding, parts: Columns) -> dict[str, Mask]:
    """Return in which rows (n,) a category implies that a column is missing, by its name."""
    coded = {column.name: column for column in encoding.coded}
    gaps = encoding.gaps.implied if encoding.gaps is not None else ()
    rows = {}
    for gap in gaps:
        labels = np.array([*coded[gap.category].labels, None], dtype=object)
        own = labels[coded[gap.category].codes(parts[gap.category])]
        rows[gap.name] = np.isin(own, np.array(gap.labels, dtype=object))
    return rows


def _about_level(
    column: CategoryColumn, values: Values, implied: Mask | None, time_of: Mapping[str, str]
) -> Doubt | None:
    """Return the doubt about values (n,) that are no level of a category."""
    if not column.shares:
        return None
    # Without other rare levels, a rare level is a single row, and coded as no level.
    known = {*column.levels, *column.rare} if column.other else {*column.levels}
    unseen = _outside(known, values)
    if column.other and not column.rare:  # too many rare levels to keep: any text may be one
        unseen &= is_missing(values)
    if implied is not None:
        unseen &= ~(is_missing(values) & implied)
    if not unseen.any():
        return None
    notes: Values = np.full(len(values), None, dtype=object)
    odd = np.asarray(values[unseen]).tolist()
    texts = {value: _level_note(column, value, time_of) for value in set(odd)}
    notes[unseen] = [texts[value] for value in odd]
    return Doubt(column.name, unseen, unseen, notes)


def _about_group(group: GroupColumn, parts: Columns) -> Doubt | None:
    """Return the doubt about values (n,) of a category that are none of a group's levels."""
    values = parts[group.name]
    if (
        group.second is not None
        or values.dtype.kind != "O"
        or len(group.levels) >= MAX_GROUP_LEVELS
    ):
        return None
    unseen = _outside({*group.levels}, values)
    if not unseen.any():
        return None
    notes: Values = np.full(len(values), None, dtype=object)
    for row in np.flatnonzero(unseen):
        notes[row] = (
            f"{group.name} is missing{NEVER}"
            if values[row] is None
            else f"unseen level {_quoted(values[row])} of {group.name}"
        )
    return Doubt(group.name, unseen, unseen, notes)


def _outside(known: Set[object], values: Values) -> Mask:
    """Return which values (n,) of a category are none of those that are known."""
    if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
        of_labels: Mask = _outside(known, values.labels)[values.codes]
        return of_labels
    texts = values.tolist()
    return np.fromiter((text not in known for text in texts), dtype=bool, count=len(texts))


def _quoted(level: str) -> str:
    return repr(level if len(level) <= MAX_QUOTED else f"{level[:MAX_QUOTED]}…")


def _level_note(column: CategoryColumn, value: str | None, time_of: Mapping[str, str]) -> str:
    if value is None:
        name = time_of.get(column.name, column.name)
        never = "" if column.missing_implied or None in column.rare else NEVER
        return f"{name} is missing{never}"
    if value in column.rare:
        return f"level {_quoted(value)} of {column.name} was in one row of training"
    return f"unseen level {_quoted(value)} of {column.name}"


def _about_number(
    column: NumberColumn,
    parts: Columns,
    encoding: Encoding,
    implied: Mapping[str, Mask],
    time_of: Mapping[str, str],
) -> Doubt | None:
    """Return the doubt about gaps that training does not know, and about values far outside."""
    if column.low is None or column.high is None:
        return None
    values = parts[column.name]
    reach = FAR_RANGES * (column.high - column.low)
    if _are_within(values, column.low - reach, column.high + reach):
        return None
    missing = np.isnan(values)
    unknown = missing & ~_known_gaps(column, encoding, implied, parts)
    with np.errstate(invalid="ignore"):
        far = (values > column.high + reach) | (values < column.low - reach)
    far &= reach > 0
    if not (unknown.any() or far.any()):
        return None
    notes: Values = np.full(len(values), None, dtype=object)
    name = time_of.get(column.name, column.name)
    never = "" if column.missing_share else NEVER
    notes[unknown] = f"{name} is missing{never}"
    of_days = column.name == part_name(name, "days") and column.name in time_of
    write = _date if of_days else _number
    for row in np.flatnonzero(far):
        notes[row] = (
            f"{name} is {write(values[row])}, far outside the {write(column.low)} to"
            f" {write(column.high)} that it was trained on"
        )
    return Doubt(column.name, unknown | far, unknown, notes)


def _are_within(values: Values, low: float, high: float) -> bool:
    """Return whether all numbers (n,) are there, and within these bounds."""
    if not len(values):
        return True
    return bool(np.minimum.reduce(values) >= low and np.maximum.reduce(values) <= high)  # no NaN


def _known_gaps(
    column: NumberColumn, encoding: Encoding, implied: Mapping[str, Mask], parts: Columns
) -> Mask:
    """Return the rows (n,) whose gaps are of a pattern that the fit had, if it had any."""
    if not column.indicator:
        return np.zeros(len(parts[column.name]), dtype=bool)
    if column.name in implied:
        return implied[column.name]
    names = [column.name]
    for gap in encoding.gaps.columns if encoding.gaps is not None else ():
        names = list(gap.names) if column.name in gap.names else names
    return all_missing(names, parts)


def _date(days: float) -> str:
    return str(np.datetime64("1970-01-01") + np.timedelta64(int(np.floor(days)), "D"))


def _number(value: float) -> str:
    return f"{value:,.6g}"
