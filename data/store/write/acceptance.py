"""Storing that a person accepts how a source looks now."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from data.errors import CallError
from data.store.database.lock import lock_for_writing
from data.store.read.contract import proposal
from data.store.tables import acceptance
from data.store.write.rows import insert_row


def write_acceptance(
    connection: Connection, dataset: str, run_id: int, *, accepted_by: str, reason: str | None
) -> int:
    """Store that the source may look as it did in a run, and return the acceptance's id.

    Raises CallError if another run is the newest by now, or if there is nothing to accept.
    """
    lock_for_writing(connection, dataset)
    newest = proposal(connection, dataset).after.run_id
    if newest != run_id:
        raise CallError(
            f"run {newest} has ended in the meantime, so run {run_id} is no longer the newest.",
            where=dataset,
            next_step=f"Look at 'nightfit status' and run 'nightfit accept {dataset}' again.",
        )
    values = {
        "dataset": dataset,
        "run_id": run_id,
        "accepted_at": datetime.now(UTC),
        "accepted_by": accepted_by,
        "reason": reason,
    }
    return insert_row(connection, acceptance, values)
