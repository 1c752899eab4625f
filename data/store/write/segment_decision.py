"""Storing what a person decided about a segment, in one transaction or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from data.errors import CallError
from data.store.database.lock import lock_for_writing
from data.store.records import ManualSegmentDecision
from data.store.tables import output_delivery, prediction, segment_decision, segment_serving
from data.store.write.checksums import renew_checksum, renew_prediction_checksum
from data.store.write.results import write_results
from data.store.write.rows import insert_row


def write_segment_decision(
    connection: Connection,
    decision: ManualSegmentDecision,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> int:
    """Store a decision about a segment and return its segment_decision_id.

    What serves the segment at once is shown by the views and the table of results from then on;
    `told` gets a sentence if that table cannot be replaced. Raises CallError if a run that ended in
    the meantime has no such segment.
    """
    lock_for_writing(connection, decision.dataset)
    own = (segment_serving.c.dataset == decision.dataset) & (
        segment_serving.c.segment == decision.segment
    )
    before = connection.execute(select(segment_serving).where(own)).first()
    if before is None:
        raise CallError(f"{decision.dataset} has no segment {decision.segment!r} any more.")
    now = datetime.now(UTC)
    values = {
        "dataset": decision.dataset,
        "segment": decision.segment,
        "decided_at": now,
        "decision": decision.decision,
        "kind": decision.kind,
        "model_id": decision.model_id,
        "previous_model_id": before.model_id,
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "pinned": decision.pinned,
    }
    decision_id = insert_row(connection, segment_decision, values)
    has_changed = decision.at_once and decision.model_id != before.model_id
    serves: dict[str, Any] = {"pinned": decision.pinned, "reason": _reason(decision)}
    if has_changed:
        serves |= {"model_id": decision.model_id, "since": now}
    connection.execute(update(segment_serving).where(own).values(**serves))
    renew_checksum(connection, before.run_id, segment_serving)
    if has_changed:
        if decision.model_id is not None:
            _mark(connection, decision, before.run_id, decision.model_id)
        given = output_delivery.c.dataset == decision.dataset
        connection.execute(update(output_delivery).where(given).values(promotion_id=None))
        write_results(connection, decision.dataset, has_changed=True, told=told)
    return decision_id


def _reason(decision: ManualSegmentDecision) -> str:
    by = f"{decision.decision.replace('_', ' ')} by {decision.decided_by}: {decision.reason}"
    return by if decision.at_once else f"{decision.kind} from the next night on, {by}"


def _mark(
    connection: Connection, decision: ManualSegmentDecision, run_id: int, model_id: int
) -> None:
    """Mark the predictions of a segment by the model that now serves it, for later outcomes."""
    unmarked = update(prediction).where(
        prediction.c.model_id == model_id,
        prediction.c.run_id == run_id,
        prediction.c.segment == decision.segment,
        prediction.c.routed.is_not(True),
    )
    if connection.execute(unmarked.values(routed=True)).rowcount:
        renew_prediction_checksum(connection, run_id, model_id)
