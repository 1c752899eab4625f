"""The models that serve single segments of a dataset now, and those that are still to do so."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from data.store.read.champions import ServingModel, model_of
from data.store.read.segments import newest_decisions
from data.store.tables import model, run, segment_decision, segment_serving
from data.vocabulary import Candidate


def models_of_segments(
    connection: Connection, dataset: str
) -> Sequence[tuple[ServingModel, Sequence[str]]]:
    """Return each model that serves segments in place of the champion, with their names."""
    statement = (
        select(model.c.run_id, model.c.framework, model.c.kind, segment_serving.c.segment)
        .join(model, model.c.model_id == segment_serving.c.model_id)
        .where(segment_serving.c.dataset == dataset)
        .order_by(model.c.model_id, segment_serving.c.segment)
    )
    names: dict[tuple[int, str], list[str]] = {}
    for row in connection.execute(statement):
        candidate = str(Candidate(row.framework, row.kind))
        names.setdefault((row.run_id, candidate), []).append(row.segment)
    return [
        (model_of(connection, dataset, run_id, candidate), segments)
        for (run_id, candidate), segments in names.items()
    ]


def segments_waiting(connection: Connection, dataset: str, run_id: int) -> int:
    """Return for how many segments a person's decision, made since a run, waits for the next one.

    It is about a kind that had no model which could serve at once, and nobody has taken it back.
    """
    made, started = segment_decision.c, select(run.c.started_at).where(run.c.run_id == run_id)
    statement = select(func.count()).where(
        made.segment_decision_id.in_(newest_decisions(dataset)),
        made.decided_by.is_not(None),
        made.kind.is_not(None),
        made.model_id.is_(None),
        made.decided_at > started.scalar_subquery(),
    )
    waiting: int = connection.execute(statement).scalar_one()
    return waiting
