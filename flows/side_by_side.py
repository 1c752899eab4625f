"""Runs of several datasets at the same time, each in a process of its own, on one cluster.

This is the night's side. It hands out the runs, and passes on what the processes say.
"""

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from multiprocessing.connection import wait

import psutil

from data.errors import RunKilled, UserError
from data.run_notes import forget, killed_runs
from data.settings import Settings
from data.store.read.alarms import stored_flow_runs
from data.store.session import Store
from flows.dataset_run import Asked, store_failed
from flows.page.killed import show_killed
from flows.page.sending import sent_to_page
from flows.part_process import ENDED, SAID, Around, do_runs
from regressors.frameworks.environment import cores
from regressors.frameworks.workers import cause_of_death
from tasks.run import progress
from tasks.run.summary import Summary
from tasks.run.workers import FrameworkWorkers

PROCESS_BYTES = 2**30
"""So much memory must be free here for each process; one with a small dataset takes a third."""

END_SECONDS = 30.0
"""How long a process may take to end before it is killed."""

SPAWN = multiprocessing.get_context("spawn")


def at_a_time(datasets: int) -> int:
    """Return how many datasets are trained at the same time, each by a process on this machine.

    These mostly wait for the cluster, or read, score and store, for which each needs a core.
    """
    room = psutil.virtual_memory().available // PROCESS_BYTES
    return max(1, min(datasets, cores(), room))


def side_by_side(
    asked: Sequence[Asked], processes: int, config: Settings, workers: FrameworkWorkers
) -> list[Summary]:
    """Do runs in so many processes, which use `workers`; return their summaries in their order.

    The runs of one dataset follow each other.
    """
    progress.log("cluster", f"{processes} datasets at the same time, each in a process of its own")
    waiting = [*range(len(asked))]
    summaries: dict[int, Summary] = {}
    with _ended_at_last() as parts:
        while True:
            busy = [part for part in parts if part.place is not None]
            place = _next(waiting, asked, busy) if len(busy) < processes else None
            if place is not None:
                ready = next((part for part in parts if part.place is None), None)
                if ready is None:
                    parts.append(ready := _Part(workers))
                waiting.remove(place)
                ready.begin(place, asked[place])
            elif busy:
                for part in _heard(busy):
                    try:
                        _hear(part, summaries)
                    except (EOFError, OSError):
                        parts.remove(part)
                        _end_killed(part, asked, summaries, config)
            else:
                return [summaries[place] for place in range(len(asked))]


def _next(waiting: Sequence[int], asked: Sequence[Asked], busy: "Sequence[_Part]") -> int | None:
    """Return the place of the next run whose dataset has none in progress, None if there is none.

    So the past nights of a dataset follow each other.
    """
    at_work = {asked[part.place].dataset for part in busy if part.place is not None}
    return next((place for place in waiting if asked[place].dataset not in at_work), None)


class _Part:
    """A process that does runs, and the place of the one that it does now, None if it is ready."""

    def __init__(self, workers: FrameworkWorkers) -> None:
        self.place: int | None = None
        self.pipe, orders = SPAWN.Pipe()
        member, host = SPAWN.Pipe()
        self.process = SPAWN.Process(target=do_runs, args=(orders, host, Around.here()))
        self.process.start()
        orders.close()
        host.close()
        in_context = copy_context().run
        threading.Thread(target=in_context, args=(workers.serve, member), daemon=True).start()

    def begin(self, place: int, run: Asked) -> None:
        """Have the process do a run; what has become of it, or of the process, is received."""
        self.place = place
        with suppress(OSError):  # it has ended, which is received
            self.pipe.send(run)


@contextmanager
def _ended_at_last() -> Iterator[list[_Part]]:
    """Yield a list of processes; at its end those in it end, at once if this process is to end."""
    parts: list[_Part] = []
    try:
        yield parts
    except BaseException:
        for part in parts:
            part.process.terminate()
        raise
    finally:
        for part in parts:
            part.pipe.close()
        for part in parts:
            part.process.join(END_SECONDS)
            if part.process.is_alive():
                part.process.kill()
                part.process.join()


def _heard(parts: Sequence[_Part]) -> list[_Part]:
    """Wait until processes say something, or have ended; return them."""
    spoken = wait([part.pipe for part in parts])
    return [part for part in parts if part.pipe in spoken]


def _hear(part: _Part, summaries: dict[int, Summary]) -> None:
    """Receive what a process says; EOFError or OSError is raised if it has ended."""
    what, *told = part.pipe.recv()
    if what == SAID:
        _say(*told)
    elif what == ENDED:
        assert part.place is not None
        (summaries[part.place],) = told
    else:
        part.place = None


def _say(level: int, text: str) -> None:
    """Show a line of another process; to Prefect's page it has gone from there."""
    line = progress.LOG.makeRecord(progress.LOG.name, level, "", 0, text, (), None)
    for handler in progress.LOG.handlers:
        if not type(handler).__module__.startswith("prefect."):
            handler.handle(line)


def _end_killed(
    part: _Part, asked: Sequence[Asked], summaries: dict[int, Summary], config: Settings
) -> None:
    """Store and show what became of the run of a process that has ended amid it."""
    assert part.place is not None
    part.process.join()
    run, how = asked[part.place], f"its process {cause_of_death(part.process.exitcode)}"
    if part.place in summaries:
        progress.log(run.dataset, f"not pruned: {how}", warning=True)
        return
    notes = {
        path: note
        for path, note in killed_runs(config.home).items()
        if (note.process, note.dataset) == (part.process.pid, run.dataset)
    }
    sent_to_page(lambda client: show_killed(client, notes.values()))
    error = RunKilled(f"{how}.", next_step="Run the dataset again.")
    progress.log(run.dataset, f"failed: {error}", warning=True)
    summaries[part.place] = Summary(run.dataset, "failed", as_of=run.as_of, remarks=(str(error),))
    flow_runs = [note.flow_run for note in notes.values() if note.flow_run is not None]
    try:
        if not Store(config.database_url).read(lambda c: stored_flow_runs(c, flow_runs)):
            store_failed(run, error, config)
        forget(notes)
    except UserError as unstored:
        progress.log(run.dataset, f"not stored: {unstored}", warning=True)
