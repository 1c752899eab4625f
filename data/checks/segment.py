"""The checks of segments: that rows share them, and that their names are short and differ."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.findings import Finding, finding, row_finding
from data.checks.table import Table
from data.declarations.model import Declaration
from data.sources.columns import present, value_text

MAX_SEGMENT_BYTES = 2_000
"""In UTF-8. PostgreSQL limits the size of an entry of an index."""

PART_BYTES = len('"",')
"""What the name of a segment of several columns has beside the value of each."""

MAX_NAMED, MAX_SHOWN = 3, 40
"""So many groups of names that look alike are shown, and so many characters of each name."""


def segment_findings(declaration: Declaration, table: Table, kept: np.ndarray) -> Iterator[Finding]:
    """Check the segments of the `kept` rows, a mask (n,), and their names."""
    segment = declaration.segment
    if segment is None:
        return
    size = np.zeros(table.num_rows, dtype=np.int64)
    groups: list[list[str]] = []
    for name in segment:
        text = value_text(table.column(name)).cast("large_string")
        size += np.asarray(pc.binary_length(text).fill_null(0), dtype=np.int64)
        groups += names_alike(pc.unique(text.filter(kept)).drop_null().to_pylist())
    if len(segment) > 1:
        size += PART_BYTES * len(segment)
    yield row_finding(
        "segment_names_are_short",
        segment,
        np.flatnonzero(kept & (size > MAX_SEGMENT_BYTES)),
        declaration,
        table,
        f"The segment of {{n}} has a name of more than {MAX_SEGMENT_BYTES:,} bytes, which the"
        " database cannot index: {example}. Shorten the values of {column!r}, or declare another"
        " 'segment'.",
    )
    shown = "; ".join(" and ".join(map(_shown, group)) for group in groups[:MAX_NAMED])
    more = f"; and {len(groups) - MAX_NAMED:,} more" if len(groups) > MAX_NAMED else ""
    yield finding(
        "segment_names_differ",
        ", ".join(segment),
        f"Segments have names that differ only in case, blanks or how a letter is encoded, and are"
        f" segments of their own: {shown}{more}. If they are meant to be one, write them alike in"
        " the source."
        if groups
        else "",
        unexpected_count=sum(map(len, groups)),
    )
    labelled = kept & present(table.column(declaration.target))
    if not labelled.any():
        return
    count, most = _shared(segment, table, labelled)
    yield finding(
        "segments_share_rows",
        ", ".join(segment),
        _why_useless(" and ".join(map(repr, segment)), count, most),
        observed=count,
    )


def _shared(segment: Sequence[str], table: Table, labelled: np.ndarray) -> tuple[int, int]:
    """Return how many segments have rows with a target (a mask), and how many the largest has."""
    rows = table.select([*segment]).filter(pa.array(labelled)).drop_null()
    counts = rows.group_by([*segment]).aggregate([([], "count_all")])["count_all"]
    return len(counts), pc.max(counts).as_py() or 0


def _why_useless(columns: str, count: int, most: int) -> str:
    """Return what keeps segments from having models of their own, "" if nothing does."""
    if count == 0:
        return (
            f"No row with a target has a segment, because {columns} has no value there: the"
            " champion serves all rows."
        )
    if count == 1:
        return (
            f"All rows with a target are of one segment, so that the night is as without one."
            f" Leave out 'segment', or declare another column than {columns}."
        )
    if most == 1:
        return (
            "Each row with a target is a segment of its own, so that the champion serves all."
            f" Leave out 'segment', or declare another column than {columns}."
        )
    return ""


def names_alike(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of names that people would take for one another, each in order."""
    alike: dict[str, list[str]] = {}
    for name in names:
        folded = unicodedata.normalize("NFKC", name).casefold()
        alike.setdefault(" ".join(folded.split()), []).append(name)
    return sorted(sorted(group) for group in alike.values() if len(group) > 1)


def _shown(name: str) -> str:
    """Return a name in quotes, with what cannot be seen in it written out."""
    plain = name if unicodedata.is_normalized("NFC", name) else ascii(name)[1:-1]
    return repr(plain if len(plain) <= MAX_SHOWN else plain[:MAX_SHOWN] + "…")
