"""The `nightfit` command: starts flows, reads the store.

Prefect, pandas and the like are imported by the command that needs them: `nightfit query` should
answer at once, and a framework's worker process imports this file when it starts.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from data.errors import UserError
from flows.command.printable import printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Retrain regressions every night, and query what they predict.",
)
db = typer.Typer(no_args_is_help=True, help="Look after the database.")
app.add_typer(db, name="db")


class OutputFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class ReportFormat(StrEnum):
    """How a command's own report is printed."""

    TEXT = "text"
    JSON = "json"


Dataset = Annotated[str, typer.Argument(help="The name of a declared dataset.")]
Force = Annotated[bool, typer.Option("--force", help="Run also where nothing has changed.")]
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", help="End at once where another night of the dataset is under way."),
]
Pin = Annotated[bool, typer.Option("--pin", help="Let no night replace it until `nightfit unpin`.")]
AsReport = Annotated[ReportFormat, typer.Option("--format", help="Text to read, or JSON alone.")]


def main() -> None:
    """Run the command; a user's mistake ends in one message and exit code 1 or 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"nightfit: {printable(str(error))}", err=True)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stderr.close()
        raise SystemExit(0) from None


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nightfit {version('nightfit')}")
        raise typer.Exit


@app.callback()
def nightfit(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Retrain regressions every night, and query what they predict."""


@app.command(epilog="Example: `nightfit nightly age_income users_revenue`")
def nightly(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets to retrain; all that are declared if none.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="Make up for the nights from this day on.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last of these nights.")] = None,
    force: Force = False,
    no_wait: NoWait = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Retrain every declared dataset, one after the other; or make up for past nights, in order."""
    from flows.command.session import run_nightly

    code = run_nightly(
        datasets,
        force=force,
        wait=not no_wait,
        nights=(first, last),
        as_json=format is ReportFormat.JSON,
    )
    raise typer.Exit(code)


@app.command(epilog="Example: `nightfit retrain age_income --dry-run`")
def retrain(
    dataset: Dataset,
    as_of: Annotated[
        str | None,
        typer.Option(help="Train as that night would have: on rows up to this day or time."),
    ] = None,
    force: Force = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do everything but write to the database.")
    ] = False,
    no_wait: NoWait = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Retrain one dataset."""
    from flows.command.session import run_retrain

    code = run_retrain(
        dataset,
        dry_run=dry_run,
        force=force,
        as_of=as_of,
        wait=not no_wait,
        as_json=format is ReportFormat.JSON,
    )
    raise typer.Exit(code)


@app.command(epilog="Example: `nightfit verify 12`")
def verify(
    run: Annotated[int, typer.Argument(help="The run_id of a run that succeeded.")],
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Fit a stored run again from its snapshot, and compare every digit; write nothing."""
    from flows.command.inspection import run_verify

    raise typer.Exit(run_verify(run, as_json=format is ReportFormat.JSON))


@app.command(epilog="Example: `nightfit check age_income`")
def check(dataset: Dataset, format: AsReport = ReportFormat.TEXT) -> None:
    """Read and check a dataset; train nothing and write nothing to the database."""
    from flows.command.inspection import run_check

    raise typer.Exit(run_check(dataset, as_json=format is ReportFormat.JSON))


@app.command(epilog="Example: `nightfit predict age_income --source new.csv --out predicted.csv`")
def predict(
    dataset: Dataset,
    source: Annotated[Path, typer.Option(help="A CSV or Parquet file of rows to score.")],
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .json or .parquet file; printed as CSV if none.")
    ] = None,
) -> None:
    """Score new rows with the champion of a dataset."""
    from flows.command.inspection import run_predict

    run_predict(dataset, source, out)


@app.command(epilog="Example: `nightfit query current_prediction --dataset age_income --key 42`")
def query(
    view: Annotated[str, typer.Argument(help="A view, as champion or current_prediction.")],
    dataset: Annotated[str | None, typer.Option(help="Only the rows of this dataset.")] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Only rows of this key, spelled as in the column key; none if it is unknown."
        ),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="Columns to show, as A,B.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="At most so many rows.")] = None,
    format: Annotated[OutputFormat, typer.Option(help="How to print.")] = OutputFormat.TABLE,
) -> None:
    """Print the rows of a view."""
    from flows.command.query import run_query

    chosen = [name.strip() for name in columns.split(",")] if columns is not None else None
    run_query(
        view,
        dataset=dataset,
        key=key,
        columns=chosen,
        limit=limit,
        output_format=format.value,
    )


@app.command(epilog="Example: `nightfit gate age_income`")
def gate(dataset: Dataset, format: AsReport = ReportFormat.TEXT) -> None:
    """Print what the gate can and cannot see with the test rows of the last night."""
    from flows.command.champions import run_gate

    run_gate(dataset, as_json=format is ReportFormat.JSON)


@app.command(epilog="Example: `nightfit history age_income`")
def history(
    dataset: Dataset,
    format: Annotated[OutputFormat, typer.Option(help="How to print.")] = OutputFormat.TABLE,
) -> None:
    """Print every change of a dataset's champion, the newest first: when, to what, and why."""
    from flows.command.champions import run_history

    run_history(dataset, output_format=format.value)


@app.command(epilog="Example: `nightfit promote age_income 12 torch/least_squares --reason audit`")
def promote(
    dataset: Dataset,
    run: Annotated[int, typer.Argument(help="The run_id of the run that trained it.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the history.")],
    candidate: Annotated[
        str | None, typer.Argument(help="As torch/least_squares; the run's winner if none.")
    ] = None,
    pin: Pin = False,
) -> None:
    """Have a model of an earlier run serve from now on, whatever the gate says."""
    from flows.command.champions import run_promote

    run_promote(dataset, run, candidate, reason=reason, pin=pin)


@app.command(epilog="Example: `nightfit rollback age_income --pin`")
def rollback(
    dataset: Dataset,
    to: Annotated[
        int | None, typer.Option(help="The run_id that trained a champion of the past.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it stands in the history.")] = None,
    pin: Pin = False,
) -> None:
    """Have the champion before serve again."""
    from flows.command.champions import run_rollback

    run_rollback(dataset, to, reason=reason, pin=pin)


@app.command(epilog="Example: `nightfit unpin age_income`")
def unpin(
    dataset: Dataset,
    reason: Annotated[str | None, typer.Option(help="Why; it stands in the history.")] = None,
) -> None:
    """Let the nights replace a pinned champion again."""
    from flows.command.champions import run_unpin

    run_unpin(dataset, reason=reason)


@app.command(epilog="Example: `nightfit prune age_income --dry-run`")
def prune(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets to prune; all that are stored if none.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be removed, and remove nothing.")
    ] = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Remove what nobody needs of runs of long ago, as each night does; tell how much."""
    from flows.command.prune import run_prune

    run_prune(datasets, dry_run=dry_run, as_json=format is ReportFormat.JSON)


@app.command(epilog="Example: `nightfit resilience age_income`")
def resilience(
    dataset: Dataset,
    format: Annotated[OutputFormat, typer.Option(help="How to print.")] = OutputFormat.TABLE,
) -> None:
    """Print how the test error of a champion ANN grows as its hidden cells are silenced."""
    from flows.command.inspection import run_resilience

    run_resilience(dataset, output_format=format.value)


@app.command(epilog="Example: `nightfit status`")
def status(format: AsReport = ReportFormat.TEXT) -> None:
    """Print each dataset's last good night, its champion, and what is wrong."""
    from flows.command.inspection import run_status

    raise typer.Exit(run_status(as_json=format is ReportFormat.JSON))


@app.command(epilog="Example: `nightfit serve --port 4300`")
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of Prefect's page.")] = 4200,
) -> None:
    """Run a Prefect server with nightfit's deployments and a worker for them, until Ctrl-C."""
    from flows.command.serve import run_serve

    run_serve(port)


@db.command(epilog="Example: `nightfit db upgrade`")
def upgrade() -> None:
    """Create the tables and views, or bring those of an earlier version up to date."""
    from data.settings import settings
    from data.store.database.upgrades import upgrade as upgrade_store

    typer.echo(upgrade_store(settings().database_url))


if __name__ == "__main__":
    main()
