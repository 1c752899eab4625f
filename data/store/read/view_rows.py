"""Reading the store: rows of a view in batches, how each dataset stands, and its decisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, false, func, select

from data.errors import CallError
from data.store.read.known import advice_for, refuse_unknown_dataset
from data.store.read.streaming import batches_of
from data.store.tables import run
from data.store.views import CHAMPION, CHAMPION_HISTORY, VIEWS, View


@dataclass(frozen=True)
class ViewRows:
    """Rows of a view as they come: the columns with their types, and batches of tuples."""

    columns: dict[str, Any]  # name -> SQLAlchemy type, in order
    batches: Iterator[Sequence[tuple[Any, ...]]] = field(repr=False)


@dataclass(frozen=True)
class DatasetStatus:
    """How a dataset stands: its last run, its last good one, and who serves it."""

    dataset: str
    run_id: int
    status: str
    reason: str | None
    change: str | None
    warnings: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    last_succeeded_at: datetime | None
    champion: str | None
    champion_since: datetime | None
    champion_test_rmse: float | None


def rows_of(
    connection: Connection,
    view: str,
    *,
    dataset: str | None = None,
    key: str | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> ViewRows:
    """Return rows of a view, read as they are asked for, in constant memory.

    `columns` chooses and orders the columns; `key` is the row's, as its column has it. Raises
    CallError at once for an unknown view, column or dataset, naming the nearest one, and for a key
    where the view has none. Use the batches up before the connection closes.
    """
    shown = _view(view)
    names = tuple(dict.fromkeys(columns or shown.columns))
    for name in names:
        if name not in shown.columns:
            raise CallError(
                f"{view} has no column {name!r}.", next_step=advice_for(name, tuple(shown.columns))
            )
    if key is not None and "key" not in shown.columns:
        keyed = ", ".join(name for name, other in VIEWS.items() if "key" in other.columns)
        raise CallError(f"{view} has no column 'key'.", next_step=f"These have one: {keyed}.")
    if limit is not None and limit < 0:
        raise CallError(f"--limit is {limit}.", next_step="Give 0 or more.")
    if dataset is not None:
        refuse_unknown_dataset(connection, dataset)
    source = shown.table
    statement = select(*(source.c[name] for name in names)).limit(limit)
    if dataset is not None:
        statement = statement.where(source.c.dataset == dataset)
    if key is not None:
        statement = statement.where(source.c.key == key)
    return ViewRows({name: shown.columns[name] for name in names}, _batches(connection, statement))


def latest_runs(connection: Connection) -> tuple[DatasetStatus, ...]:
    """Return how each dataset stands, by name; a backfill says nothing of that."""
    champion = CHAMPION.table
    of_tonight = run.c.backfill == false()
    last = select(func.max(run.c.run_id)).where(of_tonight).group_by(run.c.dataset)
    good = (
        select(run.c.dataset, func.max(run.c.finished_at).label("at"))
        .where(run.c.status == "succeeded", of_tonight)
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
            good.c.at.label("last_succeeded_at"),
            (champion.c.framework + "/" + champion.c.kind).label("champion"),
            champion.c.since.label("champion_since"),
            champion.c.test_rmse.label("champion_test_rmse"),
        )
        .join_from(run, good, good.c.dataset == run.c.dataset, isouter=True)
        .join(champion, champion.c.dataset == run.c.dataset, isouter=True)
        .where(run.c.run_id.in_(last))
        .order_by(run.c.dataset)
    )
    rows = connection.execute(statement).mappings().all()
    return tuple(DatasetStatus(**{**row, "warnings": tuple(row["warnings"])}) for row in rows)


def promotions(connection: Connection, dataset: str) -> list[dict[str, Any]]:
    """Return every decision about a dataset's champion, newest first, as `champion_history` has it.

    Raises CallError where no run of the dataset is stored.
    """
    refuse_unknown_dataset(connection, dataset)
    history = CHAMPION_HISTORY.table
    statement = select(history).where(history.c.dataset == dataset)
    return [dict(row) for row in connection.execute(statement).mappings()]


def _batches(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for rows in batches_of(connection, statement):
        yield [tuple(row) for row in rows]


def _view(name: str) -> View:
    if name not in VIEWS:
        raise CallError(f"there is no view {name!r}.", next_step=advice_for(name, tuple(VIEWS)))
    return VIEWS[name]
