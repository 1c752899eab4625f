"""Predictions that came true: the last one that was served before the target was known."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import CTE, Connection, and_, false, func, insert, literal, or_, select, text

from data.store.column_types import UtcTime
from data.store.tables import outcome, prediction, promotion, run, target_unknown


def insert_outcomes(
    connection: Connection, dataset: str, *, run_id: int, model_id: int, realised_at: datetime
) -> None:
    """Keep each key whose target became known in this run, beside the last prediction before.

    `model_id` is a model whose predictions of this run are stored; their actual values are the
    truth. Predictions that nobody was shown count for nothing: those of a model that did not serve
    after its run, and those of backfills. Call it before this run's own decision is stored.
    """
    waiting, tonight = prediction.alias("waiting"), prediction.alias("tonight")
    known = and_(outcome.c.dataset == dataset, outcome.c.key == waiting.c.key)
    due = (
        select(
            waiting.c.key,
            waiting.c.run_id,
            waiting.c.model_id,
            waiting.c.predicted,
            waiting.c.lower,
            waiting.c.upper,
            tonight.c.actual,
        )
        .join(
            tonight,
            and_(
                tonight.c.model_id == model_id,
                tonight.c.key == waiting.c.key,
                tonight.c.run_id == run_id,
                tonight.c.actual.is_not(None),
            ),
        )
        .where(
            target_unknown(waiting),
            waiting.c.dataset == dataset,
            waiting.c.run_id < run_id,
            ~select(outcome.c.key).where(known).exists(),
        )
        .cte("due")
    )
    served = _served(dataset, due, tonight=run_id)
    newest_first = (
        func.row_number()
        .over(partition_by=due.c.key, order_by=(due.c.run_id.desc(), served.c.decision.desc()))
        .label("place")
    )
    shown = (
        select(due, served.c.finished_at, newest_first)
        .join(served, and_(served.c.run_id == due.c.run_id, served.c.model_id == due.c.model_id))
        .subquery("shown")
    )
    realised = select(
        literal(dataset),
        shown.c.key,
        shown.c.run_id,
        shown.c.model_id,
        shown.c.predicted,
        shown.c.lower,
        shown.c.upper,
        shown.c.finished_at,
        shown.c.actual,
        literal(realised_at, UtcTime),
        literal(run_id),
    ).where(shown.c.place == 1)
    with _joined_whole(connection):
        connection.execute(insert(outcome).from_select([c.name for c in outcome.columns], realised))


@contextmanager
def _joined_whole(connection: Connection) -> Iterator[None]:
    """Have PostgreSQL join tables as wholes, not row by row, in one statement.

    It knows nothing yet of the rows that its transaction has written. Where it takes many for one,
    it would compare each that waits with each of tonight.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    connection.execute(text("SET LOCAL jit = off"))  # which the joins left would seem to be worth
    yield
    connection.execute(text("SET LOCAL enable_nestloop TO DEFAULT"))
    connection.execute(text("SET LOCAL jit TO DEFAULT"))


def _served(dataset: str, due: CTE, *, tonight: int) -> CTE:
    """Return which models served between a run that predicted and the night that came next.

    That is the one that the run left in charge, and those that people chose after it. A later
    decision has the higher number.
    """
    earlier, later = promotion.alias("earlier"), run.alias("later")
    left_in_charge = select(func.max(earlier.c.promotion_id)).where(
        earlier.c.dataset == dataset,
        or_(
            earlier.c.run_id <= run.c.run_id,
            and_(earlier.c.run_id.is_(None), earlier.c.decided_at <= run.c.finished_at),
        ),
    )
    next_night = select(func.min(later.c.finished_at)).where(
        later.c.dataset == dataset,
        later.c.status == "succeeded",
        later.c.backfill == false(),
        later.c.run_id > run.c.run_id,
        later.c.run_id < tonight,
    )
    moment = (
        select(
            run.c.run_id,
            run.c.finished_at,
            left_in_charge.correlate(run).scalar_subquery().label("standing"),
            next_night.correlate(run).scalar_subquery().label("until"),
        )
        .where(run.c.run_id.in_(select(due.c.run_id)), run.c.backfill == false())
        .cte("moment")
        .prefix_with("MATERIALIZED")  # or SQLite asks again for each decision
    )
    by_hand = and_(
        promotion.c.run_id.is_(None),
        promotion.c.promotion_id > moment.c.standing,
        or_(moment.c.until.is_(None), promotion.c.decided_at <= moment.c.until),
    )
    return (
        select(
            moment.c.run_id,
            moment.c.finished_at,
            promotion.c.model_id,
            func.max(promotion.c.promotion_id).label("decision"),
        )
        .join(promotion, or_(promotion.c.promotion_id == moment.c.standing, by_hand))
        .where(promotion.c.dataset == dataset)
        .group_by(moment.c.run_id, moment.c.finished_at, promotion.c.model_id)
        .cte("served")
    )
