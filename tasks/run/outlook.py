"""What tonight would do with a dataset, and why, found out without fitting and without writing."""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

import data.checks.check
from data.checks.contract import Contract
from data.checks.waivers import remembered_kinds
from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.errors import SourceError, StoreError, UserError
from data.scratch import temporary_folder
from data.sources.row_changes import RowChanges, row_changes
from data.sources.settled import QUIET_SECONDS
from data.sources.snapshot import Snapshot, readings_of
from data.sources.stored_columns import StoredColumns
from data.store.read.champions import champion_model
from data.store.read.run_times import run_times
from data.store.retention import Removed, old_data
from data.store.session import Store
from data.store.write.prune import Coming
from tasks.run import progress
from tasks.run.attempt import Attempt
from tasks.run.changes import FIRST_RUN, Changes, changes_since
from tasks.run.duration import COMPARED_RUNS, Duration, expected_duration
from tasks.run.hold import has_later_data
from tasks.run.memory import give_back, out_of_memory
from tasks.run.night import contract, refuse_rejected
from tasks.run.prepared import Prepared
from tasks.run.reading import read_declared
from tasks.run.splitting import prepared

if TYPE_CHECKING:
    from tasks.run.workers import FrameworkWorkers

Ending = Literal["trained", "skipped", "rejected", "failed"]
SNAPSHOTS = "snapshots"
"""The folder of snapshots in the home."""

STATUS = {"trained": "succeeded"}
"""The status that a run is stored with, where its ending has another name."""


NOTHING_READ = Duration(0.0, "nothing would be read")


@dataclass(frozen=True)
class Place:
    """Where declarations, snapshots and the store are; None where there is no store yet.

    `workers` read the sources that are declared to be read on a cluster.
    """

    datasets: Path
    home: Path
    store: Store | None
    keep_runs: int
    workers: "FrameworkWorkers | None" = None


@dataclass(frozen=True)
class Outlook:
    """How the run of a dataset would end, and why.

    `changes` is None where the source could not be read, and `problem` is why a run would be
    rejected or fail. `rows` are how the rows differ from those of the run that they are compared
    with, or a sentence on why that is not known; None if they are the same. `removed` is None
    where there is no store. The exit code is that of a command which this dataset alone ended.
    """

    dataset: str
    ending: Ending
    changes: Changes | None = None
    problem: str | None = None
    snapshot: Snapshot | None = None
    rows: RowChanges | str | None = None
    duration: Duration = NOTHING_READ
    removed: Removed | None = None
    exit_code: int = 0


def outlook(dataset: str, place: Place, *, as_of: str | None = None) -> Outlook:
    """Return what a night would do with a dataset, tonight or on a past night.

    It takes the same steps as `flows/retrain.py`, up to the first fit. The source is read into
    temporary files, which are removed.
    """
    begin, seen, backfill = perf_counter(), Outlook(dataset, "failed"), False
    with temporary_folder() as folder:
        try:
            declaration = load_dataset(dataset, place.datasets)
            run = Attempt(declaration, as_of=as_of)
            expected = None
            if place.store is not None:
                expected = contract(place.store, declaration, as_of=as_of)
            snapshot = _read(run, expected, folder, place.workers)
            changes = FIRST_RUN
            if place.store is not None:
                changes = changes_since(run, snapshot, expected, place.store)
            rows = _row_changes(declaration, changes, snapshot, place.home)
            seen = replace(seen, changes=changes, snapshot=snapshot, rows=rows)
            if changes.are_none:
                duration = Duration(snapshot.seconds, "to read it, as just now")
                seen = replace(seen, ending="skipped", duration=duration)
            else:
                backfill = _is_backfill(run, _ready(run, snapshot, expected), place.store)
                seen = replace(seen, ending="trained", duration=_duration(seen, run, place.store))
        except (UserError, MemoryError) as error:
            duration = Duration(perf_counter() - begin, "to read and check it, as just now")
            seen = _ended(replace(seen, duration=duration), error)
    give_back()
    return _with_removed(seen, place, backfill=backfill)


def _read(
    run: Attempt, expected: Contract | None, folder: Path, workers: "FrameworkWorkers | None"
) -> Snapshot:
    declaration = run.declaration
    return read_declared(
        declaration,
        progress.Progress(declaration.name, "reading"),
        workers,
        folder=folder,
        as_of=run.as_of,
        kinds=remembered_kinds(declaration, expected),
        quiet_seconds=QUIET_SECONDS,
    )


def _ready(run: Attempt, snapshot: Snapshot, expected: Contract | None) -> Prepared:
    """Return the rows ready to be trained on; raise what a night would raise before it fits."""
    declaration, table = run.declaration, StoredColumns(snapshot.path)
    report = progress.Progress(declaration.name, "checking")
    readings = readings_of(snapshot.path)
    checked = data.checks.check.check(declaration, table, readings, expected, run.night, report)
    refuse_rejected(checked)
    return prepared(declaration, snapshot, checked)


def _row_changes(
    declaration: Declaration, changes: Changes, snapshot: Snapshot, home: Path
) -> RowChanges | str | None:
    """Return how the rows differ from those of the run that they are compared with."""
    last = changes.since
    if last is None or not any(change.what == "rows" for change in changes.changes):
        return None
    if last.snapshot is None or not (home / last.snapshot).is_file():
        return f"which of them is not known, because the snapshot of run {last.run_id} is gone"
    try:
        before = StoredColumns(home / last.snapshot)
        found = row_changes(before, StoredColumns(snapshot.path), declaration.key)
    except (SourceError, OSError, pa.ArrowException):
        return f"which of them is not known, because the snapshot of run {last.run_id} is damaged"
    return found or "which of them is not known, because the key is another one"


def _is_backfill(run: Attempt, ready: Prepared, store: Store | None) -> bool:
    """Return whether a past night would be a backfill, by the champion's data."""
    if run.as_of is None or store is None:
        return False
    champion = store.read(lambda connection: champion_model(connection, run.declaration.name))
    return champion is not None and has_later_data(champion.data_until, ready.times.data_until)


def _duration(seen: Outlook, run: Attempt, store: Store | None) -> Duration:
    assert seen.snapshot is not None and seen.changes is not None
    past = run.as_of is not None
    times = (
        []
        if store is None
        else store.read(lambda c: run_times(c, seen.dataset, most=COMPARED_RUNS, past_night=past))
    )
    return expected_duration(times, seen.snapshot.rows, seen.changes.changes)


def _ended(seen: Outlook, error: UserError | MemoryError) -> Outlook:
    """Return the outlook of a run that an error would end."""
    told = error if isinstance(error, UserError) else out_of_memory(error)
    assert told is not None
    ending: Ending = "rejected" if told.run_status == "rejected" else "failed"
    return replace(seen, ending=ending, problem=str(told), exit_code=told.exit_code)


def _with_removed(seen: Outlook, place: Place, *, backfill: bool) -> Outlook:
    """Add what would be removed once the run is stored, as a night does after each."""
    if place.store is None:
        return seen
    name, snapshot = None, seen.snapshot
    if snapshot is not None:  # where the night writes it
        name = f"{SNAPSHOTS}/{seen.dataset}/{snapshot.path.name}"
    coming = Coming(STATUS.get(seen.ending, seen.ending), name, backfill)
    try:
        removed = old_data(
            place.store, seen.dataset, home=place.home, keep_runs=place.keep_runs, coming=coming
        )
    except StoreError:  # told as the problem
        return seen
    return replace(seen, removed=removed)
