"""The models that serve single segments of a dataset now, as whoever predicts with them needs."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from data.store.read.champions import ServingModel, model_of
from data.store.tables import model, segment_serving
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
