"""Reading a declared source where it is to be read: here, or on a cluster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from data.declarations.model import Declaration, Kind
from data.errors import ClusterError, SourceAway, SourceError, SourceLate, SourceRefused
from data.progress import Report
from data.settings import Settings
from data.sources.read import read
from data.sources.snapshot import Snapshot

if TYPE_CHECKING:
    from tasks.run.workers import FrameworkWorkers

PERHAPS_ON_WORKERS = (SourceLate, SourceAway, SourceRefused)
"""Errors of a source that workers may see where this machine does not."""


class HowRead(TypedDict, total=False):
    """How a source is read into a snapshot; `data.sources.read.read` says what each means."""

    folder: Path
    as_of: str | None
    kinds: Mapping[str, Kind] | None
    quiet_seconds: float
    patience: float


def read_declared(
    declaration: Declaration,
    report: Report,
    workers: "FrameworkWorkers | None",
    **how: Unpack[HowRead],
) -> Snapshot:
    """Read a source into a snapshot where it declares to be read; `folder` must be given.

    Raises ClusterError if that is on a cluster and `workers` are of none.
    """
    has_cluster = workers is not None and workers.are_on_cluster
    if declaration.source.read == "cluster":
        if workers is not None and has_cluster:
            return workers.read(declaration, **how)
        raise ClusterError(
            "this source is to be read on a cluster, and none is named.",
            where=declaration.source.shown,
            next_step="Name one in NIGHTFIT_CLUSTER, or remove 'read: cluster' from 'source'.",
        )
    try:
        return read(declaration, report=report, **how)
    except PERHAPS_ON_WORKERS as error:
        if not has_cluster:
            raise
        raise _with_hint(error) from None


@contextmanager
def cluster_named(config: Settings) -> "Iterator[FrameworkWorkers | None]":
    """Yield what has sources read on the cluster that is named, for a command; None if none is."""
    if config.cluster is None:
        yield None
        return
    from tasks.run.workers import framework_workers  # with Prefect, which takes a second

    with framework_workers(config) as workers:
        yield workers


def _with_hint(error: SourceError) -> SourceError:
    """Return an error that also says how workers of the cluster read a source."""
    hint = "If workers of the cluster see it, add 'read: cluster' to 'source'."
    step = f"{error.next_step} {hint}".strip()
    return type(error)(error.what, where=error.where, next_step=step)
