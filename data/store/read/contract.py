"""The contract of a dataset: how its source looked in the last run that counts."""

import json

from sqlalchemy import Connection, func, select

from data.checks.contract import NEW, Contract
from data.store.records import SourceColumnRecord
from data.store.tables import acceptance, is_good, run, source_column


def contract_of(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> Contract | None:
    """Return what tonight's source is compared with, or None if there was no good run yet.

    It is the source of the last good run, or of a later one that a person accepted. With
    `before_run`, it is the contract that this run was compared with.
    """
    good_runs = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, is_good(run))
    acceptances = select(func.max(acceptance.c.run_id)).where(acceptance.c.dataset == dataset)
    if before_run is not None:
        started = select(run.c.started_at).where(run.c.run_id == before_run).scalar_subquery()
        good_runs = good_runs.where(run.c.run_id < before_run)
        acceptances = acceptances.where(
            acceptance.c.run_id < before_run, acceptance.c.accepted_at <= started
        )
    good = connection.execute(good_runs).scalar()
    accepted = connection.execute(acceptances).scalar()
    run_id = max(good or 0, accepted or 0)
    row = connection.execute(select(run).where(run.c.run_id == run_id)).mappings().first()
    if row is None:
        return None
    is_accepted = accepted == run_id
    columns = {
        column.name: column
        for column in _columns(connection, run_id)
        if is_accepted or column.role != NEW
    }
    rows, labelled = row["rows_read"] or 0, row["rows_labelled"]
    target = columns.get(row["target"])
    if labelled is None and target is not None:  # a rejected run was not split
        labelled = rows - (target.missing or 0)
    return Contract(
        run_id=run_id,
        rows=rows,
        labelled=labelled or 0,
        columns=columns,
        declaration=json.loads(row["declaration"] or "{}"),
        accepted=is_accepted,
    )


def _columns(connection: Connection, run_id: int) -> list[SourceColumnRecord]:
    """Return what was stored of each column of a run's source, in its order."""
    statement = (
        select(source_column)
        .where(source_column.c.run_id == run_id)
        .order_by(source_column.c.position)
    )
    rows = connection.execute(statement).mappings()
    others = {"run_id", "position"}
    return [
        SourceColumnRecord(**{name: value for name, value in row.items() if name not in others})
        for row in rows
    ]
