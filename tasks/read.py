"""Read a source into tonight's snapshot."""

from collections.abc import Mapping
from pathlib import Path

import data.sources.read
from data.connections.secrets import secrets_from
from data.declarations.model import Declaration, Kind
from data.sources.snapshot import Snapshot
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.secrets import prefect_secret
from tasks.run.step import step


@step()
def read(
    declaration: Declaration,
    folder: Path,
    *,
    as_of: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    quiet_seconds: float = 0,
    patience: float = 0,
) -> Snapshot:
    """Write the source's rows, or those up to a past night, to `folder`; return the snapshot.

    A source that is missing, incomplete or away is tried again for `patience` seconds.
    """
    with secrets_from(prefect_secret):
        snapshot = data.sources.read.read(
            declaration,
            folder=folder,
            as_of=as_of,
            kinds=kinds,
            quiet_seconds=quiet_seconds,
            patience=patience,
            report=progress.Progress(declaration.name, "reading"),
        )
    give_back()
    for warning in snapshot.warnings:
        progress.log(declaration.name, warning, warning=True)
    progress.log(declaration.name, f"read {snapshot.in_words(as_of)}")
    return snapshot
