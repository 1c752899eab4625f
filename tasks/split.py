"""Split the rows of a run into training, test and new ones, and the training rows into folds."""

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from data.checks.declared import Checked
from data.declarations.model import Declaration
from data.sources.read import Snapshot
from data.split import Split, split_rows
from tasks.run.progress import tell
from tasks.run.rows import Until, load_rows


@task(cache_policy=NO_CACHE)
def split(declaration: Declaration, snapshot: Snapshot, checked: Checked) -> tuple[Split, Until]:
    """Return each row's role and fold, in the order of `load_rows`, and their newest times."""
    rows = load_rows(declaration, snapshot, checked.kept, ())
    parts = split_rows(
        dataset=declaration.name,
        keys=rows.keys.tolist(),
        labelled=~np.isnan(rows.target),
        share=declaration.split.test,
        folds=declaration.split.folds,
        time=rows.time,
        group=None if rows.group is None else rows.group.tolist(),
    )
    counts = {role: int((parts.role == role).sum()) for role in ("train", "test", "new")}
    text = ", ".join(f"{count:,} {role}" for role, count in counts.items())
    tell(declaration.name, f"split into {text} rows")
    labelled = parts.role != "new"
    newest = Until(rows.newest(parts.role == "train"), rows.newest(labelled), rows.period(labelled))
    return parts, newest
