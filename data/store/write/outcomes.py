"""Predictions that came true: the last one that was served before the target became known."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache

import numpy as np
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Integer,
    String,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    true,
    union_all,
)

from data.store.column_types import UtcTime
from data.store.read.text_column import texts_of
from data.store.row_columns import FURTHER, Targets
from data.store.tables import (
    is_good,
    outcome,
    prediction,
    promotion,
    run,
    segment_decision,
    target_unknown,
)
from data.store.write.bulk import insert_columns
from data.texts import Texts

# What the statements are executed with. No name may be that of a column of `outcome`.
DATASET = bindparam("of_dataset", type_=String)
RUN = bindparam("of_run", type_=Integer)
MODEL = bindparam("of_model", type_=Integer)
LAST = 2**31 - 1
"""More than the number of any decision: what serves a segment comes before the champion."""
REALISED_AT = bindparam("at", type_=UtcTime)


def insert_outcomes(
    connection: Connection, dataset: str, *, run_id: int, model_id: int, realised_at: datetime
) -> None:
    """Store each key whose target became known in this run, with the last prediction before that.

    `model_id` is a model whose predictions of this run are stored; their actual values are the
    truth. Predictions that were never shown do not count: those of a model that did not serve after
    its run, or not the segment, and those of backfills. Call it before this run's own decision is
    stored.
    """
    values = {"of_dataset": dataset, "of_run": run_id, "of_model": model_id, "at": realised_at}
    with _whole_tables_joined(connection):
        connection.execute(_insertion(), values)


@cache
def _insertion() -> Insert:
    """Return the statement, which is made once: that takes longer than to execute it."""
    due = _due()
    period = _periods(due)
    served = _served(period)
    by_champion = select(due, served.c.finished_at, served.c.decision).join(
        served, and_(served.c.run_id == due.c.run_id, served.c.model_id == due.c.model_id)
    )
    by_route = (
        select(due, period.c.finished_at, literal(LAST, Integer).label("decision"))
        .join(period, period.c.run_id == due.c.run_id)
        .where(due.c.routed == true(), ~_sent_back(due, period))
    )
    either = union_all(by_champion, by_route).subquery("either")
    newest_first = (
        func.row_number()
        .over(
            partition_by=either.c.key, order_by=(either.c.run_id.desc(), either.c.decision.desc())
        )
        .label("age")
    )
    shown = select(either, newest_first).subquery("shown")
    realised = select(
        DATASET,
        shown.c.key,
        shown.c.run_id,
        shown.c.model_id,
        shown.c.predicted,
        shown.c.lower,
        shown.c.upper,
        shown.c.finished_at,
        shown.c.actual,
        REALISED_AT,
        RUN,
        *(shown.c[name] for name in FURTHER),
        shown.c.segment,
    ).where(shown.c.age == 1)
    return insert(outcome).from_select([column.name for column in outcome.columns], realised)


def insert_unstored_outcomes(
    connection: Connection,
    dataset: str,
    targets: Targets,
    *,
    run_id: int,
    model_id: int,
    realised_at: datetime,
) -> None:
    """Store the outcomes of rows that have a target in this run, but no prediction by the model.

    The rows that an outcome waits for are in the table `prediction` for as long as this takes,
    because both databases join rows best that they have; then they are deleted again.
    """
    waiting = prediction.alias("waiting")
    keys = select(waiting.c.key).where(*_is_waiting(waiting)).distinct()
    values = {"of_dataset": dataset, "of_run": run_id}
    predicted, own = texts_of(connection, keys, values), Texts.of(targets.key)
    known = np.flatnonzero(own.is_in(predicted))
    if not len(known):
        return
    columns = {
        "model_id": model_id,
        "key": own[known],
        "run_id": run_id,
        "dataset": dataset,
        "actual": np.asarray(targets.actual, dtype=float)[known],
        "role": "warmup",  # the one without a prediction
    }
    insert_columns(connection, prediction, columns)
    insert_outcomes(connection, dataset, run_id=run_id, model_id=model_id, realised_at=realised_at)
    of_model = (prediction.c.model_id == model_id) & (prediction.c.run_id == run_id)
    connection.execute(delete(prediction).where(of_model, prediction.c.role == "warmup"))


def _is_waiting(waiting: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Return which rows of `prediction` before the run have a target that has not become known."""
    stored = and_(outcome.c.dataset == DATASET, outcome.c.key == waiting.c.key)
    return (
        target_unknown(waiting),
        waiting.c.dataset == DATASET,
        waiting.c.run_id < RUN,
        ~select(outcome.c.key).where(stored).exists(),
    )


def _due() -> CTE:
    """Return the predictions whose target was unknown until this run, with its value.

    Keys that already have an outcome are left out: the first actual value stays.
    """
    waiting, current = prediction.alias("waiting"), prediction.alias("current")
    of_this_run = and_(
        current.c.model_id == MODEL,
        current.c.key == waiting.c.key,
        current.c.run_id == RUN,
        current.c.actual.is_not(None),
    )
    return (
        select(
            waiting.c.key,
            waiting.c.run_id,
            waiting.c.model_id,
            waiting.c.predicted,
            waiting.c.lower,
            waiting.c.upper,
            *(waiting.c[name] for name in (*FURTHER, "segment", "routed")),
            current.c.actual,
        )
        .join(current, of_this_run)
        .where(*_is_waiting(waiting))
        .cte("due")
    )


def _served(period: CTE) -> CTE:
    """Return which models served after each run that made a prediction, until the next good run.

    One row per run and model: `finished_at` is when the run finished, `decision` the latest
    decision by which the model served in that time. A model served if the run left it in charge, or
    if a person chose it before the next good run finished.
    """
    chosen_by_a_person = and_(
        promotion.c.run_id.is_(None),
        promotion.c.promotion_id > period.c.standing,
        or_(period.c.until.is_(None), promotion.c.decided_at <= period.c.until),
    )
    return (
        select(
            period.c.run_id,
            period.c.finished_at,
            promotion.c.model_id,
            func.max(promotion.c.promotion_id).label("decision"),
        )
        .join(promotion, or_(promotion.c.promotion_id == period.c.standing, chosen_by_a_person))
        .where(promotion.c.dataset == DATASET)
        .group_by(period.c.run_id, period.c.finished_at, promotion.c.model_id)
        .cte("served")
    )


def _sent_back(due: CTE, period: CTE) -> ColumnElement[bool]:
    """Return which predictions of a segment's own model a person replaced by the champion's."""
    decided = segment_decision
    return (
        select(decided.c.segment_decision_id)
        .where(
            decided.c.dataset == DATASET,
            decided.c.segment == due.c.segment,
            decided.c.run_id.is_(None),
            decided.c.kind.is_(None),
            decided.c.decided_at > period.c.finished_at,
            or_(period.c.until.is_(None), decided.c.decided_at <= period.c.until),
        )
        .exists()
    )


def _periods(due: CTE) -> CTE:
    """Return the time after each run that made a prediction, in which people saw it.

    One row per run, backfills aside: `standing` is the decision that stood when the run finished,
    its own included; `until` is when the next good run finished, NULL if that is this run. Later
    decisions have higher numbers.
    """
    earlier, later = promotion.alias("earlier"), run.alias("later")
    standing = select(func.max(earlier.c.promotion_id)).where(
        earlier.c.dataset == DATASET,
        or_(
            earlier.c.run_id <= run.c.run_id,
            and_(earlier.c.run_id.is_(None), earlier.c.decided_at <= run.c.finished_at),
        ),
    )
    next_good_run = select(func.min(later.c.finished_at)).where(
        later.c.dataset == DATASET,
        is_good(later),
        later.c.run_id > run.c.run_id,
        later.c.run_id < RUN,
    )
    return (
        select(
            run.c.run_id,
            run.c.finished_at,
            standing.correlate(run).scalar_subquery().label("standing"),
            next_good_run.correlate(run).scalar_subquery().label("until"),
        )
        .where(run.c.run_id.in_(select(due.c.run_id)), run.c.backfill == false())
        .cte("period")
        .prefix_with("MATERIALIZED")  # otherwise SQLite evaluates it again for each decision
    )


@contextmanager
def _whole_tables_joined(connection: Connection) -> Iterator[None]:
    """Make PostgreSQL join whole tables, not row by row, in one statement.

    Its statistics do not cover the rows that the transaction itself has written. It would plan for
    a single row, and compare each waiting prediction with each row of this run.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    connection.execute(text("SET LOCAL jit = off"))  # the remaining joins would seem to be worth it
    yield
    connection.execute(text("SET LOCAL enable_nestloop TO DEFAULT"))
    connection.execute(text("SET LOCAL jit TO DEFAULT"))
