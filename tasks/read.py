"""Read a source into tonight's snapshot."""

from collections.abc import Mapping
from pathlib import Path

from data.connections.secrets import secrets_from
from data.declarations.model import Declaration, Kind
from data.sources.snapshot import Snapshot
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.reading import read_declared
from tasks.run.secrets import prefect_secret
from tasks.run.step import step
from tasks.run.workers import FrameworkWorkers


@step()
def read(
    declaration: Declaration,
    folder: Path,
    *,
    workers: FrameworkWorkers | None = None,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    quiet_seconds: float = 0,
    patience: float = 0,
) -> Snapshot:
    """Write the source's rows, or those up to a past night, to `folder`; return the snapshot.

    A source that is declared so is read by a worker of the cluster.

    A source that is missing, incomplete or away is tried again for `patience` seconds.
    """
    with secrets_from(prefect_secret):
        snapshot = read_declared(
            declaration,
            progress.Progress(declaration.name, "reading"),
            workers,
            folder=folder,
            as_of=as_of,
            kinds=kinds,
            quiet_seconds=quiet_seconds,
            patience=patience,
        )
    give_back()
    for warning in snapshot.warnings:
        progress.log(declaration.name, warning, warning=True)
    progress.log(declaration.name, f"read {snapshot.in_words(as_of)}")
    return snapshot
