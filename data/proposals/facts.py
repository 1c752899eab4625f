"""What a look at a typed column shows: counts and ends of all rows, in plain values."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.proposals.names import YEARS, has_word
from data.sources.columns import infinite, kind_of, value_text
from data.sources.readings import ColumnReading

BARS = 10
"""Bars of a histogram."""

MAX_LEVELS = 12
"""So many levels are counted one by one."""

YEAR_RANGE = (1500, 2200)
LONG_TEXT = 40
"""Characters from which on texts that are mostly different are sentences, and not names."""

MOSTLY = 0.5


@dataclass(frozen=True)
class ColumnFacts:
    """A column of n rows: how many values are missing and different, and what they are like.

    `least` and `most` are the ends of numbers, and `ends` those of numbers and times as text.
    `levels` are the most frequent values of the others with their rows, and `bars` the rows of each
    bar of a histogram, both at most so many.
    `typical_length` is the mean of the characters of texts. `is_whole` numbers have no decimals,
    and `rises` says that no value is below the one in the row before.
    """

    name: str
    place: int
    kind: Kind | None
    rows: int
    missing: int
    distinct: int
    least: float | None = None
    most: float | None = None
    ends: tuple[str, str] | None = None
    levels: tuple[tuple[str, int], ...] = ()
    bars: tuple[int, ...] = ()
    typical_length: float = 0.0
    is_whole: bool = False
    rises: bool = False
    falls: bool = False
    infinite: int = 0
    why_left_out: str = ""

    @property
    def filled(self) -> int:
        """Return the number of values."""
        return self.rows - self.missing

    @property
    def is_constant(self) -> bool:
        """Return whether a column says nothing: one value without gaps, or none."""
        return self.distinct == 0 or (self.distinct == 1 and not self.missing)

    @property
    def span(self) -> float:
        """Return how many whole numbers there are from the least to the most, 0 of other kinds."""
        return 0.0 if self.least is None or self.most is None else self.most - self.least + 1

    @property
    def is_year(self) -> bool:
        """Return whether whole numbers are years, by their name and their range."""
        if not self.is_whole or self.least is None or self.most is None:
            return False
        in_range = YEAR_RANGE[0] <= self.least <= self.most <= YEAR_RANGE[1]
        return in_range and has_word(self.name, YEARS)

    @property
    def is_measured(self) -> bool:
        """Return whether a column has numbers with decimals, which identify nothing."""
        return self.kind == "number" and not self.is_whole

    @property
    def is_free_text(self) -> bool:
        """Return whether a column has sentences: long texts that are mostly different."""
        is_long = self.kind == "category" and self.typical_length > LONG_TEXT
        return is_long and self.distinct > MOSTLY * self.filled

    @property
    def is_flag(self) -> bool:
        """Return whether a column has the numbers 0 and 1, and no others."""
        return self.is_whole and self.distinct == 2 and (self.least, self.most) == (0, 1)


def facts_of(name: str, place: int, column: pa.ChunkedArray) -> ColumnFacts:
    """Return what a typed column (n,) is like; `place` counts the columns from 0."""
    values = column.drop_null()
    kind = kind_of(column.type) if len(values) else None
    distinct = 0 if kind is None else int(pc.count_distinct(values).as_py())
    facts = ColumnFacts(name, place, kind, len(column), column.null_count, distinct)
    if kind == "number":
        return replace(facts, **_of_numbers(values))
    if kind == "time":
        return replace(facts, **_of_times(values))
    return facts if kind is None else replace(facts, **_of_texts(value_text(values)))


def not_read(reading: ColumnReading, place: int, rows: int) -> ColumnFacts:
    """Return the facts of a column that no model can use, such as one of lists."""
    why = reading.why_left_out
    return ColumnFacts(reading.name, place, None, rows, 0, 0, why_left_out=why)


def _of_numbers(values: pa.ChunkedArray) -> dict[str, Any]:
    numbers = values.cast(pa.float64(), safe=False).to_numpy()
    before, after = numbers[:-1], numbers[1:]
    finite = numbers[~infinite(values)]
    is_few = len(finite) == 0
    least, most = (None, None) if is_few else (float(finite.min()), float(finite.max()))
    whole = bool(len(finite)) and bool((finite == np.round(finite)).all())
    return {
        "least": least,
        "most": most,
        "ends": None if least is None or most is None else (_number(least), _number(most)),
        "is_whole": whole,
        "bars": () if is_few else tuple(np.histogram(finite, BARS)[0].tolist()),
        "levels": _levels(value_text(values)) if len(np.unique(finite[:1000])) <= BARS else (),
        "rises": bool((before <= after).all()),
        "falls": bool((before >= after).all()),
        "infinite": int(infinite(values).sum()),
    }


def _of_times(values: pa.ChunkedArray) -> dict[str, Any]:
    moments = values.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    steps = np.diff(moments)
    ends = pc.min_max(values).as_py()
    return {
        "ends": (_moment(ends["min"]), _moment(ends["max"])),
        "bars": tuple(np.histogram(moments.astype(float), BARS)[0].tolist()),
        "rises": bool((steps >= 0).all()),
        "falls": bool((steps <= 0).all()),
    }


def _of_texts(texts: pa.ChunkedArray) -> dict[str, Any]:
    rises, falls = _order(texts)
    return {
        "levels": _levels(texts),
        "typical_length": float(pc.mean(pc.utf8_length(texts)).as_py()),
        "rises": rises,
        "falls": falls,
    }


def _moment(value: Any) -> str:
    return str(value.isoformat()).removesuffix("T00:00:00")


def _levels(texts: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    counted = pc.value_counts(texts)
    counts = counted.field("counts").to_numpy(zero_copy_only=False)
    most = np.argsort(-counts, kind="stable")[:MAX_LEVELS]
    names = counted.field("values").take(pa.array(most)).to_pylist()
    return tuple(zip(names, counts[most].tolist(), strict=True))


def _order(texts: pa.ChunkedArray) -> tuple[bool, bool]:
    """Return whether texts rise and fall; only an order of neighbours is looked at."""
    if len(texts) < 2:
        return True, True
    one = texts.combine_chunks()
    before, after = one[:-1], one[1:]
    return (
        bool(pc.all(pc.less_equal(before, after)).as_py()),
        bool(pc.all(pc.greater_equal(before, after)).as_py()),
    )


def _number(value: float) -> str:
    is_long = value.is_integer() and 10_000 <= abs(value) < 1e15
    return f"{int(value):,}" if is_long else f"{value:.6g}"
