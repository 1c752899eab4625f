"""The commands that `nightfit --help` lists under Operations."""

from typing import Annotated

import typer

from flows.command.options import AsReport, ReportFormat, whole_number

HEADING = "Operations"

commands = typer.Typer()
db = typer.Typer(no_args_is_help=True, help="Manage the database.")
commands.add_typer(db, name="db", rich_help_panel=HEADING)
notify = typer.Typer(no_args_is_help=True, help="Try the recipients of alarms.")
commands.add_typer(notify, name="notify", rich_help_panel=HEADING)


@commands.command(
    rich_help_panel=HEADING, epilog="For example: `nightfit prune age_income --dry-run`"
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


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit serve --port 4300`")
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The address that Prefect's server listens on. One that other machines reach "
            "needs `--behind-tls`.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            parser=whole_number(1, 65535),
            metavar="N",
            help="Port of Prefect's web page. Not used if Prefect already has a server "
            "(`PREFECT_API_URL`).",
        ),
    ] = 4200,
    behind_tls: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The URL of a proxy with TLS that leads to the page, such as "
            "`https://night.example.com`.",
        ),
    ] = None,
) -> None:
    """Run Prefect with nightfit's schedule, its web page and a worker, until Ctrl-C."""
    from flows.command.serve import run_serve

    run_serve(host, port, behind_tls=behind_tls)


@notify.command("test", epilog="For example: `nightfit notify test`")
def try_recipients(
    recipient: Annotated[
        str | None,
        typer.Argument(
            help="A URL to try, as in `NIGHTFIT_NOTIFY`; other users of this machine may see it.",
            show_default="all recipients of `NIGHTFIT_NOTIFY`",
        ),
    ] = None,
) -> None:
    """Send a test message to each recipient of alarms; the exit code is 1 if one is not reached.

    Those that are reached also get the alarms that had not reached them before.
    """
    from flows.command.notify import run_notify_test

    raise typer.Exit(run_notify_test(recipient))


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit config --format json`")
def config(format: AsReport = ReportFormat.TEXT) -> None:
    """Show every setting with its value, where it comes from, and what it means; no secrets.

    The settings that nightfit makes for Prefect are there, too, and variables that look like
    settings, but are none.
    """
    from flows.command.config import run_config

    run_config(as_json=format is ReportFormat.JSON)


@db.command(epilog="For example: `nightfit db upgrade`")
def upgrade() -> None:
    """Create the tables and views, or upgrade those of an earlier version of nightfit."""
    from data.settings import settings
    from data.store.database.upgrades import upgrade as upgrade_store

    typer.echo(upgrade_store(settings().database_url))


@db.command("check", epilog="For example: `nightfit db check`")
def check_database(
    acknowledge: Annotated[
        bool,
        typer.Option(
            "--acknowledge",
            help="Go on with what is wrong now: only what else is found later counts.",
        ),
    ] = False,
    format: AsReport = ReportFormat.TEXT,
) -> None:
    """Check that nothing in the database, and no snapshot, has been damaged.

    Checks the database's own integrity, its references, the checksums of all that runs have stored,
    that every model loads, and the snapshots that runs need. Says what to do about each thing that
    is wrong. Nights do this once a week. The exit code is 1 if anything is wrong.
    """
    from flows.command.db_check import run_db_check

    as_json = format is ReportFormat.JSON
    raise typer.Exit(run_db_check(as_json=as_json, acknowledge=acknowledge))
