"""CSV files that are damaged in every way that exports, editors and disks know."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz.trial import Outcome, Trial
from fuzz.words import DATES, NUMBERS, flipped, word

Rows = list[list[str]]

DECLARATION = """\
source: {path: small.csv}
key: row
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
VARIANTS = (
    "",
    "time: day\n",
    "weight: x\n",
    "types: {level: category, x: number}\nunparsable: missing\n",
    "missing: [unknown, -999]\nunparsable: refuse\n",
    "features: [x, 'day[weekday]', level]\nterms: [x^2]\n",
    "split: {group: level}\n",
    "expectations:\n"
    "  - {type: expect_column_values_to_be_between, quarantine: true,"
    " kwargs: {column: x, min_value: 0, max_value: 50}}\n",
)
"""What is added to the declaration, so that every kind of column is in some role."""


def generate(chance: Random, folder: Path) -> Trial:
    """Write a damaged CSV file; check it, or let a champion predict its rows."""
    rows = _sample(chance)
    for _ in range(chance.randint(0, 2)):
        chance.choice(TABLE_MUTATIONS)(rows, chance)
    data = _text(rows, chance)
    for _ in range(chance.randint(0, 2)):
        data = chance.choice(BYTE_MUTATIONS)(data, chance)
    (folder / "datasets" / "small.csv").write_bytes(data)
    (folder / "datasets" / "small.yaml").write_text(DECLARATION + chance.choice(VARIANTS))
    if chance.random() < 0.2:
        (folder / "here" / "new.csv").write_bytes(data)
        command = ("predict", "small", "--source", "new.csv", "--format", "json")
        return Trial(command, wrong=wrong_number("predictions", _records(data)), store="sqlite")
    command = (
        ("check", "small", "--format", "json") if chance.random() < 0.5 else ("check", "small")
    )
    return Trial(command, wrong=wrong_number("rows_read", _records(data)))


def _sample(chance: Random) -> Rows:
    rows = [["row", "x", "level", "day", "flag", "y"]]
    for number in range(chance.choice((0, 1, 2, 30, 60, 60, 60, 120))):
        x, level = number % 13, "abc"[number % 3]
        day, flag = f"2024-01-{number % 28 + 1:02}", "true" if number % 2 else "false"
        rows.append([str(number), str(x), level, day, flag, str(2 * x + number % 3)])
    return rows


def _text(rows: Rows, chance: Random) -> bytes:
    stream = io.StringIO()
    ending = chance.choice(("\n", "\n", "\r\n", "\r"))
    quoting = chance.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    separator = chance.choice((",", ",", ",", ",", ";", "\t", "|"))
    csv.writer(stream, delimiter=separator, lineterminator=ending, quoting=quoting).writerows(rows)
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


def wrong_number(of: str, expected: int | None) -> Callable[[Outcome], str | None]:
    """Return what tells whether the JSON of an outcome has as many rows as the file."""

    def check(outcome: Outcome) -> str | None:
        if outcome.exit_code or expected is None or not outcome.output.startswith(("{", "[")):
            return None
        answer = json.loads(outcome.output)
        number = answer["rows_read"] if isinstance(answer, dict) else len(answer)
        return None if number == expected else f"{of}: {number} instead of {expected}"

    return check
