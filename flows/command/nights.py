"""`nightfit nightly` and `nightfit retrain`: run the flow and print its summary."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from data.address_space import require_address_space
from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError, HomeError, NightFailed, NoServer, StoreError, UserError
from data.settings import Settings, settings
from data.store.database.lock import dataset_lock
from data.store.session import Store
from flows.command.past_nights import days_between, with_time_column
from flows.command.prefect_defaults import set_prefect_defaults
from flows.command.prefect_settings import forget_users_prefect
from flows.command.reports_address import reports_address
from flows.command.session import carry_out, working
from flows.command.summary import print_summaries

if TYPE_CHECKING:
    from tasks.run.summary import Summary


def run_nightly(
    datasets: list[str] | None,
    *,
    force: bool,
    wait: bool,
    nights: tuple[str | None, str | None],
    as_json: bool,
) -> int:
    """Retrain datasets tonight, or for each night of a range; return the exit code."""
    require_address_space()
    config = settings()
    names = datasets or list(declared_datasets(config.datasets))
    for name in datasets or []:
        load_dataset(name, config.datasets)  # report a wrong call before any work
    if not names:
        raise UserError(
            "no dataset is declared.",
            where=str(config.datasets),
            next_step="Put one YAML file per dataset in that folder.",
        )
    past = days_between(*nights)
    if past:
        names = with_time_column(names, config.datasets, named=bool(datasets))
    with _recorded(names, config), working(config, names):
        from flows.nightly import nightly

        try:
            done = carry_out(nightly, names, force=force, as_of=past, wait=wait)
            summaries: Sequence[Summary] = done
            code = 0
        except NightFailed as failure:
            summaries, code = failure.summaries, failure.exit_code
    print_summaries(
        summaries,
        Store(config.database_url).display_url,
        reports=reports_address(config.home),
        as_json=as_json,
    )
    return code


def run_retrain(
    dataset: str, *, dry_run: bool, force: bool, as_of: str | None, wait: bool, as_json: bool
) -> int:
    """Retrain one dataset; return the exit code."""
    require_address_space()
    config = settings()
    declaration = load_dataset(dataset, config.datasets)
    if as_of is not None:
        from data.sources.as_of import require_date_time_or_number, require_time_column

        require_time_column(declaration)  # report a wrong call before any work
        require_date_time_or_number(as_of)
    if not wait:
        with dataset_lock(config.database_url, dataset, wait=False):
            pass  # raises Busy at once; the flow takes the lock for itself
    with _recorded([] if dry_run else [dataset], config), working(config, [dataset]):
        from flows.retrain import retrain

        summary = carry_out(retrain, dataset, dry_run=dry_run, force=force, as_of=as_of, wait=wait)
    print_summaries(
        [summary],
        Store(config.database_url).display_url,
        reports=reports_address(config.home),
        as_json=as_json,
    )
    return 1 if summary.undelivered else 0


@contextmanager
def _recorded(names: Sequence[str], config: Settings) -> Iterator[None]:
    """Store the runs of these datasets as failed if Prefect or the home cannot be used."""
    try:
        yield
    except (NoServer, HomeError) as error:
        if not names:
            raise
        with tempfile.TemporaryDirectory() as folder, chdir(folder):  # Prefect may refuse ours
            forget_users_prefect(Path(folder))
            set_prefect_defaults(Path(folder))
            from flows.alarm import send_alarms
            from tasks.store import store_failure
        for name in names:
            try:
                declaration = load_dataset(name, config.datasets)
            except CallError:
                declaration = None
            with suppress(StoreError):  # what the user must mend first is the other error
                store_failure(name, error, Store(config.database_url), declaration=declaration)
        send_alarms(config)
        raise
