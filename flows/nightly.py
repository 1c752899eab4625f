"""A whole night: every declared dataset, one after the other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from prefect import flow

from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError, NightFailed, RunFailed, UserError
from data.settings import Settings, settings
from data.store.check.cause import damage_behind
from data.store.session import Store
from flows.alarm import alarming
from flows.command.endings import end_if_asked
from flows.lost_server import finished, outlasting, server_was_lost
from flows.noted import leaving_a_note
from flows.page.events import FAILED, emit
from flows.page.names import nightly_name
from flows.page.shown import night_on_page
from flows.retrain import retrain
from tasks.check_database import check_if_due
from tasks.deliver import deliver
from tasks.draw import draw_run
from tasks.prune import prune
from tasks.prune_page import prune_page
from tasks.run import progress
from tasks.run.memory import out_of_memory
from tasks.run.private import keep_private
from tasks.run.summary import Summary
from tasks.run.workers import framework_workers
from tasks.store import store_failure

DONE = ("succeeded", "skipped")


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
    with framework_workers(config):
        summaries = [
            _run(name, config, force=force, as_of=night, wait=wait)
            for night in ([*map(str, as_of)] or (None,))
            for name in names
        ]
    check_if_due(Store(config.database_url), home=config.home, keep_runs=config.keep_runs)
    if not server_was_lost():
        prune_page()
    failed = [run.dataset for run in summaries if run.status not in DONE]
    undelivered = [run.dataset for run in summaries if run.undelivered]
    if failed or undelivered:
        raise NightFailed(summaries, failed, undelivered)
    return summaries


def _run(dataset: str, config: Settings, *, force: bool, as_of: str | None, wait: bool) -> Summary:
    end_if_asked()
    summary = _retrained(dataset, config, force=force, as_of=as_of, wait=wait)
    if summary.status not in DONE:
        summary = replace(summary, undelivered=_delivered_late(dataset, config))
    try:
        prune(dataset, Store(config.database_url), home=config.home, keep_runs=config.keep_runs)
    except UserError as error:
        progress.log(dataset, f"not pruned: {error}", warning=True)
    except Exception:  # noqa: BLE001 - the run itself is stored
        progress.LOG.exception("%s: not pruned because of a bug in nightfit", dataset)
    return summary


def _delivered_late(dataset: str, config: Settings) -> str | None:
    """Deliver what an earlier night could not, after a run that failed; return why it cannot be."""
    try:
        declaration = load_dataset(dataset, config.datasets)
    except CallError:
        return None
    try:
        return deliver(declaration, Store(config.database_url))
    except UserError as error:
        return str(error)


def _refuse_broken_declaration(dataset: str, config: Settings, *, as_of: str | None) -> None:
    """Raise RunFailed for a declaration with mistakes, which leaves a trace like any failed run."""
    try:
        load_dataset(dataset, config.datasets)
    except CallError as error:
        if dataset not in declared_datasets(config.datasets):
            raise
        store = Store(config.database_url, config.store_retry_time)
        run_id = store_failure(dataset, error, store, as_of=as_of)
        draw_run(dataset, run_id, store, home=config.home)
        emit(FAILED, dataset, reason=str(error))
        raise RunFailed(dataset, "failed", str(error)) from error


def _retrained(
    dataset: str, config: Settings, *, force: bool, as_of: str | None, wait: bool
) -> Summary:
    try:
        _refuse_broken_declaration(dataset, config, as_of=as_of)
        return finished(retrain, dataset, force=force, as_of=as_of, wait=wait)
    except RunFailed as failure:
        progress.log(dataset, f"{failure.status}: {failure.what}", warning=True)
        return Summary(dataset, failure.status, as_of=as_of, remarks=(failure.what,))
    except UserError as error:
        progress.log(dataset, f"failed: {error}", warning=True)
        return Summary(dataset, "failed", as_of=as_of, remarks=(str(error),))
    except Exception as error:  # noqa: BLE001 - one dataset does not stop the others
        end_if_asked()
        if cause := out_of_memory(error) or damage_behind(config.database_url):
            progress.log(dataset, f"failed: {cause}", warning=True)
            return Summary(dataset, "failed", as_of=as_of, remarks=(str(cause),))
        progress.LOG.exception("%s: failed because of a bug in nightfit", dataset)
        return Summary(
            dataset, "failed", as_of=as_of, remarks=(f"{type(error).__name__}: {error}",)
        )
