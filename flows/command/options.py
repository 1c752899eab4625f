"""Options and arguments that several commands share, and the formats they print in."""

from enum import StrEnum
from typing import Annotated

import typer


class OutputFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class ReportFormat(StrEnum):
    """How a command's report is printed."""

    TEXT = "text"
    JSON = "json"


Dataset = Annotated[str, typer.Argument(help="Name of a declared dataset.")]
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
Reason = Annotated[str | None, typer.Option(help="Why, in a sentence; it is kept in the history.")]
RowsFormat = Annotated[OutputFormat, typer.Option("--format", help="Format of the rows.")]
AsReport = Annotated[
    ReportFormat, typer.Option("--format", help="Text for people, or JSON for programs.")
]
