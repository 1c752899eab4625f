"""`nightfit prune`: remove old data that nothing needs any more."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import typer

from data.settings import settings
from data.store.database.engine import open_store
from data.store.read.known import refuse_unknown_dataset, stored_datasets
from data.store.retention import past, remove_past
from flows.command.screen import print_json
from flows.command.session import talking
from tasks.run.progress import tell


def run_prune(datasets: Sequence[str] | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove old data of the named datasets, or of all that are stored, and print how much.

    Raises CallError for a dataset without a stored run, before anything is removed.
    """
    engine = open_store(settings().database_url, reading=True)
    try:
        for name in datasets or ():
            refuse_unknown_dataset(engine, name)
        names = datasets or stored_datasets(engine)
    finally:
        engine.dispose()
    all_removed = []
    with talking():
        for name in names:
            waiting = partial(tell, name, "waiting for another run of this dataset to end")
            removed = past(name) if dry_run else remove_past(name, wait=True, told=waiting)
            all_removed.append(removed)
            if not as_json:
                typer.echo(f"{name}: {removed} {'would be ' if dry_run else ''}removed")
    if as_json:
        print_json([asdict(removed) for removed in all_removed])
