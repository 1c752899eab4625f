"""What is wrong with a text file that Arrow refuses, found by reading it again."""

import csv
import mmap
import re
from pathlib import Path

from data.errors import SourceError, SourceLate
from data.sources.dialect import Dialect

LINE_END = re.compile(rb"\r\n?|\n")
BOM = b"\xef\xbb\xbf"
MAX_LINE = 1_000_000
"""Bytes of the header, and of a row that is certain to be read."""

MAX_EXAMINED = 64_000_000
"""So many bytes of a file that Arrow refuses are searched for the reason."""

WRITTEN_AT_ONCE = 4096
"""Programs, disks and copies write as many bytes at once, or a multiple of it."""


def refuse_endless_line(start: bytes) -> None:
    """Raise `SourceError` for a first line that is no header, before all of it is read."""
    if len(start.partition(b"\n")[0].partition(b"\r")[0]) >= MAX_LINE:
        raise SourceError(
            f"The first line has more than {MAX_LINE:,} bytes: it is no header.",
            next_step="Check the program that writes the file.",
        )


def mistake_in(path: Path, dialect: Dialect, error: Exception) -> SourceError | None:
    """Find out why Arrow refused a file: its encoding, a quote or a row's length."""
    with path.open("rb") as file:
        content = file.read(MAX_EXAMINED)
        if file.read(1):  # the last character may be cut
            content = content[: max(content.rfind(b"\n"), 0)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        return SourceError(
            f"The file is not UTF-8: byte {bad.start} (0x{content[bad.start]:02x}) in line"
            f" {line} cannot be read.",
            next_step="Save it as UTF-8.",
        )
    return _unclosed_quote(content, dialect) or _uneven_line(text, dialect) or _long_row(error)


def note_on_cut(path: Path) -> tuple[str, ...]:
    """Return a sentence on a file that ends as one does whose rest was never written.

    Many files have no line break at their end, but few of them are as long as what programs write
    at once. What a cut has left of the last value may look like any other value.
    """
    size = path.stat().st_size
    if not size or size % WRITTEN_AT_ONCE:
        return ()
    with path.open("rb") as file:
        file.seek(size - 4)
        end = file.read()
    if b"\n" in end or b"\r" in end or end.rstrip(b"\0").endswith(b'"'):
        return ()
    return (
        f"The file ends without a line break, after {size:,} bytes, which is a multiple of"
        f" {WRITTEN_AT_ONCE:,}: it may have been cut off there, within its last value.",
    )


def _long_row(error: Exception) -> SourceError | None:
    if "straddl" not in str(error):
        return None
    return SourceError(
        f"A row, or a value with line breaks, has more than {MAX_LINE:,} bytes.",
        next_step="Check the quotes in the file, and the program that writes it.",
    )


def unclosed_quote_in(path: Path, dialect: Dialect) -> SourceError | None:
    """Find the quote that is never closed: it makes one value of the rest of the file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _unclosed_quote(content, dialect)


def _unclosed_quote(content: bytes | mmap.mmap, dialect: Dialect) -> SourceError | None:
    if not dialect.quote:
        return None
    quote = dialect.quote.encode()
    shown = re.escape(quote)
    quoted = re.compile(b"%b(?:[^%b]|%b%b)*+%b" % ((shown,) * 5))
    begin = len(BOM) if content[: len(BOM)] == BOM else 0
    before = dialect.separator.encode() + b"\r\n"
    start = content.find(quote)
    while start >= 0:
        if start == begin or content[start - 1] in before:  # elsewhere it is no special character
            match = quoted.match(content, start)
            if match is None:
                line = 1 + sum(1 for _ in LINE_END.finditer(content, 0, start))
                return SourceLate(
                    f"The quote opened in line {line} is never closed.",
                    next_step="Close it; inside quoted text, write a quote twice:"
                    f" {dialect.quote * 2}.",
                )
            start = match.end() - 1
        start = content.find(quote, start + 1)
    return None


def _uneven_line(text: str, dialect: Dialect) -> SourceError | None:
    """Find the first line with more or fewer values than the header."""
    rows = dialect.rows(text)
    width = 0
    try:
        for row in rows:
            width = width or len(row)
            if row and len(row) != width:
                line = dialect.skip + rows.line_num
                if len(row) < width and text[-1] not in "\r\n" and not any(rows):
                    return SourceLate(
                        f"The file ends in line {line} after {len(row)} of {width} values.",
                        next_step="Write or copy it again: it may have been cut off.",
                    )
                return SourceError(
                    f"Line {line} has {len(row)} values, but the header has {width}.",
                    next_step="Fix the line; text that contains a"
                    f" {'comma' if dialect.separator == ',' else repr(dialect.separator)} needs"
                    " quotes.",
                )
    except csv.Error:
        return None
    return None
