"""What is kept of a run for its pictures."""

from typing import Any

from sqlalchemy import Connection, select

from data.store.column_types import UnreadableValue
from data.store.read.integrity import changed_tables
from data.store.tables import run_figures


def figures_of_run(connection: Connection, run_id: int) -> dict[str, Any] | None:
    """Return the figures of a run as they were stored, None where there are none.

    Raises UnreadableValue where they are not what was stored, which a session that is not asked to
    do without them reports as DamagedStore.
    """
    own = select(run_figures.c.figures).where(run_figures.c.run_id == run_id)
    figures: dict[str, Any] | None = connection.execute(own).scalar()
    if figures is not None and changed_tables(connection, run_id, (run_figures,)):
        raise UnreadableValue(f"the figures of run {run_id} are not what was stored")
    return figures
