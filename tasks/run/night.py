"""One run of a dataset at a time, and none if nothing has changed since the last good one."""

from collections.abc import Iterator
from contextlib import contextmanager

from data.checks.contract import Contract
from data.checks.freshness import recency_findings
from data.declarations.model import Declaration
from data.errors import Unchanged
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.store.database.lock import DatasetLock, dataset_lock
from data.store.read.champions import champion_model
from data.store.read.contract import contract_of
from data.store.read.earlier_runs import LastGood, kept_rows, last_good, same_run
from data.store.session import Store
from tasks.run import progress
from tasks.run.attempt import Attempt
from tasks.run.provenance import setup_fingerprint


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


def skip_if_unchanged(
    run: Attempt, snapshot: Snapshot, expected: Contract | None, store: Store, *, force: bool
) -> None:
    """Raise Unchanged, unless `force`, if an earlier run had the same rows and the same setup.

    The setup is the declaration, the code and the library versions.
    """
    run_id = None if force else unchanged_since(run, snapshot, expected, store)
    if run_id is not None:
        raise Unchanged(
            f"nothing has changed since run {run_id}: the same rows, declaration, code and"
            " library versions.",
            next_step="Use --force to run anyway.",
        )


def unchanged_since(
    run: Attempt, snapshot: Snapshot, expected: Contract | None, store: Store
) -> int | None:
    """Return the id of the run that had the same rows and setup, None if there is none.

    Tonight only the last good run counts; on a past night, any run that succeeded does. Rows that
    are now older than the declared `max_age` count as changed, since the checks must report them,
    and so does everything after a person has accepted how the source looks now, or while the
    champion is damaged, which only another model can mend.
    """
    now, dataset = (snapshot.fingerprint, setup_fingerprint(run.declaration)), run.declaration.name
    if expected is not None and expected.accepted:
        return None
    if run.as_of is not None:
        return store.read(lambda connection: same_run(connection, dataset, *now))
    last, champion = store.read(
        lambda connection: (last_good(connection, dataset), champion_model(connection, dataset))
    )
    if champion is not None and champion.damage is not None:
        return None
    if last is None or (last.fingerprint, last.setup_fingerprint) != now:
        return None
    return None if _are_too_old(run, snapshot, last, store) else last.run_id


def _are_too_old(run: Attempt, snapshot: Snapshot, last: LastGood, store: Store) -> bool:
    """Return whether the newest time of the last good run's rows is now older than `max_age`."""
    declaration = run.declaration
    if declaration.time is None or declaration.max_age is None:
        return False
    table = StoredColumns(snapshot.path)
    kept = store.read(lambda connection: kept_rows(connection, last.run_id, snapshot.rows))
    findings = recency_findings(declaration, table, kept, run.night)
    return any(finding.sentence for finding in findings)
