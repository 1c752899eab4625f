"""The framework processes of a night, and how a step has a candidate fitted in one of them."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar, Unpack

from prefect import allow_failure
from prefect.futures import PrefectFuture

from data.declarations.model import Declaration
from data.scratch import temporary_files
from data.settings import Settings
from data.sources.snapshot import Snapshot
from data.store.records import RunRecord
from data.store.session import Store
from data.store.write.run_tables import CopiedRun
from regressors.arrays import Array, Columns
from regressors.candidate import Candidate
from regressors.frameworks import parity, worker_process
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.parity import ProbeResult
from regressors.frameworks.registry import FRAMEWORK_NAMES, unprepared
from regressors.frameworks.workers import WorkerFailed, Workers
from regressors.intervals.rules import Rules
from regressors.job import Fitted, Job, Start
from regressors.model import Model, NetworkMember
from regressors.predicted import Predicted
from tasks.run import progress, row_work
from tasks.run.copying import copied_on
from tasks.run.gathered import Gather, GatheredSums
from tasks.run.memory import give_back
from tasks.run.on_cluster import OnCluster, cluster_workers
from tasks.run.predicting import predicted_here, predicted_on
from tasks.run.prepared import Prepared
from tasks.run.processes import Processes
from tasks.run.reading import HowRead
from tasks.run.row_files import RowFiles
from tasks.run.row_work import RowWork
from tasks.run.rows import Rows
from tasks.run.step import result_of

Result = TypeVar("Result")
"""What a job returns: most are fits."""


class FrameworkWorkers:
    """The framework processes of a night, and what the parity probe reported of each.

    Each process is probed when a fit first asks for it; so is one that replaces it. They are on a
    `cluster` where one is named.
    """

    def __init__(self, processes: Processes, cluster: OnCluster | None = None) -> None:
        self._processes, self._cluster = processes, cluster
        self._probes: dict[str, ProbeResult] = {}
        self._gathered = None if cluster is None else GatheredSums(cluster)
        self._warnings: list[str] = []
        processes.probe_with(parity.probe, self._obstacle)

    def run(
        self,
        function: Callable[[FrameworkModule, Job], Result],
        job: Job,
        work: str = "fitting",
        *,
        gather: Gather | None = None,
    ) -> Result | str:
        """Run a fit in its framework's process; return the fit, or why it failed, in a sentence.

        `work` is what its progress calls it, before the candidate. On a cluster several processes
        `gather` what they can share of it before.
        """
        processes, candidate = self._processes, job.candidate
        reporter = partial(progress.Progress, job.dataset, f"{work} {candidate}")
        gathering = 0.0
        try:
            if gather is not None and self._gathered is not None:
                job, gathering = self._gathered.job(gather, job, reporter)
            fitted: Result = processes.result(
                processes.submit(candidate.framework, function, job, reporter=reporter)
            )
        except WorkerFailed as failure:
            return str(failure)
        give_back()  # what its rows and its result took on their way
        if isinstance(fitted, Fitted):
            return replace(fitted, seconds=fitted.seconds + gathering)
        return fitted

    def predict(self, model: Model, columns: Columns, weight: Array | None) -> Predicted:
        """Return what a model predicts for n rows; a cluster does so in parts where they are many.

        The columns and weights (n,) are those of `Model.predicted`, and so are the digits.
        """
        if self._cluster is None:
            return predicted_here(model, columns, weight)
        return predicted_on(self._cluster, self._warn, model, columns, weight)

    def copied(
        self, store: Store, record: RunRecord, files: RowFiles
    ) -> AbstractContextManager[CopiedRun | None]:
        """Have a cluster copy many predictions of a run to the database before it is stored."""
        return copied_on(self._cluster, self._warn, store, record, files)

    def start(self, framework: str, dataset: str) -> str | None:
        """Start and probe a framework's process, if it has none; return why it cannot, or None."""
        reporter = partial(progress.Progress, dataset, "waiting")
        try:
            self._processes.result(
                self._processes.submit(framework, worker_process.ready, reporter=reporter)
            )
        except WorkerFailed as failure:
            return str(failure)
        return None

    def connect(self) -> str | None:
        """Connect to the cluster, where one is named, and return where it is, for people.

        ClusterError is raised if that cannot be.
        """
        return None if self._cluster is None else self._cluster.connect()

    def read(self, declaration: Declaration, **how: Unpack[HowRead]) -> Snapshot:
        """Have a worker of the cluster read a source into a snapshot."""
        assert self._cluster is not None
        return self._cluster.read(declaration, **how)

    @property
    def are_on_cluster(self) -> bool:
        """Return whether the processes are on a cluster."""
        return self._cluster is not None

    def serve(self, member: Connection) -> None:
        """Let another process of this night use these, on a cluster, until it ends."""
        assert self._cluster is not None
        self._cluster.serve(member)

    def row_work(self, dataset: str, rows: int) -> RowWork | None:
        """Return what has a cluster do what a step does with so many rows; None if none does."""
        if self._cluster is None or rows < row_work.MIN_ROWS:
            return None
        return RowWork(self._cluster, dataset, self._warn)

    def end_run(self) -> None:
        """Let go of what the processes have of the rows of a run."""
        if self._gathered is not None:
            self._gathered.drop()
        if self._cluster is not None:
            self._cluster.drop_rows()

    def lane(self, candidate: Candidate) -> Hashable:
        """Return what a candidate has in common with those that are fitted one after the other.

        On this machine it is the framework, which has one process. On a cluster only its linear
        kinds are, since one makes the sums that the other needs.
        """
        if self._cluster is None:
            return candidate.framework
        return candidate.framework, "linear" if candidate.is_linear else candidate.kind

    def start_unprepared(self, frameworks: Iterable[str], home: Path) -> None:
        """Start and probe those whose first night in `home` this is, without waiting for them."""
        for framework in unprepared(frameworks, home):
            self._processes.submit(framework, worker_process.ready)

    @property
    def probes(self) -> dict[str, ProbeResult]:
        """Return tonight's parity probe of each framework that could start.

        They are in the order of the registry, not in that in which the processes answered, so that
        two nights with the same results are stored alike.
        """
        return {name: self._probes[name] for name in FRAMEWORK_NAMES if name in self._probes}

    def take_warnings(self) -> tuple[str, ...]:
        """Return what a user should know about the processes, since the last call of this."""
        own, self._warnings = self._warnings, []
        return (*self._processes.take_warnings(), *own)

    def _warn(self, text: str) -> None:
        progress.log("cluster", text, warning=True)
        self._warnings.append(text)

    def stop(self) -> None:
        """End the processes, and whatever they are fitting."""
        self._processes.stop()

    def _obstacle(self, framework: str, probe: ProbeResult) -> str | None:
        """Keep a probe, of several the worst; return why it leaves its framework out, or None."""
        kept = self._probes.get(framework)
        if kept is None or self._cluster is None or _worse(probe, kept):
            self._probes[framework] = probe
        return probe.reason


_of_this_night: ContextVar[FrameworkWorkers | None] = ContextVar("workers", default=None)


def _worse(probe: ProbeResult, other: ProbeResult) -> bool:
    return max(probe.figures.values(), default=0.0) > max(other.figures.values(), default=0.0)


@contextmanager
def framework_workers(
    config: Settings, host: Connection | None = None
) -> Iterator[FrameworkWorkers]:
    """Yield the framework processes of this night, started for the outermost caller.

    They are where the settings say: on this machine, or on a cluster. The runs of a night share
    them by a context variable, because the parameters of a Prefect flow must be plain values. In a
    process of its own, a run uses those of the `host` at the other end of a pipe.
    """
    shared = _of_this_night.get()
    if shared is not None:
        try:
            yield shared
        except Exception:
            raise
        except BaseException:  # this process is to end, and Prefect waits for fits in progress
            shared.stop()
            raise
        finally:
            shared.end_run()
        return
    with temporary_files(config.home), ExitStack() as stack:
        if config.cluster_address is None:
            processes = Workers(
                FRAMEWORK_NAMES,
                home=config.home,
                time_limit=config.fit_time_limit,
                memory_limit=config.fit_memory_limit,
            )
            workers = FrameworkWorkers(stack.enter_context(processes))
        else:
            on_cluster = cluster_workers(config, config.cluster_address, host)
            stack.callback(on_cluster.stop)
            workers = FrameworkWorkers(on_cluster, on_cluster)
        token = _of_this_night.set(workers)
        try:
            yield workers
        finally:
            _of_this_night.reset(token)


def job_of(
    candidate: Candidate,
    prepared: Prepared,
    *,
    starts: Mapping[str, Start],
    fitted: Fitted | None = None,
    half_life: float | None = None,
    half_lives: Mapping[int, float | None] | None = None,
) -> Job:
    """Return the job of fitting a candidate on the training rows.

    Its rows are weighed by `half_life`, and those of its folds by `half_lives`. Where `fitted` is
    what `validate` returned, it is a job on all labelled rows, as of a refit, and its half-life is
    that of the fit.
    """
    declaration = prepared.declaration
    part = prepared.parts.train if fitted is None else prepared.parts.labelled
    rows = part.rows
    rules, descent = declaration.split, declaration.gradient_descent
    by = declaration.interval.by
    return Job(
        dataset=declaration.name,
        candidate=candidate,
        columns=_columns(candidate, prepared, rows),
        target=rows.target,
        fold=part.fold,
        chained=prepared.split.chained,
        hidden=declaration.ann.hidden,
        interval=_interval_rules(declaration),
        known=part.known,
        least_fits=rules.folds,
        weight=rows.weight,
        time=rows.instants,
        interval_group=None if by is None else prepared.source.columns_of(rows, [by])[by],
        group_numbers=rows.group_numbers if candidate.is_linear else rows.together,
        time_column=declaration.time,
        group_column=rules.group,
        split_rules=repr(
            (
                rules.test,
                rules.folds,
                rules.group,
                rules.duplicates,
                declaration.time,
                declaration.horizon,
            )
        ),
        time_parts=prepared.checked.time_parts,
        products=prepared.checked.products,
        intercept=declaration.intercept,
        learning_rate=descent.learning_rate,
        epochs=descent.epochs,
        starts=starts,
        grouping=fitted.grouping if fitted else None,
        refit_epochs=fitted.refit_epochs if fitted else None,
        plan=fitted.plan if fitted else None,
        predictions_file=str(rows.files.new_path()) if rows.files and not fitted else None,
        table=prepared.name,
        is_test=part.is_test if fitted else None,
        decided_by=fitted.decided_by if fitted else None,
        members=_networks(fitted) if fitted and fitted.plan else (),
        half_life=fitted.half_life if fitted else half_life,
        half_lives=half_lives or {},
        newest=prepared.times.data_until,
        segment=(declaration.segment or ()) if candidate.is_segmented else (),
    )


def _columns(candidate: Candidate, prepared: Prepared, rows: Rows) -> Columns:
    """Return tonight's features; the kinds of one line for all rows do not have the segment."""
    segment = prepared.declaration.segment
    if not segment or candidate.is_segmented or not candidate.is_linear:
        return rows.columns
    return prepared.source.columns_of(rows, [n for n in rows.columns if n not in segment])


def _interval_rules(declaration: Declaration) -> Rules:
    """Return the rules of the declared prediction intervals."""
    lowest, highest = declaration.bounds or (None, None)
    return Rules(declaration.interval.levels, lowest, highest, declaration.interval.by)


def _networks(fitted: Fitted) -> tuple[NetworkMember, ...]:
    """Return the networks of a twin."""
    return tuple(member for member in fitted.model.members if isinstance(member, NetworkMember))


def first_started(started: Mapping[str, PrefectFuture[str | None]]) -> PrefectFuture[str | None]:
    """Return the start of the framework that decides for all: the first one of the registry."""
    return min(started.items(), key=lambda each: FRAMEWORK_NAMES.index(each[0]))[1]


def in_turn(
    candidates: Iterable[Candidate],
    workers: FrameworkWorkers,
    started: Mapping[str, PrefectFuture[str | None]],
    submit: Callable[[Candidate, Iterable[Any]], PrefectFuture[Result | str]],
    ended: Callable[[PrefectFuture[Any]], None] = lambda _: None,
) -> dict[Candidate, Result | str]:
    """Return the result of each candidate, such as its fit, or why it failed.

    Those of one lane are done one after the other, once a process of their framework has `started`,
    so that Prefect's page shows how long each took, and not how long it waited. `submit` is called
    with a candidate and what its fit has to wait for, `ended` whenever a fit has ended.
    """
    before: dict[Hashable, PrefectFuture[Any]] = {}
    futures = {}
    for candidate in candidates:
        lane = workers.lane(candidate)
        wait_for = [allow_failure(before.get(lane, started[candidate.framework]))]
        futures[candidate] = before[lane] = submit(candidate, wait_for)
        futures[candidate].add_done_callback(ended)
    return {candidate: result_of(future) for candidate, future in futures.items()}
