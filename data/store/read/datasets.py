"""The datasets in the store: their names, how each stands, and the errors for any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, false, func, select

from data.connections.table_name import TableName
from data.declarations.mistakes import nearest
from data.errors import CallError, UserError
from data.store.database.address import display_url
from data.store.tables import is_good, result_table, run
from data.store.views import CHAMPION, RUN_HISTORY


@dataclass(frozen=True)
class DatasetStatus:
    """How a dataset stands: its last run, its last good run, and its champion.

    `warnings` are those of the last run; if that was skipped, with those of the last good one,
    which hold on. A good night is a run for tonight that succeeded or was skipped.
    """

    dataset: str
    run_id: int
    status: str
    reason: str | None
    change: str | None
    warnings: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    last_succeeded_at: datetime | None
    good_night_at: datetime | None
    champion: str | None
    champion_since: datetime | None
    champion_test_rmse: float | None


def stored_datasets(connection: Connection) -> tuple[str, ...]:
    """Return the names of the datasets that have a stored run, in order."""
    history = RUN_HISTORY.table  # a view, because some roles may read nothing else
    statement = select(history.c.dataset).distinct().order_by(history.c.dataset)
    return tuple(connection.execute(statement).scalars())


def dataset_statuses(connection: Connection) -> tuple[DatasetStatus, ...]:
    """Return how each dataset stands, in order of name; backfills do not count."""
    champion = CHAMPION.table
    latest = select(func.max(run.c.run_id)).where(run.c.backfill == false()).group_by(run.c.dataset)
    good = (
        select(
            run.c.dataset,
            func.max(run.c.finished_at).label("at"),
            func.max(run.c.run_id).label("run_id"),
        )
        .where(is_good(run))
        .group_by(run.c.dataset)
        .subquery()
    )
    good_run = run.alias("good_run")
    night = (
        select(run.c.dataset, func.max(run.c.finished_at).label("at"))
        .where(run.c.status.in_(("succeeded", "skipped")), run.c.as_of.is_(None))
        .group_by(run.c.dataset)
        .subquery()
    )
    statement = (
        select(
            run.c.dataset,
            run.c.run_id,
            run.c.status,
            run.c.reason,
            run.c.change,
            run.c.warnings,
            run.c.started_at,
            run.c.finished_at,
            good_run.c.warnings.label("good_warnings"),
            good.c.at.label("last_succeeded_at"),
            night.c.at.label("good_night_at"),
            (champion.c.framework + "/" + champion.c.kind).label("champion"),
            champion.c.since.label("champion_since"),
            champion.c.test_rmse.label("champion_test_rmse"),
        )
        .join_from(run, good, good.c.dataset == run.c.dataset, isouter=True)
        .join(good_run, good_run.c.run_id == good.c.run_id, isouter=True)
        .join(night, night.c.dataset == run.c.dataset, isouter=True)
        .join(champion, champion.c.dataset == run.c.dataset, isouter=True)
        .where(run.c.run_id.in_(latest))
        .order_by(run.c.dataset)
    )
    rows = connection.execute(statement).mappings().all()
    return tuple(_status(dict(row)) for row in rows)


def _status(row: dict[str, Any]) -> DatasetStatus:
    earlier = row.pop("good_warnings") or ()
    warnings = (*row["warnings"], *(earlier if row["status"] == "skipped" else ()))
    return DatasetStatus(**{**row, "warnings": tuple(dict.fromkeys(warnings))})


def results_tables(connection: Connection) -> dict[str, TableName]:
    """Return the table of results that each dataset has, where it has one."""
    rows = connection.execute(select(result_table)).all()
    return {row.dataset: TableName(row.table_name, row.schema_name) for row in rows}


def refuse_unknown_dataset(connection: Connection, dataset: str) -> None:
    """Raise CallError unless a run of the dataset is stored."""
    if _has_champion(connection, dataset):  # quick; for the whole list SQLite reads every run
        return
    names = stored_datasets(connection)
    if dataset not in names:
        advice = advice_for(dataset, names) if names else "Run `nightfit nightly` first."
        raise CallError(
            f"no run of a dataset named {dataset!r} is stored.",
            where=display_url(connection.engine.url),
            next_step=advice,
        )


def _has_champion(connection: Connection, dataset: str) -> bool:
    champion = CHAMPION.table
    served = select(champion.c.model_id).where(champion.c.dataset == dataset)
    return connection.execute(served).first() is not None


def no_champion(dataset: str) -> UserError:
    """Return the error for a dataset that has no champion yet."""
    return UserError(
        "it has no champion yet.",
        where=dataset,
        next_step=f"Run 'nightfit retrain {dataset}' first.",
    )


def advice_for(word: str, names: Sequence[str]) -> str:
    """Return the name most like a word, as a question, or all names if none is similar."""
    return nearest(word, names).strip() or f"There are: {', '.join(names)}."
