"""Read a source into tonight's snapshot."""

from prefect import task
from prefect.cache_policies import NO_CACHE

import data.sources.read
from data.declarations.model import Declaration
from data.settings import settings
from data.sources.snapshot import Snapshot
from tasks.run.progress import tell


@task(cache_policy=NO_CACHE)
def read(declaration: Declaration, as_of: str | None = None) -> Snapshot:
    """Return the snapshot of the source, or of its rows up to a night, on disk as Parquet."""
    snapshot = data.sources.read.read(
        declaration, folder=settings().home / "snapshots", as_of=as_of
    )
    until = "" if as_of is None else f" up to {as_of}"
    tell(declaration.name, f"read {snapshot.rows:,} rows{until}")
    return snapshot
