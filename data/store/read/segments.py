"""What was decided about the segments of a dataset, and what serves them now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, or_, select, true

from data.declarations.mistakes import nearest
from data.errors import CallError
from data.store.read.datasets import refuse_unknown_dataset
from data.store.tables import model, prediction, run, segment_decision, segment_serving
from data.store.views import CURRENT_PREDICTION, SEGMENT_CHAMPION
from data.vocabulary import Candidate

Decision = Row[tuple[int, str, str | None, bool]]


@dataclass(frozen=True, kw_only=True)
class SegmentRoutes:
    """The segments of a dataset that anybody has decided about, (r,) each, in order of name.

    `kind` is that of the models that serve the segment, None for the dataset's champion: the one
    that served first, of which later nights may have fitted another kind of the same group. Where a
    person's wish has yet to be met, it is what the next night should fit.
    """

    segment: Sequence[str]
    kind: Sequence[str | None]
    pinned: NDArray[np.bool_]
    latest_decision: int | None  # the number of the latest decision about any segment


def segment_routes(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> SegmentRoutes:
    """Return what was decided about each segment last; with `before_run`, before a run decided."""
    standing = standing_decisions(connection, dataset, before_run=before_run)
    return SegmentRoutes(
        segment=[row.segment for row in standing],
        kind=[row.kind for row in standing],
        pinned=np.array([row.pinned for row in standing], dtype=bool),
        latest_decision=max((row.segment_decision_id for row in standing), default=None),
    )


def standing_decisions(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> Sequence[Decision]:
    """Return the latest decision about each segment, in order of name."""
    made, newest = segment_decision, newest_decisions(dataset, before_run=before_run)
    statement = (
        select(made.c.segment_decision_id, made.c.segment, made.c.kind, made.c.pinned)
        .where(made.c.segment_decision_id.in_(newest))
        .order_by(made.c.segment)
    )
    return connection.execute(statement).all()


def newest_decisions(dataset: str, *, before_run: int | None = None) -> Select[tuple[int]]:
    """Select the number of the latest decision about each segment of a dataset."""
    made = segment_decision.c
    return (
        select(func.max(made.segment_decision_id))
        .where(made.dataset == dataset, _before(before_run))
        .group_by(made.segment)
    )


def latest_segment_decision(connection: Connection, dataset: str) -> int | None:
    """Return the number of the latest decision about any segment of a dataset, None of none."""
    newest = select(func.max(segment_decision.c.segment_decision_id))
    latest: int | None = connection.execute(
        newest.where(segment_decision.c.dataset == dataset)
    ).scalar()
    return latest


@dataclass(frozen=True, kw_only=True)
class ServedSegment:
    """A segment as it is served now."""

    segment: str
    serving_run: int  # the run whose rows its predictions are of
    model_id: int
    name_and_run: str  # the model that serves it, and the run that trained that
    own: bool  # whether that is a model of its own, not the dataset's champion
    pinned: bool
    kinds: Sequence[str | None]  # of what was decided about it, oldest first; None: the champion

    @property
    def is_waiting(self) -> bool:
        """Return whether another kind is to serve it, which has yet to be fitted."""
        return not self.own and bool(self.kinds) and self.kinds[-1] is not None


def served_segment(connection: Connection, dataset: str, segment: str) -> ServedSegment:
    """Return how a segment is served; raise CallError if there is none of this name."""
    refuse_unknown_dataset(connection, dataset)
    served, serving, made = SEGMENT_CHAMPION.table, segment_serving, segment_decision
    names = select(serving.c.segment).where(serving.c.dataset == dataset)
    own = (served.c.dataset == dataset) & (served.c.segment == segment)
    row = connection.execute(select(served).where(own)).first()
    if row is None:
        known = connection.execute(names.order_by(serving.c.segment)).scalars().all()
        raise CallError(
            f"{dataset} has no segment {segment!r}."
            if known
            else f"{dataset} has no segments: its latest good run declared none.",
            next_step=nearest(segment, known).strip()
            or f"'nightfit query segment_champion --dataset {dataset}' lists all."
            if known
            else "'segment' in its declaration names the columns of its segments.",
        )
    run_id = connection.execute(
        select(serving.c.run_id).where(serving.c.dataset == dataset, serving.c.segment == segment)
    ).scalar_one()
    kinds = select(made.c.kind).where(made.c.dataset == dataset, made.c.segment == segment)
    return ServedSegment(
        segment=segment,
        serving_run=run_id,
        model_id=row.model_id,
        name_and_run=f"{Candidate(row.framework, row.kind)} of run {row.run_id}",
        own=row.own,
        pinned=row.pinned,
        kinds=connection.execute(kinds.order_by(made.c.segment_decision_id)).scalars().all(),
    )


def model_of_kind(
    connection: Connection, dataset: str, segment: str, *, run_id: int, kind: str
) -> int | None:
    """Return the best model of a kind whose predictions of a segment's rows in a run are stored."""
    best = (
        select(model.c.model_id)
        .where(model.c.run_id == run_id, model.c.kind == kind)
        .order_by(model.c.rank.is_(None), model.c.rank)
    )
    for model_id in connection.execute(best).scalars().all():
        if predicts_segment(connection, dataset, segment, run_id=run_id, model_id=model_id):
            return int(model_id)
    return None


def predicts_segment(
    connection: Connection, dataset: str, segment: str, *, run_id: int, model_id: int
) -> bool:
    """Return whether a model's predictions of all rows of a segment in a run are stored."""
    shown = CURRENT_PREDICTION.table
    wanted = select(func.count()).where(shown.c.dataset == dataset, shown.c.segment == segment)
    stored = select(func.count()).where(
        prediction.c.model_id == model_id,
        prediction.c.run_id == run_id,
        prediction.c.segment == segment,
    )
    count: int = connection.execute(stored).scalar_one()
    return count > 0 and count == connection.execute(wanted).scalar_one()


def served_segments(connection: Connection) -> dict[str, dict[str, int]]:
    """Return how many segments of each dataset are served by what, the dataset's champion first.

    The champion is `the champion`; others are named as candidates. A dataset without segments is
    not there.
    """
    served = SEGMENT_CHAMPION.table
    name = served.c.framework + "/" + served.c.kind
    statement = (
        select(served.c.dataset, served.c.own, name.label("name"), func.count().label("segments"))
        .group_by(served.c.dataset, served.c.own, name)
        .order_by(served.c.dataset, served.c.own, func.count().desc(), name)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(statement):
        what = row.name if row.own else "the champion"
        counts.setdefault(row.dataset, {})[what] = row.segments
    return counts


@dataclass(frozen=True)
class PinnedSegments:
    """How many segments of a dataset are pinned, and how many of these wait for the next night.

    A kind is to serve them that has no model yet which could.
    """

    pinned: int
    waiting: int


def pinned_segments(connection: Connection) -> dict[str, PinnedSegments]:
    """Return the pinned segments of each dataset that has any."""
    served, made, any_of = SEGMENT_CHAMPION.table, segment_decision, segment_decision.alias()
    newest = (
        select(func.max(any_of.c.segment_decision_id))
        .where(any_of.c.dataset == served.c.dataset, any_of.c.segment == served.c.segment)
        .scalar_subquery()
    )
    waits = case((and_(~served.c.own, made.c.kind.is_not(None)), 1), else_=0)
    statement = (
        select(served.c.dataset, func.count().label("pinned"), func.sum(waits).label("waiting"))
        .select_from(served)
        .join(made, made.c.segment_decision_id == newest)
        .where(served.c.pinned)
        .group_by(served.c.dataset)
    )
    rows = connection.execute(statement)
    return {row.dataset: PinnedSegments(row.pinned, row.waiting) for row in rows}


def _before(run_id: int | None) -> ColumnElement[bool]:
    """Select the decisions before a run's own: by earlier runs, and by people until then."""
    if run_id is None:
        return true()
    finished = select(run.c.finished_at).where(run.c.run_id == run_id).scalar_subquery()
    return or_(
        segment_decision.c.run_id < run_id,
        and_(segment_decision.c.run_id.is_(None), segment_decision.c.decided_at <= finished),
    )
