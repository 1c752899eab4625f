"""The `nightfit` command: what it accepts, and the function that each subcommand calls.

Each subcommand imports what it needs when it is called. `nightfit query` should answer at once, and
every worker process of a framework imports this file when it starts.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from data.errors import UserError
from flows.command.options import (
    AsReport,
    Dataset,
    Force,
    NoWait,
    OutputFormat,
    Pin,
    Reason,
    ReportFormat,
    RowsFormat,
)
from flows.command.printable import printable

TRAIN, QUERY, CHAMPIONS, OPERATIONS = "Train", "Query and inspect", "Champions", "Operations"
"""Headings under which `nightfit --help` lists the commands."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Retrain regressions every night and query their predictions.",
)
db = typer.Typer(no_args_is_help=True, help="Manage the database.")
app.add_typer(db, name="db", rich_help_panel=OPERATIONS)


def main() -> None:
    """Run the command. A user's mistake ends in one message and exit code 1 or 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"nightfit: {printable(str(error))}", err=True)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # whoever read our output has closed it, for example `head`
        sys.stderr.close()
        raise SystemExit(0) from None


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"nightfit {version('nightfit')}")
        raise typer.Exit


@app.callback()
def nightfit(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Retrain regressions every night and query their predictions."""


@app.command(
    rich_help_panel=TRAIN,
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
    """Retrain every declared dataset, one after the other.

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


@app.command(rich_help_panel=TRAIN, epilog="For example: `nightfit retrain age_income --dry-run`")
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


@app.command(rich_help_panel=TRAIN, epilog="For example: `nightfit check age_income`")
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


@app.command(rich_help_panel=TRAIN, epilog="For example: `nightfit accept age_income`")
def accept(dataset: Dataset, reason: Reason = None) -> None:
    """Accept how the source of a dataset looks now, after a run was rejected because it changed.

    Accepts the columns, the rows and the labels that the newest run read: kinds that changed,
    features that are gone or empty, new columns, other units. The next runs are compared with it.
    """
    from flows.command.accept import run_accept

    run_accept(dataset, reason=reason)


@app.command(rich_help_panel=TRAIN, epilog="For example: `nightfit verify 12`")
def verify(
    run: Annotated[int, typer.Argument(help="The `run_id` of a run that succeeded.")],
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Fit a stored run again from its snapshot and compare every digit.

    Nothing is written. The exit code is 1 if anything differs.
    """
    from flows.command.verify import run_verify

    raise typer.Exit(run_verify(run, as_json=format is ReportFormat.JSON))


class _QueryCommand(TyperCommand):
    """The command `query`, whose help lists the views: they are imported only to print it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from data.store.views import VIEWS

        self.help = f"{self.help}\n\nThe views: {', '.join(f'`{name}`' for name in VIEWS)}."
        super().format_help(ctx, formatter)


@app.command(
    cls=_QueryCommand,
    rich_help_panel=QUERY,
    epilog="For example: `nightfit query current_prediction --dataset age_income --key 42`",
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
            "An unknown key gives no rows."
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
    limit: Annotated[int | None, typer.Option(min=0, help="Print at most this many rows.")] = None,
    format: RowsFormat = OutputFormat.TABLE,
) -> None:
    """Print the rows of a view. docs/database.md describes every view and column."""
    from flows.command.query import run_query

    names = [name.strip() for name in columns.split(",")] if columns is not None else None
    run_query(view, dataset=dataset, key=key, columns=names, limit=limit, output_format=format)


@app.command(
    rich_help_panel=QUERY,
    epilog="For example: `nightfit predict age_income --source new.csv --out predicted.csv`",
)
def predict(
    dataset: Dataset,
    source: Annotated[
        Path,
        typer.Option(
            help="File of rows to score, in any format of a source, with the dataset's key and "
            "feature columns."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; its name ends in .csv, .json or .parquet.",
            show_default="standard output",
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
) -> None:
    """Score new rows with the dataset's champion.

    Prints the key, the prediction, the bounds of its interval and a note for each row, and warns of
    odd rows on standard error. Cells are read as they were when the champion was trained. Nothing
    is written to the database.
    """
    from flows.command.predict import run_predict

    run_predict(dataset, source, out, format)


@app.command(rich_help_panel=QUERY, epilog="For example: `nightfit status`")
def status(format: AsReport = ReportFormat.TEXT) -> None:
    """Show each dataset's last run, its last good run, its champion and any problem.

    The exit code is 1 if the last run of any dataset failed or was rejected, or if a declaration
    has a mistake.
    """
    from flows.command.status import run_status

    raise typer.Exit(run_status(as_json=format is ReportFormat.JSON))


@app.command(rich_help_panel=QUERY, epilog="For example: `nightfit resilience age_income`")
def resilience(dataset: Dataset, format: RowsFormat = OutputFormat.TABLE) -> None:
    """Show how the test error of a champion ANN grows as its hidden cells are silenced."""
    from flows.command.resilience import run_resilience

    run_resilience(dataset, output_format=format)


@app.command(rich_help_panel=CHAMPIONS, epilog="For example: `nightfit history age_income`")
def history(dataset: Dataset, format: RowsFormat = OutputFormat.TABLE) -> None:
    """List every change of a dataset's champion, newest first: when, which models, and why."""
    from flows.command.history import run_history

    run_history(dataset, output_format=format)


@app.command(rich_help_panel=CHAMPIONS, epilog="For example: `nightfit gate age_income`")
def gate(dataset: Dataset, format: AsReport = ReportFormat.TEXT) -> None:
    """Show how large a gain must be for the gate to detect it with the latest test rows.

    The gate decides whether another model may replace the champion. This also shows how often it
    would let in a model that is no better, or worse.
    """
    from flows.command.gate import run_gate

    run_gate(dataset, as_json=format is ReportFormat.JSON)


@app.command(
    rich_help_panel=CHAMPIONS,
    epilog="For example: `nightfit promote age_income 12 torch/least_squares --reason audit`",
)
def promote(
    dataset: Dataset,
    run: Annotated[int, typer.Argument(help="The `run_id` of the run that trained the model.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is kept in the history.")],
    candidate: Annotated[
        str | None,
        typer.Argument(
            help="The model to promote, such as torch/least_squares.",
            show_default="the winner of the run",
        ),
    ] = None,
    pin: Pin = False,
) -> None:
    """Make a model of an earlier run the champion at once, whatever the gate says."""
    from flows.command.promote import run_promote

    run_promote(dataset, run, candidate, reason=reason, pin=pin)


@app.command(rich_help_panel=CHAMPIONS, epilog="For example: `nightfit rollback age_income --pin`")
def rollback(
    dataset: Dataset,
    to: Annotated[
        int | None,
        typer.Option(
            metavar="RUN",
            help="Go back to the former champion that this run trained.",
            show_default="the previous champion",
        ),
    ] = None,
    reason: Reason = None,
    pin: Pin = False,
) -> None:
    """Make the previous champion, or an earlier one, serve again at once."""
    from flows.command.promote import run_rollback

    run_rollback(dataset, to, reason=reason, pin=pin)


@app.command(rich_help_panel=CHAMPIONS, epilog="For example: `nightfit unpin age_income`")
def unpin(dataset: Dataset, reason: Reason = None) -> None:
    """Let coming nights replace a pinned champion again."""
    from flows.command.promote import run_unpin

    run_unpin(dataset, reason=reason)


@app.command(
    rich_help_panel=OPERATIONS, epilog="For example: `nightfit prune age_income --dry-run`"
)
def prune(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets to prune.", show_default="all stored datasets"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report what would be removed; remove nothing.")
    ] = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Remove old data that nothing needs any more, as every night does, and report how much.

    `NIGHTFIT_KEEP_RUNS` sets how many runs of a dataset stay whole. A model that ever served always
    stays, with its predictions.
    """
    from flows.command.prune import run_prune

    run_prune(datasets, dry_run=dry_run, as_json=format is ReportFormat.JSON)


@app.command(rich_help_panel=OPERATIONS, epilog="For example: `nightfit serve --port 4300`")
def serve(
    port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65535,
            help="Port of Prefect's web page. Not used if Prefect already has a server "
            "(`PREFECT_API_URL`).",
        ),
    ] = 4200,
) -> None:
    """Run Prefect with nightfit's schedule, its web page and a worker, until Ctrl-C."""
    from flows.command.serve import run_serve

    run_serve(port)


@db.command(epilog="For example: `nightfit db upgrade`")
def upgrade() -> None:
    """Create the tables and views, or upgrade those of an earlier version of nightfit."""
    from data.settings import settings
    from data.store.database.upgrades import upgrade as upgrade_store

    typer.echo(upgrade_store(settings().database_url))


if __name__ == "__main__":
    main()
