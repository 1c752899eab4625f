"""What a file is by its first bytes, where it is not what its name says."""

import re
from contextlib import suppress
from pathlib import Path

from data.errors import SourceError, SourceLate, library_message

LOOKED_AT = 1_000
"""Bytes at the start of a file that tell text from anything else."""

MAGIC = (
    (
        b"PK\x03\x04",
        "a zip archive or a spreadsheet (.xlsx)",
        (".zip", ".xlsx", ".xlsm", ".ods"),
    ),
    (b"\x1f\x8b", "a gzip file (.csv.gz)", (".gz",)),
    (b"BZh", "a bzip2 file (.csv.bz2)", (".bz2",)),
    (b"\x28\xb5\x2f\xfd", "a zstd file (.csv.zst)", (".zst",)),
    (b"PAR1", "a Parquet file (.parquet)", (".parquet",)),
    (b"ARROW1", "an Arrow file (.arrow)", (".arrow", ".feather")),
    (b"SQLite format 3\0", "an SQLite database", ()),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of old Excel (.xls)", (".xls",)),
    (b"%PDF", "a PDF", ()),
)
"""How files begin, what such a file is, and by which endings it should be called."""

MARKUP = (
    (re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype )?html\b"), "a web page"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<\?xml\b"), "XML"),
)
OTHER_BYTES = re.compile(rb"[^\t\n\r -\x7e\x80-\xff]")
"""Control characters, which text has none of."""

RENAME = "Rename it if it is, or check the program that writes it."


def refuse_other_formats(start: bytes) -> None:
    """Raise `SourceError` for the start of a file that is no table of text, and name what it is."""
    for magic, what, _ in MAGIC:
        if start.startswith(magic):
            raise SourceError(f"The file is not text: it begins like {what}.", next_step=RENAME)
    for pattern, what in MARKUP:
        if pattern.match(start):
            raise SourceError(
                f"The file holds no rows of values: it begins like {what}.",
                next_step="Write the rows as CSV, or check where the file is from.",
            )


def not_whole(path: Path, kind: str, error: BaseException) -> SourceError:
    """Return the error for a file that a library cannot read as one of a `kind`.

    It is a `SourceLate`, since the file may not be written to its end, unless it begins like
    something else.
    """
    start = b""
    with suppress(OSError), path.open("rb") as file:  # it may be gone, or its disk fail
        start = file.read(LOOKED_AT)
    other = _other_than(path.suffix.lower(), start)
    if other:
        return SourceError(f"This is no {kind}: it begins like {other}.", next_step=RENAME)
    return SourceLate(
        f"This is not a complete {kind}: {library_message(error)}",
        next_step="Write or copy it again: it may have been cut off.",
    )


def _other_than(ending: str, start: bytes) -> str:
    """Return what a file of this ending should not begin like but does, "" if it is unknown."""
    for magic, what, endings in MAGIC:
        if start.startswith(magic):
            return "" if ending in endings else what
    for pattern, what in MARKUP:
        if pattern.match(start):
            return what
    return "" if not start or OTHER_BYTES.search(start) else "text, such as CSV"
