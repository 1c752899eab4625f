"""One run of a dataset at a time, and none if nothing has changed since the last good one."""

from collections.abc import Iterator
from contextlib import contextmanager

from data.called_from import asking
from data.checks.contract import Contract
from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.errors import Rejected, Unchanged
from data.sources.snapshot import Snapshot
from data.store.database.lock import DatasetLock, dataset_lock
from data.store.read.contract import contract_of
from data.store.session import Store
from tasks.run import progress
from tasks.run.attempt import Attempt
from tasks.run.changes import changes_since


@contextmanager
def only_run(store: Store, dataset: str, *, wait: bool) -> Iterator[DatasetLock]:
    """Lock a dataset for this run; if another run holds it, wait, or raise Busy without `wait`."""
    message = "another run of this dataset is in progress: waiting for it to end"
    with dataset_lock(
        store.url,
        dataset,
        wait=wait,
        on_wait=lambda: progress.log(dataset, message),
        retry_time=store.retry_time,
    ) as lock:
        yield lock


def contract(
    store: Store, declaration: Declaration, *, as_of: str | None, before_run: int | None = None
) -> Contract | None:
    """Return what the source is compared with: how it looked last, or before a stored run.

    A past night has other rows, so only the columns and their kinds are compared.
    """
    name = declaration.name
    last = store.read(lambda connection: contract_of(connection, name, before_run=before_run))
    return last if last is None or as_of is None else last.without_counts()


def refuse_rejected(checked: Checked) -> None:
    """Raise Rejected if a critical check failed."""
    if not checked.passed:
        raise Rejected(checked.reason or "the data did not pass its checks.")


def skip_if_unchanged(
    run: Attempt, snapshot: Snapshot, expected: Contract | None, store: Store, *, force: bool
) -> None:
    """Raise Unchanged, unless `force`, if nothing has changed since an earlier run."""
    changes = changes_since(run, snapshot, expected, store)
    if changes.are_none and not force:
        step = asking(terminal="Use --force to run anyway.", page="Set force to run anyway.")
        raise Unchanged(f"{changes.reason}.", next_step=step)
    why = f"although {changes.reason}" if changes.are_none else changes.reason
    progress.log(run.declaration.name, f"trains ({why})")
