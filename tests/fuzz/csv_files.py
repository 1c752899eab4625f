"""CSV files that are damaged in every way that exports, editors and disks know."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal

from fuzz.dataset import HEADER, cells, source_trial
from fuzz.trial import Trial
from fuzz.words import DATES, NUMBERS, flipped, word

Rows = list[list[str]]


def generate(chance: Random, folder: Path) -> Trial:
    """Write a damaged CSV file; check it, or let a champion predict its rows."""
    data = text_of(hostile_rows(chance), chance)
    for _ in range(chance.randint(0, 2)):
        data = chance.choice(BYTE_MUTATIONS)(data, chance)
    return source_trial(data, "csv", _records(data), chance, folder)


def hostile_rows(chance: Random) -> Rows:
    """Return a table with its header, of which some cells, rows or columns are odd."""
    rows = _sample(chance)
    for _ in range(chance.randint(0, 2)):
        if rows[0]:
            chance.choice(TABLE_MUTATIONS)(rows, chance)
    return rows


def _sample(chance: Random) -> Rows:
    count = chance.choice((0, 1, 2, 30, 60, 60, 60, 120))
    return [list(HEADER), *map(cells, range(count))]


def text_of(rows: Rows, chance: Random, *, separator: str | None = None) -> bytes:
    """Return rows as a text file, written in one of the ways that programs choose."""
    stream = io.StringIO()
    ending = chance.choice(("\n", "\n", "\r\n", "\r"))
    quoting: Literal[0, 1] = csv.QUOTE_ALL if chance.random() < 0.3 else csv.QUOTE_MINIMAL
    chosen = chance.choice((",", ",", ",", ",", ";", "\t", "|"))
    csv.writer(
        stream, delimiter=separator or chosen, lineterminator=ending, quoting=quoting
    ).writerows(rows)
    encoding = chance.choice(("utf-8",) * 5 + ("utf-8-sig", "utf-16", "latin-1", "utf-32-le"))
    return stream.getvalue().encode(encoding, errors="replace")


def _cells(rows: Rows, chance: Random) -> None:
    for _ in range(chance.randint(1, 12)):
        row = chance.choice(rows)
        if row:
            row[chance.randrange(len(row))] = word(chance)


def _column(rows: Rows, chance: Random) -> None:
    """Fill most of a column with words of one kind, so that its kind is another one."""
    at, words = chance.randrange(len(rows[0])), chance.choice((NUMBERS, DATES, ("x", "", "1")))
    for row in rows[1:]:
        if at < len(row) and chance.random() < 0.95:
            row[at] = chance.choice(words)


def _header(rows: Rows, chance: Random) -> None:
    at = chance.randrange(len(rows[0]))
    rows[0][at] = chance.choice((word(chance), rows[0][0], rows[0][at].upper(), ""))


def _repeated_rows(rows: Rows, chance: Random) -> None:
    at = chance.randrange(len(rows))
    rows[at:at] = [list(row) for row in rows[at : at + chance.randint(1, 200)]]


def _repeated_columns(rows: Rows, chance: Random) -> None:
    at, count = chance.randrange(len(rows[0])), chance.choice((1, 3, 200))
    for number, row in enumerate(rows):
        value = row[at] if at < len(row) else ""
        row += [value if number else f"{value}{chance.randrange(10**6)}" for _ in range(count)]


def _uneven(rows: Rows, chance: Random) -> None:
    row = chance.choice(rows)
    del row[chance.randrange(len(row) + 1) :]
    row += [word(chance) for _ in range(chance.randrange(4))]


def _shuffled(rows: Rows, chance: Random) -> None:
    chance.shuffle(rows)


TABLE_MUTATIONS: tuple[Callable[[Rows, Random], None], ...] = (
    _cells,
    _cells,
    _column,
    _header,
    _repeated_rows,
    _repeated_columns,
    _uneven,
    _shuffled,
)


def _truncated(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _quotes(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((b'"', b'""', b'","', b'"\n"')) + data[at:]


def _zeros(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + b"\0" * chance.choice((1, 2, 512)) + data[at:]


def _blank_lines(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((b"\n\n", b"\r\n\r\n", b"\r", b"\n" * 50)) + data[at:]


BYTE_MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    flipped,
    flipped,
    _truncated,
    _quotes,
    _zeros,
    _blank_lines,
)


def _records(data: bytes) -> int | None:
    """Return the number of rows as Python's own module reads them, if there is only one reading."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\0" in text or '"' in text or "\r" in text.replace("\r\n", ""):
        return None  # readers differ in what these mean
    return sum(1 for line in text.split("\n")[1:] if line.strip("\r"))
