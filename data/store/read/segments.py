"""What was decided about the segments of a dataset, and what serves them now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, true

from data.store.tables import run, segment_decision
from data.store.views import SEGMENT_CHAMPION

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
    made = segment_decision
    newest = (
        select(func.max(made.c.segment_decision_id))
        .where(made.c.dataset == dataset, _before(before_run))
        .group_by(made.c.segment)
    )
    statement = (
        select(made.c.segment_decision_id, made.c.segment, made.c.kind, made.c.pinned)
        .where(made.c.segment_decision_id.in_(newest))
        .order_by(made.c.segment)
    )
    return connection.execute(statement).all()


def latest_segment_decision(connection: Connection, dataset: str) -> int | None:
    """Return the number of the latest decision about any segment of a dataset, None of none."""
    newest = select(func.max(segment_decision.c.segment_decision_id))
    latest: int | None = connection.execute(
        newest.where(segment_decision.c.dataset == dataset)
    ).scalar()
    return latest


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


def _before(run_id: int | None) -> ColumnElement[bool]:
    """Select the decisions before a run's own: by earlier runs, and by people until then."""
    if run_id is None:
        return true()
    finished = select(run.c.finished_at).where(run.c.run_id == run_id).scalar_subquery()
    return or_(
        segment_decision.c.run_id < run_id,
        and_(segment_decision.c.run_id.is_(None), segment_decision.c.decided_at <= finished),
    )
