"""One night at a time for each dataset, and what the last good one had read."""

from collections.abc import Iterator
from contextlib import contextmanager

from data.checks.freshness import recency_findings
from data.declarations.model import Declaration
from data.settings import settings
from data.sources.snapshot import load
from data.store.database.lock import dataset_lock
from data.store.read.earlier_runs import LastGood, kept_rows, last_good, same_run
from data.store.session import Store
from tasks.run.attempt import Attempt
from tasks.run.progress import tell
from tasks.run.provenance import setup_fingerprint


@contextmanager
def one_night(declaration: Declaration, *, wait: bool) -> Iterator[None]:
    """Hold a dataset for this night; another one of it waits, or raises Busy where it may not."""
    name = declaration.name
    with dataset_lock(
        settings().database_url,
        name,
        wait=wait,
        on_wait=lambda: tell(
            name, "another night of this dataset is under way: waiting for its end"
        ),
    ):
        yield


def last_night(declaration: Declaration) -> LastGood | None:
    """Return the latest run that succeeded, backfills apart; None before there was one."""
    with Store(settings().database_url).reading() as connection:
        return last_good(connection, declaration.name)


def unchanged_since(run: Attempt) -> int | None:
    """Return the run that had the same rows, declaration, code and libraries; None: none had.

    For a night of today that is the last good one, for a night of the past any that succeeded. Rows
    that have become older than the declared `max_age` are not what they were: the checks must tell.
    """
    assert run.snapshot is not None
    now = run.snapshot.fingerprint, setup_fingerprint(run.declaration)
    if run.as_of is None:
        last = run.last
        same = last is not None and (last.fingerprint, last.setup_fingerprint) == now
        return last.run_id if last and same and not _too_old(run, last) else None
    with Store(settings().database_url).reading() as connection:
        return same_run(connection, run.declaration.name, *now)


def _too_old(run: Attempt, last: LastGood) -> bool:
    """Tell whether the newest time of the last good run's rows has gone past `max_age` by now."""
    declaration = run.declaration
    if declaration.time is None or declaration.max_age is None:
        return False
    assert run.snapshot is not None
    table = load(run.snapshot.path, [declaration.time])
    with Store(settings().database_url).reading() as connection:
        kept = kept_rows(connection, last.run_id, run.snapshot.rows)
    return any(one.sentence for one in recency_findings(declaration, table, kept, run.night))
