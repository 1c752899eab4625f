"""The framework processes of a night on a cluster, which only a night on one imports."""

from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol, Unpack

from data.cluster_address import ClusterAddress
from data.declarations.model import Declaration
from data.errors import CallError
from data.settings import Settings
from data.sources.snapshot import Snapshot
from regressors.frameworks.worker_process import sentence
from tasks.run import progress
from tasks.run.processes import ManyProcesses
from tasks.run.reading import HowRead


class OnCluster(ManyProcesses, Protocol):
    """Framework processes on a cluster."""

    def connect(self) -> str:
        """Connect to the cluster; return where it is; raise ClusterError if that cannot be."""
        ...

    def drop_rows(self) -> None:
        """Have the workers forget the rows of a run that has ended."""
        ...

    def read(self, declaration: Declaration, **how: Unpack[HowRead]) -> Snapshot:
        """Have a worker read a source into a snapshot."""
        ...

    def serve(self, member: Connection) -> None:
        """Let the process at the other end of a pipe use these processes until it ends."""
        ...


def cluster_workers(
    config: Settings, address: ClusterAddress, host: Connection | None = None
) -> OnCluster:
    """Return the processes on a cluster: those of another process that `serve`s this one, if any.

    Dask is imported here, where it is asked for.
    """
    try:
        from tasks.cluster.cluster_workers import ClusterWorkers
        from tasks.cluster.shared import Member
    except ImportError as error:
        raise CallError(
            f"fits on a cluster need Dask ({error}).",
            where="NIGHTFIT_CLUSTER",
            next_step="Install it: pip install 'nightfit[cluster]'.",
        ) from None
    except Exception as error:  # noqa: BLE001 - it reads its configuration as it is imported
        raise CallError(
            f"Dask cannot use its configuration ({sentence(error)}).",
            where="NIGHTFIT_CLUSTER",
            next_step="Correct the variables that begin with DASK_, and the files in"
            f" {Path.home() / '.config' / 'dask'}.",
        ) from None
    return ClusterWorkers(
        address,
        wait=config.cluster_wait,
        time_limit=config.fit_time_limit,
        memory_limit=config.declared_memory_limit,
        tell=partial(progress.log, "cluster"),
        member=None if host is None else Member(host),
    )
