"""How the run before another one ended."""

from sqlalchemy import Connection, select

from data.store.tables import run


def status_before(connection: Connection, dataset: str, run_id: int) -> str | None:
    """Return the status of a dataset's last run before another one; past nights do not count."""
    statement = (
        select(run.c.status)
        .where(run.c.dataset == dataset, run.c.run_id < run_id, run.c.as_of.is_(None))
        .order_by(run.c.run_id.desc())
        .limit(1)
    )
    status: str | None = connection.execute(statement).scalar()
    return status
