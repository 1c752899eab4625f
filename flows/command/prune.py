"""`nightfit prune`: remove old data that nothing needs any more."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import typer

from data.errors import NoServer
from data.settings import Settings, settings
from data.store.read.datasets import refuse_unknown_dataset, stored_datasets
from data.store.retention import Removed, old_data, remove_old_data
from data.store.session import Store
from flows.command.prefect_defaults import set_prefect_defaults
from flows.command.prefect_server import api_url, server_errors
from flows.command.prefect_settings import import_prefect
from flows.command.screen import print_json
from flows.command.session import talking
from tasks.report.files import remove_old_reports
from tasks.run import progress


def run_prune(datasets: Sequence[str] | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove old data of the named datasets, or of all that are stored, and print how much.

    Once a week, the database is then checked, and what is wrong is reported as a warning.
    Raises CallError for a dataset without a stored run, before anything is removed.
    """
    from tasks.check_database import check_if_due  # imports the numerics

    config = settings()
    with Store(config.database_url).reading() as connection:
        for name in datasets or ():
            refuse_unknown_dataset(connection, name)
        names = datasets or stored_datasets(connection)
    all_removed = []
    with talking():
        for name in names:
            removed = _prune(config, name, dry_run=dry_run)
            all_removed.append(removed)
            if not as_json:
                typer.echo(f"{name}: {removed} {'would be ' if dry_run else ''}removed")
        if not dry_run:
            check_if_due(Store(config.database_url), home=config.home, keep_runs=config.keep_runs)
        _prune_page(config, dry_run=dry_run)
    if as_json:
        print_json([asdict(removed) for removed in all_removed])


def _prune_page(config: Settings, *, dry_run: bool) -> None:
    """Remove nightfit's old runs from the user's Prefect server, if there is one.

    The server of `nightfit serve` does it by itself. One that cannot be used is a warning.
    """
    from tasks.prune_page import in_words, remove_old_runs

    set_prefect_defaults(config.home)
    try:
        import_prefect()
        if not api_url():
            return
        with server_errors():
            removed = remove_old_runs(dry_run=dry_run)
    except NoServer as error:
        progress.LOG.warning("%s%s", f"{error.where}: " if error.where else "", error.what)
        return
    progress.LOG.info("%s", in_words(removed, dry_run=dry_run))


def _prune(config: Settings, dataset: str, *, dry_run: bool) -> Removed:
    store, home, keep_runs = Store(config.database_url), config.home, config.keep_runs
    if dry_run:
        return old_data(store, dataset, home=home, keep_runs=keep_runs)
    waiting = partial(progress.log, dataset, "waiting for another run of this dataset to end")
    remove_old_reports(home, dataset, keep_runs=keep_runs)
    return remove_old_data(
        store, dataset, home=home, keep_runs=keep_runs, wait=True, on_wait=waiting
    )
