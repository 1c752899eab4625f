"""The run of one dataset in a night: whatever happens to it, the night goes on."""

from dataclasses import dataclass, replace

from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError, RunFailed, UserError
from data.settings import Settings
from data.store.check.cause import damage_behind
from data.store.session import Store
from flows.command.endings import end_if_asked
from flows.lost_server import finished
from flows.page.events import FAILED, emit
from flows.retrain import retrain
from tasks.deliver import deliver
from tasks.draw import draw_run
from tasks.prune import prune
from tasks.run import progress
from tasks.run.memory import out_of_memory
from tasks.run.summary import Summary
from tasks.store import store_failure


@dataclass(frozen=True)
class Asked:
    """A run that is asked of a night; the fields are the parameters of `retrain`."""

    dataset: str
    as_of: str | None
    force: bool
    wait: bool


def run_dataset(asked: Asked, config: Settings) -> Summary:
    """Retrain a dataset; return what became of it, also if it failed.

    After a run that failed, what an earlier night could not deliver is delivered.
    """
    end_if_asked()
    summary = _retrained(asked, config)
    if summary.status not in DONE:
        summary = replace(summary, undelivered=_delivered_late(asked.dataset, config))
    return summary


def prune_dataset(dataset: str, config: Settings) -> None:
    """Remove old data of a dataset that nothing needs any more."""
    try:
        prune(dataset, Store(config.database_url), home=config.home, keep_runs=config.keep_runs)
    except UserError as error:
        progress.log(dataset, f"not pruned: {error}", warning=True)
    except Exception:  # noqa: BLE001 - the run itself is stored
        progress.LOG.exception("%s: not pruned because of a bug in nightfit", dataset)


def store_failed(asked: Asked, error: UserError, config: Settings) -> None:
    """Store that a run failed before it could store anything, and show it as any other one."""
    dataset, store = asked.dataset, Store(config.database_url, config.store_retry_time)
    run_id = store_failure(dataset, error, store, as_of=asked.as_of)
    draw_run(dataset, run_id, store, home=config.home)
    emit(FAILED, dataset, reason=str(error))


DONE = ("succeeded", "skipped")
"""How a run ends that has not failed."""


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


def _refuse_broken_declaration(asked: Asked, config: Settings) -> None:
    """Raise RunFailed for a declaration with mistakes, which leaves a trace like any failed run."""
    try:
        load_dataset(asked.dataset, config.datasets)
    except CallError as error:
        if asked.dataset not in declared_datasets(config.datasets):
            raise
        store_failed(asked, error, config)
        raise RunFailed(asked.dataset, "failed", str(error)) from error


def _retrained(asked: Asked, config: Settings) -> Summary:
    dataset, as_of = asked.dataset, asked.as_of
    try:
        _refuse_broken_declaration(asked, config)
        return finished(retrain, dataset, force=asked.force, as_of=as_of, wait=asked.wait)
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
