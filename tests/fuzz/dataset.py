"""The dataset `small`: its declaration, its rows, and the trial of a file that is its source."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz.trial import Outcome, Trial

HEADER = ("row", "x", "level", "day", "flag", "y")
VARIANTS = (
    "",
    "time: day\n",
    "weight: x\n",
    "types: {level: category, x: number}\nunparsable: missing\n",
    "missing: [unknown, -999]\nunparsable: refuse\n",
    "features: [x, 'day[weekday]', level]\nterms: [x^2]\n",
    "split: {group: level}\n",
    'formats: {day: "%Y-%m-%d", x: "1,234.5"}\n',
    "formats: {day: \"%d/%m/%Y\", flag: yes/no, y: '$1.5k'}\nunparsable: missing\n",
    "expectations:\n"
    "  - {type: expect_column_values_to_be_between, quarantine: true,"
    " kwargs: {column: x, min_value: 0, max_value: 50}}\n",
)
"""What is added to the declaration, so that every kind of column is in some role."""


def declaration(file: str = "small.csv", variant: str = "") -> str:
    """Return the declaration of a dataset that a single quick candidate competes for."""
    return (
        f"source: {{path: {file}}}\n"
        "key: row\n"
        "target: y\n"
        "candidates: {frameworks: [torch], kinds: [least_squares]}\n"
        f"{variant}"
    )


def cells(number: int) -> list[str]:
    """Return the cells of a row of the source."""
    day = f"2024-01-{number % 28 + 1:02}"
    flag = "true" if number % 2 else "false"
    x, level, y = number % 13, "abc"[number % 3], 2 * (number % 13) + number % 5
    return [str(number), str(x), level, day, flag, str(y)]


def csv_text(count: int) -> str:
    """Return the source as a CSV file with so many rows."""
    return "\n".join(",".join(row) for row in (HEADER, *map(cells, range(count)))) + "\n"


def source_trial(data: bytes, ending: str, rows: int | None, chance: Random, folder: Path) -> Trial:
    """Return a trial of a file as the source, or as the rows that a champion is to predict.

    `rows` is how many the file has, if that is known.
    """
    small = f"small.{ending}"
    (folder / "datasets" / small).write_bytes(data)
    (folder / "datasets" / "small.yaml").write_text(declaration(small, chance.choice(VARIANTS)))
    if chance.random() < 0.2:
        (folder / "here" / small).write_bytes(data)
        command = ("predict", "small", "--source", small, "--format", "json")
        return Trial(command, wrong=_wrong_number(rows), store="sqlite")
    as_json = ("--format", "json") if chance.random() < 0.5 else ()
    return Trial(("check", "small", *as_json), wrong=_wrong_number(rows))


def _wrong_number(expected: int | None) -> Callable[[Outcome], str | None]:
    """Return what tells whether the JSON of an outcome is about as many rows as the file has."""

    def check(outcome: Outcome) -> str | None:
        if outcome.exit_code or expected is None or not outcome.output.startswith(("{", "[")):
            return None
        answer = json.loads(outcome.output)
        number = answer["rows_read"] if isinstance(answer, dict) else len(answer)
        return None if number == expected else f"{number} rows instead of {expected}"

    return check
