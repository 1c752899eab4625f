"""The commands that `nightfit --help` lists under Train."""

from pathlib import Path
from typing import Annotated

import typer

from flows.command.options import (
    AsReport,
    Dataset,
    Force,
    NoWait,
    OutputFormat,
    Reason,
    ReportFormat,
    RowsFormat,
    RunId,
)

HEADING = "Train"

commands = typer.Typer()


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit init sales.csv --target amount`, or"
    " `nightfit init 'exports/sales-*.csv' --name sales --target amount --yes`, or"
    " `nightfit init postgresql://me@host/shop --table sales --target amount`",
)
def init(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_URL",
            help="A file, a folder, a pattern such as `'sales-*.csv'`, or the URL of a database.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column to predict. A terminal asks for it if it is not set."
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The name of the dataset.", show_default="that of the file or table"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file to write.",
            show_default="NAME.yaml in the folder of declarations",
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table or view of a database.")] = None,
    query: Annotated[str | None, typer.Option(help="A query of a database, in its SQL.")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="The sheet of a spreadsheet, by its name or number.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Run the first night of the dataset at once.")
    ] = False,
) -> None:
    """Look at a source, and write a declaration of it with comments.

    Prints the first rows and a line per column. Proposes the key, the time, the group, segments,
    kinds, words for missing values, and what the rows should keep to; and says which columns it
    leaves out of the features, and why. Nothing is overwritten.
    """
    from flows.command.init import run_init

    code = run_init(
        source,
        target=target,
        name=name,
        out=out,
        table=table,
        query=query,
        sheet=sheet,
        yes=yes,
    )
    raise typer.Exit(code)


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit nightly users_revenue --from 2023-12-29 --to 2023-12-31`",
)
def nightly(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets to retrain.", show_default="all declared datasets"),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATE",
            help="Train past nights instead of tonight, from this one on. Goes with `--to`.",
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The last of these past nights.")
    ] = None,
    force: Force = False,
    no_wait: NoWait = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Retrain every declared dataset, one after the other, or on a cluster several at a time.

    Afterwards, delete old data that nothing needs any more, as `nightfit prune` does. With `--from`
    and `--to`, train each of these past nights in order, on the rows that existed then.
    """
    from flows.command.nights import run_nightly

    code = run_nightly(
        datasets,
        force=force,
        wait=not no_wait,
        nights=(first, last),
        as_json=format is ReportFormat.JSON,
    )
    raise typer.Exit(code)


@commands.command(
    rich_help_panel=HEADING, epilog="For example: `nightfit retrain age_income --dry-run`"
)
def retrain(
    dataset: Dataset,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Train as on that past night: only on rows up to this date, time or number.",
        ),
    ] = None,
    force: Force = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything except write to the database.")
    ] = False,
    no_wait: NoWait = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Retrain one dataset."""
    from flows.command.nights import run_retrain

    code = run_retrain(
        dataset,
        dry_run=dry_run,
        force=force,
        as_of=as_of,
        wait=not no_wait,
        as_json=format is ReportFormat.JSON,
    )
    raise typer.Exit(code)


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit plan`")
def plan(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets to look at.", show_default="all declared datasets"),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Another way to name a dataset; may be repeated."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Look at that past night instead of tonight."),
    ] = None,
    format: RowsFormat = OutputFormat.TABLE,
) -> None:
    """Say what tonight would do with each dataset, and why, without doing it.

    Reads and checks every source, and writes nothing: whether a run would be trained, skipped,
    rejected or fail; what has changed since the last good run (rows, declaration, code, libraries);
    how long it would take, by the last good runs; and what would be removed. The exit code is 0 if
    all would be fine, 1 if a source would be rejected or cannot be read, and 2 if a declaration has
    a mistake.
    """
    from flows.command.plan import run_plan

    names = [*(datasets or ()), *(dataset or ())]
    raise typer.Exit(run_plan(names, as_of=as_of, output_format=format))


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit check age_income`")
def check(
    dataset: Dataset,
    all: Annotated[
        bool, typer.Option("--all", help="List the checks that are met, too, not only how many.")
    ] = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Read a dataset and check it, without training and without writing to the database.

    Prints how each column is read and will enter the models, the checks that are not met, and what
    a night would warn of. The source is compared with the last good run, as a night would do. The
    exit code is 1 if a critical check fails.
    """
    from flows.command.check import run_check

    raise typer.Exit(run_check(dataset, as_json=format is ReportFormat.JSON, show_all=all))


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit accept age_income`")
def accept(dataset: Dataset, reason: Reason = None) -> None:
    """Accept how the source of a dataset looks now, after a run was rejected because it changed.

    Accepts the columns, the rows and the labels that the newest run read: kinds that changed,
    features that are gone or empty, new columns, other units. The next runs are compared with it.
    """
    from flows.command.accept import run_accept

    run_accept(dataset, reason=reason)


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit verify 12`")
def verify(
    run: RunId,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Fit a stored run again from its snapshot and compare every digit.

    Nothing is written. The exit code is 1 if anything differs.
    """
    from flows.command.verify import run_verify

    raise typer.Exit(run_verify(run, as_json=format is ReportFormat.JSON))


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit tutorial --open`")
def tutorial(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write.",
            show_default="reports/tutorial.html in NIGHTFIT_HOME",
        ),
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Run the three tutorials of the article, and show them on one page.

    One neuron learns a line in TensorFlow, in PyTorch and in Theano. Needs neither a dataset nor a
    database.
    """
    from flows.command.tutorial import run_tutorial

    run_tutorial(out, opened=open_it)
