"""Numbers that count times, such as the days of a spreadsheet, told by their column's name."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.value_formats import value_format
from data.sources.forms import cast
from data.sources.name_words import words_of
from data.sources.source_columns import in_flow, in_yaml
from data.sources.text_request import Request
from data.sources.value_formats import read_column

TIME_WORDS = frozenset({
    *("at", "birth", "birthday", "created", "date", "datetime", "day", "dob", "end", "ended"),
    *("ends", "epoch", "expiration", "expires", "expiry", "modified", "month", "on", "period"),
    *("since", "start", "started", "starts", "time", "timestamp", "ts", "unix", "until", "updated"),
    *("utc", "week", "when", "ms"),
    *("datum", "monat", "zeit", "data", "dia", "día", "fecha", "giorno", "jour", "mois"),
})  # fmt: skip
"""Last words of names of times: `start` is one, but `start_salary` is a salary."""

FIRST_WORDS = frozenset({"date", "datetime", "datum", "fecha", "timestamp"})
"""First words of names of times, such as `date_of_sale`."""

COMPOUND = re.compile(r"(?<!candi)(?<!man)date$|datum$|stamp$|datetime$|zeit$|^date")

FEW_ROWS = 1_000
"""Are looked at before all others, most of which need no look then."""

COMPACT_DATES = (1900_01_01, 2100_12_31)
COMPACT_MONTHS = (1900_01, 2100_12)

SERIALS = (20_000, 73_051)
"""Days of a spreadsheet from 1954 to 2100."""

SINCE_1980, UNTIL_2100 = 315_532_800, 4_102_444_800
"""Seconds between which a count of them is proposed to be a time."""

PER_SECOND = (
    *(("seconds", 1), ("milliseconds", 10**3)),
    *(("microseconds", 10**6), ("nanoseconds", 10**9)),
)


@dataclass(frozen=True)
class CountedTimes:
    """The format of numbers that count times, and `words` for what they look like."""

    format: str
    words: str


COMPACT = CountedTimes("%Y%m%d", "dates without anything between their parts")
MONTHS = CountedTimes("%Y%m", "months without anything between their parts")
SERIAL_DAYS = CountedTimes("excel", "days as spreadsheets count them")


def names_times(name: str) -> bool:
    """Return whether a column's name is one of times, such as `orderDate` or `date of sale`."""
    words = words_of(name)
    if not words or "per" in words:
        return False
    is_named = words[-1] in TIME_WORDS or words[0] in FIRST_WORDS
    return is_named or any(COMPOUND.search(word) for word in words)


def counted_times(values: pa.ChunkedArray, name: str) -> CountedTimes | None:
    """Return how numbers count times, None if they do not or their column's name has no hint."""
    if not names_times(name) or values.null_count == len(values):
        return None
    ends = pc.min_max(values).as_py()
    least, most = ends["min"], ends["max"]
    if are_compact_dates(values):
        return COMPACT
    if _are_within(ends, COMPACT_MONTHS) and _are_all(values, "%Y%m"):
        return MONTHS
    if _are_within(ends, SERIALS):
        return SERIAL_DAYS
    for unit, per_second in PER_SECOND:
        if least >= SINCE_1980 * per_second and most <= UNTIL_2100 * per_second:
            return CountedTimes(f"epoch {unit}", f"{unit} since 1970")
    return None


def note_on_counts(numbers: pa.ChunkedArray, request: Request) -> tuple[str, ...]:
    """Return a sentence if numbers seem to count times and nothing is declared that settles it.

    Dates such as 20231231 are told without the column's name.
    """
    if request.kind_from == "declared" or request.needs == "number":
        return ()
    counted = counted_times(numbers, request.name)
    if counted is None and are_compact_dates(numbers):
        counted = COMPACT
    if counted is None:
        return ()
    row = int(pc.index(numbers.is_valid(), pa.scalar(True)).as_py())
    read = read_column(numbers[row : row + 1], value_format(counted.format))
    meant = f" ({read.values[0].as_py()})" if read else ""
    name = in_flow(request.name)
    return (
        f"Column {request.name!r} holds numbers that look like {counted.words}, such as"
        f" {numbers[row].as_py()} in row {row + 1}{meant}, and is read as numbers. Declare"
        f" formats: {{{name}: {in_yaml(counted.format)}}} if they are times, or types: {{{name}:"
        " number} if they are none.",
    )


def are_compact_dates(values: pa.ChunkedArray) -> bool:
    """Return whether all numbers are dates without dashes, such as 20231231."""
    return _are_within(pc.min_max(values).as_py(), COMPACT_DATES) and _are_all(values, "%Y%m%d")


def _are_within(ends: dict[str, float | None], limits: tuple[int, int]) -> bool:
    least, most = ends["min"], ends["max"]
    return least is not None and most is not None and limits[0] <= least and most <= limits[1]


def _are_all(values: pa.ChunkedArray, pattern: str) -> bool:
    for part in (values[:FEW_ROWS], values):
        whole = cast(part, pa.int64())
        read = None if whole is None else read_column(whole, value_format(pattern))
        if read is None or read.values.null_count > part.null_count:
            return False
    return True
