"""What alarms are raised about, as it stands in the store, and what has been reported of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from data.store.check.record import LastCheck, last_check
from data.store.tables import alarm, alarm_delivery, alarm_message, model, promotion, run
from data.store.write.delivery import Undelivered, undelivered

GOOD, BAD = ("succeeded", "skipped"), ("failed", "rejected")
"""How a night ends for a dataset: a skipped run has seen that nothing has changed."""


@dataclass(frozen=True)
class LatestRun:
    """The latest run of a dataset that was for tonight, and how the runs before it went."""

    dataset: str
    run_id: int
    status: str
    reason: str | None
    finished_at: datetime
    flow_run_id: str | None
    first_at: datetime  # when the dataset's first run began
    good_at: datetime | None  # when the last good run ended
    bad_since: datetime | None  # when the first run after that began, if it was bad


@dataclass(frozen=True)
class ChampionChange:
    """A decision after which another kind of model serves, or one that a person has chosen."""

    dataset: str
    promotion_id: int
    decided_at: datetime
    champion: str  # framework/kind
    before: str
    reason: str
    decided_by: str | None
    run_id: int | None
    flow_run_id: str | None


@dataclass(frozen=True)
class StandingAlarm:
    """A cause of an alarm that people have been told of, and that has not ended."""

    alarm_id: int
    area: str
    dataset: str
    detail: str
    what: str
    since: datetime


@dataclass(frozen=True)
class AlarmFacts:
    """All that alarms depend on."""

    runs: tuple[LatestRun, ...]
    changes: tuple[ChampionChange, ...]
    undelivered: tuple[Undelivered, ...]
    checked: LastCheck | None
    standing: tuple[StandingAlarm, ...]


def alarm_facts(connection: Connection, *, changed_since: datetime) -> AlarmFacts:
    """Return what stands in the store; of changed champions, those since a moment."""
    return AlarmFacts(
        runs=latest_runs(connection),
        changes=_changes(connection, changed_since),
        undelivered=undelivered(connection),
        checked=last_check(connection),
        standing=_standing(connection),
    )


def latest_runs(connection: Connection) -> tuple[LatestRun, ...]:
    """Return the latest run of each dataset; runs of past nights do not count."""
    tonights = run.c.as_of.is_(None)
    first_at = func.min(run.c.started_at).label("first_at")
    per_dataset = (
        select(
            run.c.dataset,
            func.max(run.c.run_id).label("run_id"),
            first_at,
            _latest_good(run.c.run_id).label("good_id"),
            _latest_good(run.c.finished_at).label("good_at"),
        )
        .where(tonights)
        .group_by(run.c.dataset)
        .subquery()
    )
    later = run.alias("later")
    bad_since = (
        select(func.min(later.c.started_at))
        .where(
            later.c.dataset == run.c.dataset,
            later.c.run_id > func.coalesce(per_dataset.c.good_id, 0),
            later.c.as_of.is_(None),
            later.c.status.in_(BAD),
        )
        .scalar_subquery()
    )
    statement = (
        select(
            *(run.c[name] for name in ("dataset", "run_id", "status", "reason", "finished_at")),
            run.c.flow_run_id,
            per_dataset.c.first_at,
            per_dataset.c.good_at,
            bad_since.label("bad_since"),
        )
        .join(per_dataset, per_dataset.c.run_id == run.c.run_id)
        .order_by(run.c.dataset)
    )
    return tuple(LatestRun(**row) for row in connection.execute(statement).mappings())


def _latest_good(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.max(column).filter(run.c.status.in_(GOOD))


def stored_flow_runs(connection: Connection, ids: list[str]) -> frozenset[str]:
    """Return which of Prefect's flow runs have stored a run."""
    if not ids:
        return frozenset()
    stored = select(run.c.flow_run_id).where(run.c.flow_run_id.in_(ids))
    return frozenset(connection.execute(stored).scalars())


def unsent_messages(connection: Connection) -> tuple[tuple[str, datetime, str], ...]:
    """Return the recipients that a message has not reached, since when and why, in order."""
    statement = (
        select(
            alarm_delivery.c.recipient,
            func.min(alarm_message.c.made_at).label("since"),
            func.max(alarm_delivery.c.reason).label("reason"),
        )
        .join(alarm_message, alarm_message.c.message_id == alarm_delivery.c.message_id)
        .where(alarm_delivery.c.sent_at.is_(None), alarm_delivery.c.reason.is_not(None))
        .group_by(alarm_delivery.c.recipient)
        .order_by(alarm_delivery.c.recipient)
    )
    return tuple((row.recipient, row.since, row.reason) for row in connection.execute(statement))


def waiting_recipients(connection: Connection, before: datetime) -> tuple[str, ...]:
    """Return the recipients with messages to be sent, the oldest not tried since a moment."""
    oldest = (
        select(
            alarm_delivery.c.recipient, func.min(alarm_delivery.c.message_id).label("message_id")
        )
        .where(alarm_delivery.c.sent_at.is_(None))
        .group_by(alarm_delivery.c.recipient)
        .subquery()
    )
    tried = alarm_delivery.c.tried_at
    statement = (
        select(alarm_delivery.c.recipient)
        .join(
            oldest,
            and_(
                oldest.c.recipient == alarm_delivery.c.recipient,
                oldest.c.message_id == alarm_delivery.c.message_id,
            ),
        )
        .where(tried.is_(None) | (tried <= before))
    )
    return tuple(connection.execute(statement).scalars())


def _standing(connection: Connection) -> tuple[StandingAlarm, ...]:
    names = ("alarm_id", "area", "dataset", "detail", "what", "since")
    statement = select(*(alarm.c[name] for name in names)).where(alarm.c.ended_at.is_(None))
    rows = connection.execute(statement.order_by(alarm.c.alarm_id)).mappings()
    return tuple(StandingAlarm(**row) for row in rows)


def _changes(connection: Connection, since: datetime) -> tuple[ChampionChange, ...]:
    """Return the decisions since a moment after which another candidate serves, in order.

    A refresh, which trains the same candidate on newer rows, is no change, unless a person made it.
    """
    before = promotion.alias("before")
    previous = (
        select(func.max(before.c.promotion_id))
        .where(
            before.c.dataset == promotion.c.dataset,
            before.c.promotion_id < promotion.c.promotion_id,
        )
        .scalar_subquery()
    )
    earlier, old, new = promotion.alias("earlier"), model.alias("old"), model.alias("new")
    statement = (
        select(
            promotion,
            run.c.flow_run_id,
            (new.c.framework + "/" + new.c.kind).label("champion"),
            (old.c.framework + "/" + old.c.kind).label("before"),
            old.c.model_id.label("old_id"),
        )
        .join(new, new.c.model_id == promotion.c.model_id)
        .join(earlier, earlier.c.promotion_id == previous)
        .join(old, old.c.model_id == earlier.c.model_id)
        .join(run, run.c.run_id == promotion.c.run_id, isouter=True)
        .where(and_(promotion.c.decided_at >= since, new.c.model_id != old.c.model_id))
        .where((run.c.run_id.is_(None)) | (run.c.as_of.is_(None)))
        .order_by(promotion.c.promotion_id)
    )
    return tuple(
        ChampionChange(
            row.dataset,
            row.promotion_id,
            row.decided_at,
            row.champion,
            row.before,
            row.reason,
            row.decided_by,
            row.run_id,
            row.flow_run_id,
        )
        for row in connection.execute(statement)
        if row.champion != row.before or row.decided_by is not None
    )
