"""Options and arguments that several commands share, and the formats they print in."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from string import ascii_letters
from typing import Annotated

import typer

MAX_INTEGER = 2**63 - 1
"""The largest integer that either database has."""


def whole_number(least: int, most: int = MAX_INTEGER) -> Callable[[str | int], int]:
    """Return a function that reads a number in a range, written in plain digits, from an option."""

    def number(text: str | int) -> int:
        written = str(text)
        if written.isascii() and written.isdigit() and len(written) <= len(str(most)):
            value = int(written)
            if least <= value <= most:
                return value
        raise typer.BadParameter(f"{written!r} is not a whole number from {least} to {most}")

    return number


SPANS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_span(text: str | timedelta) -> timedelta:
    """Read how long something is, such as `26h`, `90 minutes` or `2 days`, from an option."""
    if isinstance(text, timedelta):
        return text
    # Imported here, as every command does: this file is imported by all of them.
    from data.declarations.durations import duration
    from data.errors import DeclarationMistake

    number, unit = text.rstrip(ascii_letters), text[len(text.rstrip(ascii_letters)) :]
    try:
        units = tuple(dict.fromkeys(SPANS.values()))
        return duration(f"{number} {SPANS.get(unit.lower(), unit)}", units, "")
    except DeclarationMistake:
        message = f"{text!r} is not a time span such as 26h, 90 minutes or 2 days"
        raise typer.BadParameter(message) from None


class OutputFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    ARROW = "arrow"


class ExportFormat(StrEnum):
    """In which form a model is exported."""

    ONNX = "onnx"
    SQL = "sql"
    JSON = "json"


class SqlDialect(StrEnum):
    """For which database a model is written in SQL."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    DUCKDB = "duckdb"


class ReportFormat(StrEnum):
    """How a command's report is printed."""

    TEXT = "text"
    JSON = "json"


Dataset = Annotated[str, typer.Argument(help="Name of a declared dataset.")]
RunId = Annotated[
    int,
    typer.Argument(
        parser=whole_number(1), metavar="RUN", help="The `run_id` of a run that succeeded."
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Run even if nothing has changed since the last good run."),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help="If another run of the dataset is in progress, stop at once instead of waiting.",
    ),
]
Pin = Annotated[
    bool,
    typer.Option("--pin", help="Keep this champion: no night replaces it until `nightfit unpin`."),
]
Segment = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Decide about this segment alone, written as in the column `segment` of the views.",
        show_default="the whole dataset",
    ),
]
Reason = Annotated[str | None, typer.Option(help="Why, in a sentence; it is kept in the history.")]
Spreadsheet = Annotated[
    bool,
    typer.Option(
        "--spreadsheet",
        help="Write CSV that is safe to open in a spreadsheet: an apostrophe goes before each text"
        " that it would take for a formula.",
    ),
]
RowsFormat = Annotated[OutputFormat, typer.Option("--format", help="Format of the rows.")]
AsReport = Annotated[
    ReportFormat, typer.Option("--format", help="Text for people, or JSON for programs.")
]
