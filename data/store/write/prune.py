"""What of earlier runs may go: sized up for one dataset, then removed in one transaction.

For ever stay: scores, coefficients and decisions; predictions of new rows; and of each model that
ever served all predictions and the model itself, by which a person may roll back to it at any time.
"""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    delete,
    func,
    or_,
    select,
    update,
)

from data.store.database.lock import one_writer_at_a_time
from data.store.tables import model, paired_error, prediction, promotion, run

KEEP_MODELS = 7
"""Runs whose models stay though they never served: for so long a person may still promote them."""

AT_A_TIME = 500
"""Ids in one statement: few enough for any database to look each up in its index."""


@dataclass(frozen=True)
class Pruned:
    """What was removed of a dataset, or would be; `snapshots` are files that no kept run names.

    They are named as their runs have them, relative to the home, and are not removed here.
    """

    dataset: str
    predictions: int = 0
    paired_errors: int = 0
    models: int = 0
    model_bytes: int = 0
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Spent:
    """The ids of what may go; `said` are models that never served and said more than of new rows.

    `said_in` are the runs of these.
    """

    said: Sequence[int] = field(repr=False)
    said_in: Sequence[int]
    compared: Sequence[int]
    models: Sequence[int]


def prune(connection: Connection, dataset: str, *, keep_runs: int, dry_run: bool = False) -> Pruned:
    """Remove what no view, rollback or coming night of a dataset needs; return what, in numbers.

    Of models that never served go: predictions that are not of new rows, before the last
    `keep_runs` runs, and the models' bytes, before the last 7 (or `keep_runs`, if fewer). The
    errors by which two models were compared go as the predictions do, but those of the latest
    comparison. Runs are counted by what became of them, backfills apart: many that failed push out
    none that succeeded. With `dry_run`, nothing is removed. Raises StoreError where the database
    fails; nothing is removed then.
    """
    if not dry_run:
        one_writer_at_a_time(connection, dataset)
    spent = _spent(connection, dataset, keep_runs)
    found = Pruned(
        dataset,
        predictions=sum(_count(connection, _said(some)) for some in _parts(spent.said)),
        paired_errors=sum(_count(connection, _pairs(some)) for some in _parts(spent.compared)),
        models=len(spent.models),
        model_bytes=_bytes(connection, spent.models),
        snapshots=_snapshots(connection, dataset, keep_runs),
    )
    if not dry_run:
        _remove(connection, spent)
    return found


def _runs(dataset: str) -> Subquery:
    """Return the runs of a dataset; `age` counts them, 1 the latest of those that ended alike."""
    newest_first = func.row_number().over(
        partition_by=(run.c.status, run.c.backfill), order_by=run.c.run_id.desc()
    )
    return (
        select(run.c.run_id, run.c.snapshot, run.c.pruned_at, newest_first.label("age"))
        .where(run.c.dataset == dataset)
        .subquery("aged")
    )


def _never_served(dataset: str) -> ColumnElement[bool]:
    served = select(promotion.c.model_id).where(promotion.c.dataset == dataset)
    return model.c.model_id.not_in(served)


def _spent(connection: Connection, dataset: str, keep_runs: int) -> _Spent:
    aged = _runs(dataset)
    of_run = model.c.run_id == aged.c.run_id
    said = (
        select(model.c.model_id, model.c.run_id)
        .join(aged, of_run)
        .where(
            aged.c.age > keep_runs,
            aged.c.pruned_at.is_(None),
            _never_served(dataset),
            select(prediction.c.key)
            .where(prediction.c.model_id == model.c.model_id, prediction.c.role != "new")
            .exists(),
        )
    )
    has_pairs = select(paired_error.c.key).where(paired_error.c.run_id == aged.c.run_id).exists()
    pairs = select(aged.c.run_id, aged.c.age).where(has_pairs).order_by(aged.c.run_id)
    models = (
        select(model.c.model_id)
        .join(aged, of_run)
        .where(
            aged.c.age > min(KEEP_MODELS, keep_runs),
            or_(model.c.artifact.is_not(None), model.c.twin.is_not(None)),
            _never_served(dataset),
        )
    )
    silent = connection.execute(said).all()
    compared = connection.execute(pairs).all()[:-1]  # but for the latest comparison
    return _Spent(
        said=[one.model_id for one in silent],
        said_in=sorted({one.run_id for one in silent}),
        compared=[one.run_id for one in compared if one.age > keep_runs],
        models=list(connection.execute(models).scalars()),
    )


def _said(models: Sequence[int]) -> ColumnElement[bool]:
    return prediction.c.model_id.in_(models) & (prediction.c.role != "new")


def _pairs(runs: Sequence[int]) -> ColumnElement[bool]:
    return paired_error.c.run_id.in_(runs)


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(which)).scalar_one())


def _bytes(connection: Connection, models: Sequence[int]) -> int:
    sizes = (func.coalesce(func.length(column), 0) for column in (model.c.artifact, model.c.twin))
    total = func.coalesce(func.sum(operator.add(*sizes)), 0)
    return sum(
        int(connection.execute(select(total).where(model.c.model_id.in_(some))).scalar_one())
        for some in _parts(models)
    )


def _snapshots(connection: Connection, dataset: str, keep_runs: int) -> tuple[str, ...]:
    """Return the snapshots that only runs name which are past and trained no champion."""
    aged = _runs(dataset)
    champions = select(model.c.run_id).join(promotion, promotion.c.model_id == model.c.model_id)
    past = (aged.c.age > keep_runs) & aged.c.run_id.not_in(
        champions.where(promotion.c.dataset == dataset)
    )
    named = select(aged.c.snapshot, past.label("past")).where(aged.c.snapshot.is_not(None))
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for name, is_past in connection.execute(named.distinct()):
        found[bool(is_past)].add(name)
    return tuple(sorted(found[True] - found[False]))


def _remove(connection: Connection, spent: _Spent) -> None:
    for some in _parts(spent.said):
        connection.execute(delete(prediction).where(_said(some)))
    for some in _parts(spent.said_in):
        pruned = update(run).where(run.c.run_id.in_(some))
        connection.execute(pruned.values(pruned_at=datetime.now(UTC)))
    for some in _parts(spent.compared):
        connection.execute(delete(paired_error).where(_pairs(some)))
    for some in _parts(spent.models):
        bare = update(model).where(model.c.model_id.in_(some))
        connection.execute(bare.values(artifact=None, twin=None))


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), AT_A_TIME):
        yield ids[start : start + AT_A_TIME]
