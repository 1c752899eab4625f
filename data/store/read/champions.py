"""Models that serve, served, or could serve a dataset, as runs and decisions need them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, true

from data.errors import CallError, DamagedStore
from data.store.database.address import display_url
from data.store.database.failures import REPAIR
from data.store.read.datasets import advice_for, refuse_unknown_dataset
from data.store.read.integrity import Damage, damage_of
from data.store.tables import model, promotion, run, score
from data.vocabulary import Candidate


@dataclass(frozen=True)
class ServingModel:
    """A model that serves, or could: what it is, how it did in its own run, and the model itself.

    `data_until` and `train_until` are in microseconds since 1970, or the number itself; None
    without a time column.
    """

    dataset: str
    model_id: int
    run_id: int  # the run that trained it
    framework: str
    kind: str
    test_rmse: float | None
    test_rmse_low: float | None
    test_rmse_high: float | None
    test_r2: float | None
    n_train: int | None  # labelled rows of its run
    artifact: bytes | None = field(repr=False)  # refitted on all labelled rows: this one serves
    twin: bytes | None = field(repr=False)  # never saw the test rows of its run: for comparisons
    snapshot: str | None  # the file that its run read, relative to the home
    rows_read: int | None  # rows in that file
    fingerprint: str | None
    setup_fingerprint: str | None
    data_until: float | None  # the newest time of its labelled rows
    train_until: float | None  # the newest time of the rows that its twin was fitted on
    declaration: str | None = field(repr=False)  # of its run, as JSON
    since: datetime | None = None  # when it began to serve; None if it does not serve
    promotion_id: int | None = None  # the decision by which it serves; None if it does not serve
    pinned: bool = False
    pinned_by: str | None = None
    pinned_at: datetime | None = None
    pinned_reason: str | None = None
    damage: Damage | None = None  # what is stored of it is not what was stored

    @property
    def name(self) -> str:
        """The model's candidate as text, `framework/kind`."""
        return str(Candidate(self.framework, self.kind))

    @property
    def name_and_run(self) -> str:
        """The name with the run that trained the model."""
        return f"{self.name} of run {self.run_id}"


def champion_model(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> ServingModel | None:
    """Return the model that serves a dataset now, or None if it has no champion yet.

    With `before_run`, the model that served when that run decided: its incumbent.
    """
    standing = latest_decision(connection, dataset, _before(before_run))
    if standing is None:
        return None
    facts = _model_row(connection, dataset, standing.model_id)
    pin = latest_decision(
        connection,
        dataset,
        and_(
            promotion.c.decided_by.is_not(None),
            promotion.c.promotion_id <= standing.promotion_id,
        ),
    )
    since = connection.execute(_since(standing)).scalar_one()
    return _serving_model(
        connection,
        facts,
        decided_by_run=standing.run_id,
        since=since,
        promotion_id=standing.promotion_id,
        pinned=standing.pinned,
        pinned_by=pin.decided_by if pin and standing.pinned else None,
        pinned_at=pin.decided_at if pin and standing.pinned else None,
        pinned_reason=pin.reason if pin and standing.pinned else None,
    )


def previous_champion(connection: Connection, dataset: str) -> ServingModel | None:
    """Return the champion before the current one first became champion, or None.

    Rolling back twice therefore goes further back, never back and forth between two models.
    """
    standing = latest_decision(connection, dataset)
    if standing is None:
        return None
    first = (
        select(func.min(promotion.c.promotion_id))
        .where(promotion.c.dataset == dataset, promotion.c.model_id == standing.model_id)
        .scalar_subquery()
    )
    before = latest_decision(connection, dataset, promotion.c.promotion_id < first)
    if before is None:
        return None
    facts = _model_row(connection, dataset, before.model_id)
    return _serving_model(connection, facts)


def model_of(
    connection: Connection, dataset: str, run_id: int, candidate: str | None = None
) -> ServingModel:
    """Return a candidate of a run that could serve: the one named, or the run's winner.

    One that did not win may have no `artifact`. Raises CallError, listing the choices, for an
    unknown dataset, run or candidate, and for a candidate that failed or was pruned.
    """
    refuse_unknown_dataset(connection, dataset)
    of_dataset = select(run.c.run_id).where(run.c.dataset == dataset, run.c.run_id == run_id)
    if connection.execute(of_dataset).first() is None:
        raise CallError(f"{dataset} has no run {run_id}.", next_step=_runs(connection, dataset))
    models = _models(connection, model.c.run_id == run_id)
    winner = model.c.run_id == run_id, model.c.chosen == true()
    name = model.c.framework + "/" + model.c.kind
    chosen = connection.execute(select(name).where(*winner))
    wanted = candidate or chosen.scalar()
    able = {
        str(Candidate(row.framework, row.kind)): row
        for row in models
        if row.twin is not None or row.twin_sha256 is not None
    }
    statuses = select(name, model.c.status).where(model.c.run_id == run_id)
    status = {row[0]: row.status for row in connection.execute(statuses)}
    if not able or wanted is None:
        raise CallError(
            f"run {run_id} of {dataset} has no model that could serve.",
            next_step=_runs(connection, dataset),
        )
    if wanted in able:
        return _serving_model(connection, able[wanted], must_exist=False)
    if wanted in status:
        why = "failed" if status[wanted] == "failed" else "never served and has been pruned"
        raise CallError(
            f"{wanted} of run {run_id} {why}, so it cannot serve.",
            next_step=f"Those that can: {', '.join(able)}.",
        )
    raise CallError(
        f"run {run_id} of {dataset} has no candidate {wanted!r}.",
        next_step=advice_for(wanted, tuple(able)),
    )


def past_champion(connection: Connection, dataset: str, run_id: int) -> ServingModel:
    """Return the model of a run that has served a dataset; of several, the last to do so.

    Raises CallError, listing the runs whose models have served, for any other run.
    """
    refuse_unknown_dataset(connection, dataset)
    served = (
        select(model.c.run_id, model.c.model_id, func.max(promotion.c.promotion_id).label("last"))
        .join(model, model.c.model_id == promotion.c.model_id)
        .where(promotion.c.dataset == dataset)
        .group_by(model.c.run_id, model.c.model_id)
        .order_by(func.max(promotion.c.promotion_id).desc())
    )
    champions = connection.execute(served).all()
    chosen = next((row for row in champions if row.run_id == run_id), None)
    if chosen is None:
        runs = ", ".join(dict.fromkeys(str(row.run_id) for row in champions))
        raise CallError(
            f"no model of run {run_id} has served {dataset}.",
            next_step=f"Models of these runs have: {runs}." if runs else "No model has yet.",
        )
    facts = _model_row(connection, dataset, chosen.model_id)
    return _serving_model(connection, facts)


def latest_decision(
    connection: Connection, dataset: str, *where: ColumnElement[bool]
) -> Row[Any] | None:
    """Return the latest decision about a dataset's champion, or the latest that meets `where`."""
    statement = (
        select(promotion)
        .where(promotion.c.dataset == dataset, *where)
        .order_by(promotion.c.promotion_id.desc())
        .limit(1)
    )
    return connection.execute(statement).first()


def _before(run_id: int | None) -> ColumnElement[bool]:
    """Select the decisions before a run's own: by earlier runs, and by people until then."""
    if run_id is None:
        return promotion.c.promotion_id.is_not(None)
    own, that = promotion.alias("own"), run.alias("that")
    first_own = select(func.min(own.c.promotion_id)).where(own.c.run_id == run_id)
    finished = select(that.c.finished_at).where(that.c.run_id == run_id)
    return and_(
        or_(
            promotion.c.run_id < run_id,
            and_(
                promotion.c.run_id.is_(None), promotion.c.decided_at <= finished.scalar_subquery()
            ),
        ),
        promotion.c.promotion_id
        < func.coalesce(first_own.scalar_subquery(), promotion.c.promotion_id + 1),
    )


def _model_row(connection: Connection, dataset: str, model_id: int) -> Row[Any]:
    """Return the columns of a model that a decision names; raise DamagedStore if it is gone."""
    rows = _models(connection, model.c.model_id == model_id)
    if not rows:
        raise DamagedStore(
            f"the database is damaged: model {model_id}, which a decision about {dataset!r} names,"
            " is not in it.",
            where=display_url(connection.engine.url),
            next_step=REPAIR,
        )
    return rows[0]


def _serving_model(
    connection: Connection,
    facts: Row[Any],
    *,
    must_exist: bool = True,
    decided_by_run: int | None = None,
    **more: Any,
) -> ServingModel:
    """Return a model that was read, checked against the checksums that were stored with it."""
    columns = dict(facts._mapping)
    damage = damage_of(connection, columns, must_exist=must_exist, decided_by_run=decided_by_run)
    for name in ("artifact_sha256", "twin_sha256"):
        del columns[name]
    return ServingModel(**columns, damage=damage, **more)


def _models(connection: Connection, which: ColumnElement[bool]) -> list[Row[Any]]:
    """Return models with the columns that ServingModel has, best first."""
    own_test = and_(
        score.c.run_id == model.c.run_id,
        score.c.model_id == model.c.model_id,
        score.c.rows == "test",
    )
    statement = (
        select(
            run.c.dataset,
            model.c.model_id,
            model.c.run_id,
            model.c.framework,
            model.c.kind,
            score.c.rmse.label("test_rmse"),
            score.c.rmse_low.label("test_rmse_low"),
            score.c.rmse_high.label("test_rmse_high"),
            score.c.r2.label("test_r2"),
            run.c.rows_labelled.label("n_train"),
            model.c.artifact,
            model.c.twin,
            model.c.artifact_sha256,
            model.c.twin_sha256,
            run.c.snapshot,
            run.c.rows_read,
            run.c.fingerprint,
            run.c.setup_fingerprint,
            run.c.data_until,
            run.c.train_until,
            run.c.declaration,
        )
        .join_from(model, run, run.c.run_id == model.c.run_id)
        .outerjoin(score, own_test)
        .where(which)
        .order_by(model.c.rank.is_(None), model.c.rank, model.c.model_id)
    )
    return list(connection.execute(statement))


def _since(standing: Row[Any]) -> Any:
    """Return since when the model of a decision had been serving without interruption."""
    other = promotion.alias("other")
    of_another = select(func.max(other.c.promotion_id)).where(
        other.c.dataset == standing.dataset,
        other.c.promotion_id < standing.promotion_id,
        other.c.model_id != standing.model_id,
    )
    return select(func.min(promotion.c.decided_at)).where(
        promotion.c.dataset == standing.dataset,
        promotion.c.promotion_id <= standing.promotion_id,
        promotion.c.promotion_id > func.coalesce(of_another.scalar_subquery(), 0),
    )


def _runs(connection: Connection, dataset: str) -> str:
    """Return a sentence that lists the latest runs with a model that could serve."""
    able = (
        select(model.c.run_id)
        .join(run, run.c.run_id == model.c.run_id)
        .where(run.c.dataset == dataset, model.c.artifact.is_not(None))
        .distinct()
        .order_by(model.c.run_id.desc())
        .limit(5)
    )
    runs = ", ".join(str(run_id) for run_id in connection.execute(able).scalars())
    return f"The latest runs with one: {runs}." if runs else "No run has one yet."
