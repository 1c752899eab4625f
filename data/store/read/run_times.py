"""How long the last good runs of a dataset took, as far as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from data.store.tables import is_good, model, run


@dataclass(frozen=True)
class RunTime:
    """What one run took: `seconds` in all, and of each kind the slowest framework's fits.

    The frameworks fit at the same time, each in its own process. `rows` are those that it read.
    """

    run_id: int
    rows: int | None
    seconds: float
    fits: Mapping[str, float]


def run_times(
    connection: Connection, dataset: str, *, most: int, past_night: bool = False
) -> list[RunTime]:
    """Return the times of the last good runs of a dataset, at most so many, the latest first.

    Those of a `past_night` may be backfills.
    """
    counts = run.c.status == "succeeded" if past_night else is_good(run)
    columns = run.c.run_id, run.c.rows_read, run.c.started_at, run.c.finished_at
    latest = (
        select(*columns)
        .where(run.c.dataset == dataset, counts)
        .order_by(run.c.run_id.desc())
        .limit(most)
    )
    return [
        RunTime(run_id, rows, _seconds(started, finished), _fits(connection, run_id))
        for run_id, rows, started, finished in connection.execute(latest).all()
    ]


def _seconds(started: datetime, finished: datetime) -> float:
    return max((finished - started).total_seconds(), 0.0)


def _fits(connection: Connection, run_id: int) -> dict[str, float]:
    taken = (
        select(model.c.kind, model.c.fit_seconds)
        .where(model.c.run_id == run_id, model.c.fit_seconds.is_not(None))
        .order_by(model.c.model_id)
    )
    slowest: dict[str, float] = {}
    for kind, seconds in connection.execute(taken):
        slowest[kind] = max(slowest.get(kind, 0.0), seconds)
    return slowest
