"""Removing the old data of a dataset that nothing needs any more, in one transaction.

Some data stays for ever: scores, coefficients and decisions; predictions of new rows; and each
model that ever served a dataset, with the predictions of the run that trained it, so that a person
may roll back to it at any time. A model that serves segments stays while it does.
"""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from data.store.database.lock import lock_for_writing
from data.store.tables import (
    checksum,
    model,
    paired_error,
    prediction,
    prediction_checksum,
    promotion,
    run,
    run_figures,
    segment_serving,
)
from data.store.write.checksums import renew_prediction_checksum
from data.store.write.run_table_upkeep import keep_few

KEEP_MODELS = 7
"""How many of the latest runs keep models that never served, for a person to promote."""

IDS_PER_STATEMENT = 500
"""Few enough for any database to look each id up in its index."""


@dataclass(frozen=True)
class Pruned:
    """What was removed from a dataset, or would be, in numbers; `model_bytes` is a size.

    `figures` counts the runs of which nothing is kept for their pictures any more.
    `snapshots` are the files that no kept run names, relative to the home; they are not removed
    here.
    """

    dataset: str
    predictions: int = 0
    paired_errors: int = 0
    models: int = 0
    model_bytes: int = 0
    figures: int = 0
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coming:
    """A run that is not stored yet, but will be when the dataset is pruned next: how it ends."""

    status: str
    snapshot: str | None = None
    backfill: bool = False


@dataclass(frozen=True)
class _OldData:
    """The ids of what may go."""

    predicting: Sequence[int] = field(repr=False)  # models whose predictions may go
    superseded: Sequence[tuple[int, int]] = field(repr=False)  # models, and later runs they were in
    predicting_runs: Sequence[int]  # the runs of all these predictions
    compared_runs: Sequence[int]  # runs whose paired errors may go
    models: Sequence[int]  # models whose bytes may go
    drawn_runs: Sequence[int]  # runs whose figures may go


def prune(
    connection: Connection,
    dataset: str,
    *,
    keep_runs: int,
    dry_run: bool = False,
    coming: Coming | None = None,
) -> Pruned:
    """Remove what no view, rollback or coming run of a dataset needs; return it in numbers.

    Models that never served lose their predictions of all but new rows once they are older than the
    last `keep_runs` runs, and their bytes once they are older than the last 7 runs (or `keep_runs`,
    if fewer). A model that served loses those that it made in such an old run, except in the one
    that trained it and in the one whose rows are shown now. Paired errors go with the predictions,
    except those of the latest comparison. The figures of such an old run go, unless it trained a
    model that served. Runs are counted separately by status, and backfills
    apart, so that failed runs never push out successful ones. With `dry_run`, nothing is removed,
    and a `coming` run counts as if it were stored already.
    """
    assert dry_run or coming is None
    if not dry_run:
        lock_for_writing(connection, dataset)
    old = _old_data(connection, dataset, keep_runs, coming)
    pruned = Pruned(
        dataset,
        predictions=sum(_count(connection, which) for which in _predictions(old)),
        paired_errors=sum(_count(connection, _pairs(ids)) for ids in _parts(old.compared_runs)),
        models=len(old.models),
        model_bytes=_bytes(connection, old.models),
        figures=len(old.drawn_runs),
        snapshots=_old_snapshots(connection, dataset, keep_runs, coming),
    )
    if not dry_run:
        _remove(connection, old)
        keep_few(connection, dataset)
    return pruned


def _runs(dataset: str, coming: Coming | None = None) -> Subquery:
    """Return the runs of a dataset; `age` is 1 for the latest of those with the same status."""
    newest_first: ColumnElement[int] = func.row_number().over(
        partition_by=(run.c.status, run.c.backfill), order_by=run.c.run_id.desc()
    )
    if coming is not None:
        is_alike = (run.c.status == coming.status) & (run.c.backfill == literal(coming.backfill))
        newest_first = newest_first + case((is_alike, 1), else_=0)
    return (
        select(run.c.run_id, run.c.snapshot, run.c.pruned_at, newest_first.label("age"))
        .where(run.c.dataset == dataset)
        .subquery("aged")
    )


def _never_served(dataset: str) -> ColumnElement[bool]:
    served = select(promotion.c.model_id).where(promotion.c.dataset == dataset)
    in_segments = select(segment_serving.c.model_id).where(
        segment_serving.c.dataset == dataset, segment_serving.c.model_id.is_not(None)
    )
    return model.c.model_id.not_in(served) & model.c.model_id.not_in(in_segments)


def _runs_of_champions(dataset: str) -> Select[tuple[int]]:
    """Return the runs that trained a model that serves, or ever served."""
    champions = select(model.c.run_id).join(promotion, promotion.c.model_id == model.c.model_id)
    return champions.where(promotion.c.dataset == dataset)


def _old_data(
    connection: Connection, dataset: str, keep_runs: int, coming: Coming | None
) -> _OldData:
    aged = _runs(dataset, coming)
    is_compared = coming is not None and coming.status == "succeeded"
    of_run = model.c.run_id == aged.c.run_id
    of_old_rows = (
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
    drawn = (
        select(run_figures.c.run_id)
        .join(aged, aged.c.run_id == run_figures.c.run_id)
        .where(aged.c.age > keep_runs, aged.c.run_id.not_in(_runs_of_champions(dataset)))
        .order_by(run_figures.c.run_id)
    )
    predicting = connection.execute(of_old_rows).all()
    superseded = [tuple(row) for row in connection.execute(_superseded(dataset, keep_runs, coming))]
    compared = connection.execute(pairs).all()
    if not is_compared:
        compared = compared[:-1]  # the latest comparison stays
    return _OldData(
        predicting=[row.model_id for row in predicting],
        superseded=superseded,
        predicting_runs=sorted(
            {row.run_id for row in predicting} | {run_id for _, run_id in superseded}
        ),
        compared_runs=[row.run_id for row in compared if row.age > keep_runs],
        models=list(connection.execute(models).scalars()),
        drawn_runs=list(connection.execute(drawn).scalars()),
    )


def _superseded(dataset: str, keep_runs: int, coming: Coming | None) -> Select[tuple[int, int]]:
    """Return the models that served, each with the old runs that showed others' rows by it."""
    aged = _runs(dataset, coming)
    newest = select(func.max(promotion.c.promotion_id)).where(promotion.c.dataset == dataset)
    shown_now = select(promotion.c.predictions_run_id).where(
        promotion.c.promotion_id == newest.scalar_subquery(),
        promotion.c.predictions_run_id.is_not(None),
    )
    shows_others = literal(
        coming is not None and coming.status == "succeeded" and not coming.backfill
    )
    return (
        select(promotion.c.model_id, promotion.c.predictions_run_id)
        .join(aged, aged.c.run_id == promotion.c.predictions_run_id)
        .join(model, model.c.model_id == promotion.c.model_id)
        .where(
            promotion.c.dataset == dataset,
            model.c.run_id != promotion.c.predictions_run_id,
            aged.c.age > keep_runs,
            aged.c.pruned_at.is_(None),
            shows_others | promotion.c.predictions_run_id.not_in(shown_now),
        )
        .distinct()
    )


def _predictions(old: _OldData) -> Iterator[ColumnElement[bool]]:
    """Yield conditions for the predictions that may go."""
    known = prediction.c.role != "new"
    for ids in _parts(old.predicting):
        yield prediction.c.model_id.in_(ids) & known
    for model_id, run_id in old.superseded:
        yield (prediction.c.model_id == model_id) & (prediction.c.run_id == run_id) & known


def _batches(connection: Connection, old: _OldData) -> Iterator[tuple[int, int]]:
    """Yield the model and the run of each batch of predictions that lost some, with a checksum."""
    summed = prediction_checksum
    for ids in _parts(old.predicting):
        of_models = select(summed.c.model_id, summed.c.run_id).where(summed.c.model_id.in_(ids))
        yield from (tuple(row) for row in connection.execute(of_models).all())
    yield from old.superseded


def _pairs(runs: Sequence[int]) -> ColumnElement[bool]:
    return paired_error.c.run_id.in_(runs)


def _count(connection: Connection, which: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(which)).scalar_one())


def _bytes(connection: Connection, models: Sequence[int]) -> int:
    sizes = (func.coalesce(func.length(column), 0) for column in (model.c.artifact, model.c.twin))
    total = func.coalesce(func.sum(operator.add(*sizes)), 0)
    return sum(
        int(connection.execute(select(total).where(model.c.model_id.in_(ids))).scalar_one())
        for ids in _parts(models)
    )


def _old_snapshots(
    connection: Connection, dataset: str, keep_runs: int, coming: Coming | None
) -> tuple[str, ...]:
    """Return the snapshots that only old runs name, none of which trained a champion."""
    old, needed = named_snapshots(connection, dataset, keep_runs, coming)
    return tuple(sorted(old - needed))


def named_snapshots(
    connection: Connection, dataset: str, keep_runs: int, coming: Coming | None = None
) -> tuple[set[str], set[str]]:
    """Return the snapshots that old runs name, and those of kept runs and of champions."""
    aged = _runs(dataset, coming)
    is_old = (aged.c.age > keep_runs) & aged.c.run_id.not_in(_runs_of_champions(dataset))
    named = select(aged.c.snapshot, is_old.label("is_old")).where(aged.c.snapshot.is_not(None))
    snapshots: dict[bool, set[str]] = {True: set(), False: set()}
    for name, old in connection.execute(named.distinct()):
        snapshots[bool(old)].add(name)
    if coming is not None and coming.snapshot is not None:
        snapshots[False].add(coming.snapshot)
    return snapshots[True], snapshots[False]


def _remove(connection: Connection, old: _OldData) -> None:
    for which in _predictions(old):
        connection.execute(delete(prediction).where(which))
    for model_id, run_id in _batches(connection, old):
        renew_prediction_checksum(connection, run_id, model_id)
    for ids in _parts(old.predicting_runs):
        marked = update(run).where(run.c.run_id.in_(ids))
        connection.execute(marked.values(pruned_at=datetime.now(UTC)))
    for table, runs in ((paired_error, old.compared_runs), (run_figures, old.drawn_runs)):
        for ids in _parts(runs):
            connection.execute(delete(table).where(table.c.run_id.in_(ids)))
            whole = checksum.c.run_id.in_(ids) & (checksum.c.table_name == table.name)
            connection.execute(delete(checksum).where(whole))
    for ids in _parts(old.models):
        bare = update(model).where(model.c.model_id.in_(ids))
        names = ("artifact", "twin", "artifact_sha256", "twin_sha256")
        connection.execute(bare.values(**dict.fromkeys(names)))


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]
