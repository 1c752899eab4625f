"""The commands that `nightfit --help` lists under Query and inspect."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flows.command.options import (
    AsReport,
    Dataset,
    ExportFormat,
    OutputFormat,
    ReportFormat,
    RowsFormat,
    Spreadsheet,
    SqlDialect,
    time_span,
    whole_number,
)

HEADING = "Query and inspect"

commands = typer.Typer()


class _QueryCommand(TyperCommand):
    """The command `query`, whose help lists the views: they are imported only to print it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from data.store.views import VIEWS

        self.help = f"{self.help}\n\nThe views: {', '.join(f'`{name}`' for name in VIEWS)}."
        super().format_help(ctx, formatter)


@commands.command(
    cls=_QueryCommand,
    rich_help_panel=HEADING,
    epilog="For example: `nightfit query current_prediction --dataset age_income --key 42`, or"
    " `nightfit query segment_coefficient --dataset shops --segment Berlin`",
)
def query(
    view: Annotated[
        str, typer.Argument(help="Name of a view, such as `champion` or `current_prediction`.")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Print only the rows of this dataset.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Print only the rows with this key, written exactly as in the column `key`. "
            "An unknown key gives no rows, nor does one whose prediction is not stored."
        ),
    ] = None,
    segment: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Print only the rows of this segment, written exactly as in the column `segment`.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...",
            help="Columns to print, in this order.",
            show_default="all columns of the view",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(parser=whole_number(0), metavar="N", help="Print at most this many rows."),
    ] = None,
    format: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            help="Format of the rows.",
            show_default="table, or csv with `--spreadsheet`",
        ),
    ] = None,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Print the rows of a view. docs/database.md describes every view and column."""
    from flows.command.query import run_query

    names = [name.strip() for name in columns.split(",")] if columns is not None else None
    run_query(
        view,
        dataset=dataset,
        key=key,
        segment=segment,
        columns=names,
        limit=limit,
        output_format=format or (OutputFormat.CSV if spreadsheet else OutputFormat.TABLE),
        spreadsheet=spreadsheet,
    )


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit predict age_income --source new.csv --out predicted.csv`",
)
def predict(
    dataset: Dataset,
    source: Annotated[
        str,
        typer.Option(
            metavar="FILE_OR_URL",
            help="Rows to score, with the dataset's key and feature columns: a file in any format "
            "of a source, a pattern, a folder, an address such as s3:// or https://, or a "
            "database.",
        ),
    ],
    table: Annotated[
        str | None,
        typer.Option(help="Table or view of the database that `--source` names."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="SQL", help="Query on the database that `--source` names."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE_OR_URL",
            help="File to write, whose name ends in .csv, .json, .parquet, .arrow or .feather; or "
            "a database.",
            show_default="standard output",
        ),
    ] = None,
    out_table: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Table of the database that `--out` names: all its rows are replaced, and it is "
            "made if it is not there.",
        ),
    ] = None,
    format: Annotated[
        OutputFormat | None,
        typer.Option(
            "--format",
            help="Format of the rows.",
            show_default="that of the file's name, or csv",
        ),
    ] = None,
    spreadsheet: Spreadsheet = False,
) -> None:
    """Score new rows with the dataset's champion.

    Writes for each row the columns of the key, the prediction, the bounds of its interval, a note
    and the number of the model, and warns of odd rows on standard error. Cells are read as they
    were when the champion was trained. A file or a table is replaced as a whole, or stays as it
    was. Nothing is written to nightfit's own database.
    """
    from flows.command.predict import run_predict

    run_predict(
        dataset,
        source,
        out,
        format,
        table=table,
        query=query,
        out_table=out_table,
        spreadsheet=spreadsheet,
    )


@commands.command(
    rich_help_panel=HEADING, epilog="For example: `nightfit status --fail-if-older 26h`"
)
def status(
    fail_if_older: Annotated[
        timedelta | None,
        typer.Option(
            parser=time_span,
            metavar="AGE",
            help="Also end with 1 if the last good night of a declared dataset is older, such as"
            " `26h`, `90 minutes` or `2 days`, or if it had none.",
        ),
    ] = None,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Show each dataset's last run, its last good night, its champion and any problem.

    A good night is one that succeeded, or was skipped because nothing had changed. The exit code is
    1 if the last run of any dataset failed, was rejected or was killed, if a declaration has a
    mistake, or if alarms have not reached their recipient.
    """
    from flows.command.status import run_status

    raise typer.Exit(run_status(as_json=format is ReportFormat.JSON, older=fail_if_older))


@commands.command(
    rich_help_panel=HEADING, epilog="For example: `nightfit report age_income --open`"
)
def report(
    dataset: Dataset,
    run: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1),
            metavar="ID",
            help="The `run_id` of the run.",
            show_default="the dataset's latest run",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File to write.", show_default="reports/ in NIGHTFIT_HOME"
        ),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Draw a run as one page of HTML: the verdict, the champion, and what to look at.

    Every night writes the page of each run. This draws any run again, from the store alone.
    docs/report.md says what is on it.
    """
    from flows.command.report import run_report

    run_report(dataset, run, out, opened=open_it)


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit resilience age_income`")
def resilience(dataset: Dataset, format: RowsFormat = OutputFormat.TABLE) -> None:
    """Show how the test error of a champion ANN grows as its hidden cells are silenced."""
    from flows.command.resilience import run_resilience

    run_resilience(dataset, output_format=format)


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit export age_income --format onnx --out age_income.onnx`, or"
    " `nightfit export age_income --format sql --install sqlite:///shop.db --table people`",
)
def export(
    dataset: Dataset,
    format: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="`onnx` for ONNX Runtime, `sql` for a query, `json` for a description from which"
            " a prediction can be computed.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="standard output")
    ] = None,
    dialect: Annotated[
        SqlDialect | None,
        typer.Option(help="Database that the SQL is for.", show_default="sqlite"),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE",
            help="Table whose rows the SQL predicts, or SCHEMA.TABLE.",
            show_default="the dataset's name",
        ),
    ] = None,
    install: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Make a view of the SQL in this database, beside TABLE. `${NAME}` in it is the"
            " environment variable NAME.",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Name of that view.", show_default="nightfit_ and the dataset's"
        ),
    ] = None,
) -> None:
    """Export the dataset's champion as ONNX, SQL or JSON, or as a view of a database.

    What is exported takes the columns of a row as they are, and gives the prediction and the bounds
    of its interval. It is run on rows of the champion's snapshot and on odd rows before it is
    written, and refused where it predicts anything else than nightfit. docs/export.md says more.
    """
    from flows.command.export import run_export

    run_export(
        dataset,
        format,
        out,
        dialect=dialect,
        install=install,
        table=table,
        view=view,
    )
