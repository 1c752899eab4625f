"""The command that removes what runs of long ago need no more."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from data.settings import settings
from data.store.read.known import refuse_unknown_dataset, stored_datasets
from data.store.retention import old_data, remove_old_data
from data.store.session import Store
from flows.command.session import talking
from tasks.run import progress


def run_prune(datasets: Sequence[str] | None, *, dry_run: bool, as_json: bool) -> None:
    """Remove what is past of the named datasets, or of all, and print it in numbers.

    Raises CallError for a dataset of which no run is stored, before anything is removed.
    """
    store = Store(settings().database_url)
    with store.reading() as connection:
        for name in datasets or ():
            refuse_unknown_dataset(connection, name)
        names = datasets or stored_datasets(connection)
    all_removed = []
    with talking():
        for name in names:
            waits = partial(
                progress.log, name, "another night of it is under way: waiting for its end"
            )
            home, keep_runs = settings().home, settings().keep_runs
            removed = (
                old_data(store, name, home=home, keep_runs=keep_runs)
                if dry_run
                else remove_old_data(
                    store, name, home=home, keep_runs=keep_runs, wait=True, on_wait=waits
                )
            )
            all_removed.append(removed)
            if not as_json:
                print(f"{name}: {removed} {'would be ' if dry_run else ''}removed")  # noqa: T201
    if as_json:
        print(json.dumps([asdict(one) for one in all_removed], indent=2))  # noqa: T201
