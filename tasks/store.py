"""Store a run, however it ended: one record, in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from traceback import clear_frames

from prefect import runtime
from sqlalchemy import Connection

from data.declarations.model import Declaration
from data.errors import CallError, NothingFitted, RunFailed, StoreAway, UserError
from data.scratch import reserved_room
from data.store.database.lock import DatasetLock
from data.store.records import RunRecord
from data.store.results.names import refuse_name, wanted_name
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.store.write.run import write_run
from data.store.write.run_tables import CopiedRun
from regressors.progress import reporting_to
from tasks.report.figures import run_figures
from tasks.run import progress
from tasks.run.attempt import Attempt, Trained
from tasks.run.doubts import doubts
from tasks.run.memory import out_of_memory
from tasks.run.predictions import tonights_predictions, unstored_warning
from tasks.run.record import run_record
from tasks.run.step import step
from tasks.run.step_times import recording_to
from tasks.run.workers import FrameworkWorkers


@contextmanager
def new_attempt(
    declaration: Declaration,
    store: Store,
    *,
    home: Path,
    as_of: str | None,
    dry_run: bool,
    at_end: Callable[[Attempt], object] = lambda _run: None,
) -> Iterator[Attempt]:
    """Yield a new attempt; if it fails, store how, whether or not its source could be read.

    A run that is skipped ends here and is stored as skipped. Nothing is stored if the call itself
    is wrong, the store cannot be used or the process is killed. At the end, `at_end` gets the
    attempt, which has a `run_id` if it was stored. Raises RunFailed if the run was stored as failed
    or rejected.
    """
    store.ensure_ready()  # so that a broken store is reported before any work
    run = Attempt(declaration, as_of=as_of)
    with reserved_room() as free_room:
        try:
            if declaration.results.table is not None:
                store.read(partial(refuse_declared_name, declaration=declaration))
            with recording_to(run.step_times):
                yield run
        except Exception as error:
            user_error = error if isinstance(error, UserError) else out_of_memory(error)
            status = user_error.run_status if user_error else "failed"
            is_wrong_call = isinstance(error, CallError) and run.snapshot is None
            if is_wrong_call or status is None:
                raise
            run.status = status
            run.reason = user_error.run_reason if user_error else f"{type(error).__name__}: {error}"
            if not dry_run:
                free_room()
                _write(run, store, home)
                at_end(run)
            _let_go_of_rows(run, error)
            if status == "skipped":
                progress.log(declaration.name, f"skipped: {run.reason}")
                return
            if user_error:
                raise RunFailed(declaration.name, status, str(user_error)) from error
            raise
        else:
            at_end(run)


def _let_go_of_rows(run: Attempt, error: BaseException) -> None:
    """Forget the rows of a run that failed: their files go, before the next dataset of the night.

    The frames of an error keep what its steps had.
    """
    run.prepared, run.trained, run.fits = None, None, {}
    of: BaseException | None = error
    while of is not None:
        clear_frames(of.__traceback__)
        of = of.__cause__ or of.__context__


def store_failure(
    dataset: str,
    error: UserError,
    store: Store,
    *,
    as_of: str | None = None,
    declaration: Declaration | None = None,
) -> int:
    """Store that a run failed before its source could be read; return its run_id."""
    now = datetime.now(UTC)
    record = RunRecord(
        dataset=dataset,
        status="failed",
        started_at=now,
        finished_at=now,
        reason=error.run_reason,
        declaration=declaration.model_dump_json() if declaration else None,
        flow_run_id=runtime.flow_run.id,
        as_of=as_of,
    )
    retries: list[StoreAway] = []
    return store.write(
        lambda connection: write_run(connection, record, again=bool(retries)),
        on_retry=retries.append,
    )


def refuse_declared_name(connection: Connection, declaration: Declaration) -> None:
    """Raise OutputError, before any work, for a table of results that is not ours to make."""
    dataset = declaration.name
    name = wanted_name(dataset, declaration.model_dump_json(), connection.dialect.name)
    refuse_name(connection, dataset, name, columns=None)


@step(run_name="store")
def store_run(
    run: Attempt,
    trained: Trained,
    store: Store,
    lock: DatasetLock,
    workers: FrameworkWorkers,
    *,
    home: Path,
    dry_run: bool,
) -> None:
    """Store a run with its models, scores, coefficients, predictions and decisions.

    The `workers` predict its new rows. Raises LockLost, and stores nothing of it, if another
    process works on the dataset by now.
    """
    dataset, choice = run.declaration.name, trained.choice
    progress.log(dataset, f"{choice.winner} wins; {choice.reason}")
    refit = trained.refits[choice.reported]
    if isinstance(refit, str):
        raise NothingFitted(f"the refit of {choice.reported} failed: {refit}")
    prepared = trained.prepared
    with reporting_to(progress.Progress(dataset, "predicting")):
        predictions = tonights_predictions(
            trained,
            store,
            with_training=prepared.stores_training_predictions,
            predict=workers.predict,
        )
    run.process_warnings += workers.take_warnings()
    unstored = unstored_warning(
        run.declaration, labelled=prepared.labelled_rows, training=len(prepared.train.keys)
    )
    run.doubts = tuple(doubts(trained, choice.champion_test))
    run.prediction_warnings = (*unstored, *predictions.warnings)
    for warning in run.prediction_warnings:
        progress.log(dataset, warning, warning=True)
    if dry_run:
        progress.log(dataset, "dry run: nothing is stored")
        return
    _draw(run, trained)
    _write(run, store, home, predictions.columns, lock=lock, workers=workers)
    progress.log(dataset, f"stored as run {run.run_id}")


def _draw(run: Attempt, trained: Trained) -> None:
    """Add what is kept for the pictures of a run, which is stored even without it."""
    dataset = run.declaration.name
    try:
        run.figures = run_figures(trained)
        return
    except UserError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - hours of training are worth more than pictures
        progress.LOG.exception("%s: its charts are missing because of a bug in nightfit", dataset)
        why = f"{type(error).__name__}: {error}"
    warning = f"The charts of this run are missing: {why}"
    progress.log(dataset, warning, warning=True)
    run.prediction_warnings += (warning,)


def _write(
    run: Attempt,
    store: Store,
    home: Path,
    predictions: Sequence[PredictionColumns] = (),
    *,
    lock: DatasetLock | None = None,
    workers: FrameworkWorkers | None = None,
) -> None:
    record = run_record(run, home=home, predictions=predictions)
    report = progress.Progress(run.declaration.name, "storing")
    retries: list[StoreAway] = []

    def write(connection: Connection) -> int:
        if lock is not None:
            lock.ensure_held()
        away = [f"The database was away while this run was stored: {e.what}" for e in retries[:1]]
        run.store_warnings = tuple(away)
        now = replace(record, warnings=run.warnings)
        again = bool(retries)
        return write_run(connection, now, again=again, report=report, told=told, copied=copied)

    def told(obstacle: str) -> None:
        progress.log(run.declaration.name, obstacle, warning=True)
        run.store_warnings += (obstacle,)

    with _copied(run, store, record, workers) as copied:
        run.run_id = store.write(write, on_retry=retries.append)


@contextmanager
def _copied(
    run: Attempt, store: Store, record: RunRecord, workers: FrameworkWorkers | None
) -> Iterator[CopiedRun | None]:
    """Give what the workers of a cluster have copied of a run's predictions, None if nothing."""
    if workers is None or run.prepared is None:
        yield None
        return
    with workers.copied(store, record, run.prepared.source.files) as copied:
        run.process_warnings += workers.take_warnings()
        yield copied
