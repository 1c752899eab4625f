"""Rows of a view, in batches."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, TableClause, select

from data.declarations.mistakes import nearest
from data.errors import CallError
from data.store.read.datasets import advice_for, refuse_unknown_dataset
from data.store.read.streaming import batches_of
from data.store.views import SEGMENT_CHAMPION, VIEWS, View

Batches = Generator[Sequence[tuple[Any, ...]], None, None]
"""Rows as they arrive; close it before its connection if not all of them are read."""


@dataclass(frozen=True)
class ViewRows:
    """Rows of a view as they are read: the columns with their types, and batches of tuples."""

    columns: dict[str, Any]  # name -> SQLAlchemy type, in order
    batches: Batches = field(repr=False)


def rows_of(
    connection: Connection,
    view: str,
    *,
    dataset: str | None = None,
    key: str | None = None,
    segment: str | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> ViewRows:
    """Return rows of a view, which are read one batch at a time, in constant memory.

    `columns` chooses and orders the columns; `key` is a row's key as the view shows it, and
    `segment` a segment. Raises CallError at once for an unknown view, column, dataset or segment,
    suggesting the nearest one, and for a key or a segment where the view has none. Read the batches
    while the connection is open.
    """
    shown = _view(view)
    names = tuple(dict.fromkeys(columns or shown.columns))
    for name in names:
        if name not in shown.columns:
            raise CallError(
                f"{view} has no column {name!r}.", next_step=advice_for(name, tuple(shown.columns))
            )
    values = {"dataset": dataset, "key": key, "segment": segment}
    wanted = {name: value for name, value in values.items() if value is not None}
    for name in wanted:
        if name not in shown.columns:
            others = ", ".join(view for view, other in VIEWS.items() if name in other.columns)
            raise CallError(
                f"{view} has no column {name!r}.", next_step=f"Views that do: {others}."
            )
    if limit is not None and limit < 0:
        raise CallError(f"--limit is {limit}.", next_step="It must be 0 or more.")
    if dataset is not None:
        refuse_unknown_dataset(connection, dataset)
    if segment is not None:
        _refuse_unknown_segment(connection, shown, segment, dataset)
    source = shown.table
    statement = select(*(source.c[name] for name in names)).limit(limit)
    statement = statement.where(*(source.c[name] == value for name, value in wanted.items()))
    types = {name: shown.columns[name] for name in names}
    return ViewRows(types, _batches(connection, statement))


def _refuse_unknown_segment(
    connection: Connection, shown: View, segment: str, dataset: str | None
) -> None:
    """Raise CallError for a segment that is not served now, unless the view has rows of it."""
    served = SEGMENT_CHAMPION.table
    for table in (served, shown.table):
        own = _segments_in(table, dataset).where(table.c.segment == segment).limit(1)
        if connection.execute(own).first() is not None:
            return
    names = connection.execute(_segments_in(served, dataset)).scalars().all()
    of_dataset = "" if dataset is None else f" of {dataset}"
    raise CallError(
        f"no segment{of_dataset} is named {segment!r}.",
        next_step=nearest(segment, names).strip() or "'nightfit query segment_champion' lists all.",
    )


def _segments_in(table: TableClause, dataset: str | None) -> Select[Any]:
    rows = select(table.c.segment)
    return rows if dataset is None else rows.where(table.c.dataset == dataset)


def _batches(connection: Connection, statement: Select[Any]) -> Batches:
    for rows in batches_of(connection, statement):
        yield [tuple(row) for row in rows]


def _view(name: str) -> View:
    if name not in VIEWS:
        raise CallError(f"there is no view {name!r}.", next_step=advice_for(name, tuple(VIEWS)))
    return VIEWS[name]
