"""Divide the rows of a run into training, test and new ones, and the training rows into folds."""

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

import data.division
from data.declare import Declaration
from data.division import Division
from data.expectations import Checked
from data.read import Snapshot
from tasks.progress import tell
from tasks.rows import Until, load_rows


@task(cache_policy=NO_CACHE)
def divide(
    declaration: Declaration, snapshot: Snapshot, checked: Checked
) -> tuple[Division, Until]:
    """Return each row's role and fold, in the order of `load_rows`, and their newest times."""
    rows = load_rows(declaration, snapshot, checked.kept, ())
    division = data.division.divide(
        dataset=declaration.name,
        keys=rows.keys.tolist(),
        labelled=~np.isnan(rows.target),
        share=declaration.split.test,
        folds=declaration.split.folds,
        time=rows.time,
        group=None if rows.group is None else rows.group.tolist(),
    )
    counts = {role: int((division.role == role).sum()) for role in ("train", "test", "new")}
    text = ", ".join(f"{count:,} {role}" for role, count in counts.items())
    tell(declaration.name, f"divided into {text} rows")
    labelled = division.role != "new"
    newest = Until(
        rows.newest(division.role == "train"), rows.newest(labelled), rows.period(labelled)
    )
    return division, newest
