"""`nightfit prune`: remove old data that nothing needs any more."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import typer

from data.settings import Settings, settings
from data.store.read.datasets import refuse_unknown_dataset, stored_datasets
from data.store.retention import Removed, old_data, remove_old_data
from data.store.session import Store
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
    if as_json:
        print_json([asdict(removed) for removed in all_removed])


def _prune(config: Settings, dataset: str, *, dry_run: bool) -> Removed:
    store, home, keep_runs = Store(config.database_url), config.home, config.keep_runs
    if dry_run:
        return old_data(store, dataset, home=home, keep_runs=keep_runs)
    waiting = partial(progress.log, dataset, "waiting for another run of this dataset to end")
    remove_old_reports(home, dataset, keep_runs=keep_runs)
    return remove_old_data(
        store, dataset, home=home, keep_runs=keep_runs, wait=True, on_wait=waiting
    )
