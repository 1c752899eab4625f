"""Read a source into tonight's snapshot."""

from prefect import task
from prefect.cache_policies import NO_CACHE

import data.read
from data.declare import Declaration
from data.read import Snapshot
from data.settings import settings
from tasks.progress import tell


@task(cache_policy=NO_CACHE)
def read(declaration: Declaration) -> Snapshot:
    """Return the snapshot of the source, on disk as Parquet."""
    snapshot = data.read.read(declaration, folder=settings().home / "snapshots")
    tell(declaration.name, f"read {snapshot.rows:,} rows")
    return snapshot
