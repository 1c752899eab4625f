"""Check a snapshot against what its declaration expects."""

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE

import data.checks.check
from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot, load
from tasks.run.progress import tell


@task(cache_policy=NO_CACHE)
def check(
    declaration: Declaration,
    snapshot: Snapshot,
    last_rows: int | None = None,
    now: datetime | None = None,
) -> Checked:
    """Return every expectation's result, the rows set aside and the features that can be used."""
    table = load(snapshot.path)
    checked = data.checks.check.check(declaration, table, last_rows=last_rows, now=now)
    for warning in checked.warnings:
        tell(declaration.name, warning, warning=True)
    met = sum(result.success for result in checked.results)
    aside = f", {len(checked.rejected_rows):,} rows set aside" if checked.rejected_rows else ""
    tell(declaration.name, f"checked, {met} of {len(checked.results)} expectations met{aside}")
    return checked
