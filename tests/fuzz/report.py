"""The table that a run of the fuzzer ends with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fuzz.trial import FAULTS

HEADINGS = {
    "traceback": "tracebacks",
    "hang": "hangs",
    "memory": "over 1 GB",
    "half-written": "half-written",
    "orphan": "orphans",
    "leftover": "leftovers",
    "wrong": "wrong answers",
}


@dataclass(frozen=True)
class Row:
    """The trials of one kind, and how many had each fault."""

    kind: str
    tried: int
    faults: Counter[str]
    seconds: float


def table(rows: Sequence[Row]) -> str:
    """Return the counts of each kind of trial in a line, and their sums in the last one."""
    total = Row(
        "all",
        sum(row.tried for row in rows),
        sum((row.faults for row in rows), Counter()),
        sum(row.seconds for row in rows),
    )
    lines = [["trials", "tried", *(HEADINGS[fault] for fault in FAULTS), "seconds"]]
    for row in [*rows, total]:
        counts = [f"{row.faults[fault]:,}" for fault in FAULTS]
        lines.append([row.kind, f"{row.tried:,}", *counts, f"{row.seconds:,.0f}"])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
