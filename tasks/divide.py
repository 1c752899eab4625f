"""Divide the rows of a run into training, test and new ones, and the training rows into folds."""

from dataclasses import dataclass

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

import data.division
from data.declare import Declaration
from data.division import Division
from data.expectations import Checked
from data.read import Snapshot
from tasks.progress import tell
from tasks.rows import load_rows


@dataclass(frozen=True)
class Until:
    """The newest time of the training rows, and of all labelled ones; None without a time column.

    In microseconds since 1970, or as the number that it is. `period` is the oldest and the newest
    time of the labelled rows, as text.
    """

    train: float | None = None
    data: float | None = None
    period: tuple[str, str] | None = None


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
