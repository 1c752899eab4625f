"""A whole night: every declared dataset, one after the other, or several at a time on a cluster."""

from collections.abc import Sequence
from datetime import date

from prefect import flow

from data.declarations.file import declared_datasets
from data.errors import NightFailed
from data.settings import Settings, settings
from data.store.session import Store
from flows.alarm import alarming
from flows.dataset_run import DONE, Asked, prune_dataset, run_dataset
from flows.lost_server import outlasting, server_was_lost
from flows.noted import leaving_a_note
from flows.page.names import nightly_name
from flows.page.shown import night_on_page
from flows.side_by_side import at_a_time, side_by_side
from tasks.check_database import check_if_due
from tasks.prune_page import prune_page
from tasks.run.private import keep_private
from tasks.run.summary import Summary
from tasks.run.workers import framework_workers


@flow(flow_run_name=nightly_name, persist_result=False)
@night_on_page
@outlasting
@alarming
@leaving_a_note
def nightly(
    datasets: Sequence[str] = (),
    force: bool = False,
    as_of: Sequence[date] = (),
    wait: bool = True,
) -> list[Summary]:
    """Retrain the chosen datasets, or all that are declared; one that fails does not stop the rest.

    After each run, old data that nothing needs any more is removed; once a week, the database is
    then checked.

    Args:
        datasets: Retrain only these. If none is chosen, all declared datasets.
        force: Train even if nothing has changed since the last good run.
        as_of: Train these past nights instead of tonight, in this order. Each needs datasets with
            a time column.
        wait: If another run of a dataset is in progress, wait for its end instead of failing.
    """
    config = settings()
    keep_private(config)
    names = datasets or declared_datasets(config.datasets)
    runs = [
        Asked(name, night, force, wait)
        for night in ([*map(str, as_of)] or (None,))
        for name in names
    ]
    with framework_workers(config) as workers:
        processes = at_a_time(len({*names})) if workers.are_on_cluster else 1
        if processes > 1:
            summaries = side_by_side(runs, processes, config, workers)
        else:
            summaries = [_done(run, config) for run in runs]
    check_if_due(Store(config.database_url), home=config.home, keep_runs=config.keep_runs)
    if not server_was_lost():
        prune_page()
    failed = [run.dataset for run in summaries if run.status not in DONE]
    undelivered = [run.dataset for run in summaries if run.undelivered]
    if failed or undelivered:
        raise NightFailed(summaries, failed, undelivered)
    return summaries


def _done(run: Asked, config: Settings) -> Summary:
    summary = run_dataset(run, config)
    prune_dataset(run.dataset, config)
    return summary
