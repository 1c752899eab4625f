"""Many predictions on their way to PostgreSQL: the workers of a cluster copy them, in parts."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from data.errors import ClusterError, HomeError, StoreError
from data.store.records import RunRecord
from data.store.row_columns import ModelRef
from data.store.session import Store
from data.store.write.run_table_upkeep import drop_left
from data.store.write.run_tables import (
    CopiedRows,
    CopiedRun,
    RunTable,
    make_run_table,
    may_add_tables,
    reserved_ids,
)
from data.store.write.segments import with_routes
from regressors.blocks import blocks_of
from regressors.frameworks.registry import NUMPY
from regressors.frameworks.workers import Reporter, WorkerFailed
from regressors.shared_work import Calls
from tasks.cluster.copy_job import NotCopied, PlacedRows, RowsToCopy, checksum, copy_rows
from tasks.cluster.token_file import Token
from tasks.run import progress
from tasks.run.gathered import results
from tasks.run.processes import Processes
from tasks.run.row_files import RowFiles

MIN_ROWS = 2**20
"""Fewer rows are written by this machine, in a few seconds, and need no table of their own."""

PART_ROWS = 2**17
"""The rows of a part: some tenths of a second of work."""

Tell = Callable[[str], None]
Tables = dict[ModelRef, RunTable]


class _Refused(Exception):
    """The rows cannot be copied by workers, for a reason in words."""


@contextmanager
def copied_on(
    processes: Processes | None, tell: Tell, store: Store, record: RunRecord, files: RowFiles
) -> Iterator[CopiedRun | None]:
    """Have the processes of a cluster copy a run's predictions; give what its transaction needs.

    That is None where there are few, no cluster or no PostgreSQL, and where it cannot be done: then
    `tell` gets a sentence on why. What the run does not take is removed at the end. The caller
    holds the lock of the dataset.
    """
    many = [rows for rows in record.predictions if len(rows.key) >= MIN_ROWS]
    if processes is None or not many or not store.is_postgresql:
        yield None
        return
    try:
        yield _copied(processes, tell, store, record, files)
    finally:
        with suppress(StoreError, DBAPIError), Store(store.url).writing() as connection:
            drop_left(connection, record.dataset)


def _copied(
    processes: Processes,
    tell: Tell,
    store: Store,
    record: RunRecord,
    files: RowFiles,
) -> CopiedRun | None:
    many = [rows for rows in with_routes(record) if len(rows.key) >= MIN_ROWS]
    reporter = partial(progress.Progress, record.dataset, "storing")
    refused: dict[str, str] = {}
    try:
        run_id, model_ids, tables = store.write(
            lambda connection: _made(connection, record, [rows.model for rows in many])
        )
        token = Token.written(files.folder)
        done = {}
        for rows in many:
            placed = PlacedRows.of(rows, files.stored, token)
            table = tables[rows.model]
            done[rows.model] = _copy(processes, table, placed, refused, reporter)
    except (_Refused, ClusterError, WorkerFailed, StoreError, HomeError, DBAPIError) as error:
        reasons = [f"{worker} {why}" for worker, why in refused.items()] or [_in_words(error)]
        number = sum(len(rows.key) for rows in many)
        tell(
            f"{number:,} predictions could not be written to the database by the workers, and are"
            f" written by this machine: {reasons[0]}."
        )
        return None
    for worker, why in refused.items():
        tell(f"The worker {worker} {why}; others wrote its share of the predictions.")
    return CopiedRun(run_id, model_ids, done)


def _made(
    connection: Connection, record: RunRecord, models: Sequence[ModelRef]
) -> tuple[int, dict[str, int], Tables]:
    """Reserve the ids of a run, and make a table for each of some models."""
    drop_left(connection, record.dataset)
    if not may_add_tables(connection):
        raise _Refused(
            "the role that runs the nights neither owns the table prediction nor may make tables in"
            " its schema, of which it needs both"
        )
    run_id, ids = reserved_ids(connection, record)
    tables: Tables = {}
    for ref in models:
        model_id = ref if isinstance(ref, int) else ids[ref]
        tables[ref] = make_run_table(connection, record.dataset, run_id=run_id, model_id=model_id)
    return run_id, ids, tables


def _copy(
    processes: Processes,
    table: RunTable,
    placed: PlacedRows,
    refused: dict[str, str],
    reporter: Reporter,
) -> CopiedRows:
    """Have rows copied, each part until a worker has done it; `refused` gets those that cannot."""
    whole = RowsToCopy(table, placed, slice(0, placed.rows))
    jobs: list[tuple[Callable[..., Any], RowsToCopy]] = [(checksum, whole)]
    for part in blocks_of(placed.rows, PART_ROWS):
        jobs.append((copy_rows, replace(whole, part=part)))
    transactions: list[int] = []
    summed: tuple[int, str] | None = None
    while jobs:
        again = []
        calls = Calls("predictions written", len(jobs), _calls(jobs, refused))
        answers = results(processes, NUMPY.name, reporter, calls)
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, NotCopied):
                refused[answer.worker] = answer.why
                again.append(job)
            elif isinstance(answer, int):
                transactions.append(answer)
            else:
                summed = answer
        jobs = again
    assert summed is not None
    return CopiedRows(table, *summed, frozenset(transactions))


def _calls(
    jobs: Sequence[tuple[Callable[..., Any], RowsToCopy]], refused: dict[str, str]
) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    for function, job in jobs:
        yield function, (replace(job, not_on=frozenset(refused)),)


def _in_words(error: Exception) -> str:
    text = str(error.orig).partition("\n")[0] if isinstance(error, DBAPIError) else str(error)
    return text.rstrip(".")
