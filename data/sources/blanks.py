"""Text with blanks between its values, as many as make columns: what R and many instruments write.

It is rewritten with tabs, since no other program takes several blanks for one separator.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from data.sources.column_files import writing

BLANK = " "
VALUE = re.compile(rb'"(?:[^"]|"")*"|[^ \t\r\n]+')
OTHERS = b",;\t|"
MAX_LINES = 200
MIN_EVEN = 0.9
"""Of the lines must have as many values as the header, or one more, to be a table."""


def has_blanks_between(start: bytes) -> bool:
    """Return whether a text that begins so is a table with nothing but blanks between values."""
    lines = [line for line in start.splitlines()[:MAX_LINES] if line.strip()]
    if len(lines) < 2 or any(sign in lines[0] for sign in OTHERS):
        return False
    names, *widths = (len(VALUE.findall(line)) for line in lines)
    return names > 1 and any(widths.count(names + n) >= MIN_EVEN * len(widths) for n in (0, 1))


def with_tabs(path: Path, folder: Path, skip: int) -> Path:
    """Write a text again with a tab between values, and return its path in a folder.

    A header with one name fewer than the rows have values, as R writes them, gets an empty one in
    front. It stands behind so many lines that are to be skipped.
    """
    plain = folder / "tabs.tsv"
    with path.open("rb") as file, writing(folder), plain.open("wb") as out:
        out.writelines(_rewritten(file, skip))
    return plain


def _rewritten(lines: Iterator[bytes], skip: int) -> Iterator[bytes]:
    yield from islice(lines, skip)
    header = VALUE.findall(next(lines, b""))
    first = next((line for line in lines if line.strip()), b"")
    values = VALUE.findall(first)
    yield _line([b'""', *header] if len(values) == len(header) + 1 else header)
    yield _line(values)
    yield from (_line(VALUE.findall(line)) for line in lines)


def _line(values: list[bytes]) -> bytes:
    return b"\t".join(values) + b"\n"
