"""Reading the store: rows of a view in batches, and the few facts a night needs of earlier ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, func, select

from data.errors import CallError
from data.mistakes import nearest
from data.store.database import place, translated
from data.store.tables import model, prediction, run
from data.store.views import CHAMPION, CHAMPION_HISTORY, VIEWS, View

BATCH_ROWS = 10_000


@dataclass(frozen=True)
class ViewRows:
    """Rows of a view as they come: the columns with their types, and batches of tuples."""

    columns: dict[str, Any]  # name -> SQLAlchemy type, in order
    batches: Iterator[Sequence[tuple[Any, ...]]] = field(repr=False)


@dataclass(frozen=True)
class ServingModel:
    """The champion of a dataset: what it is, how it did in its own run, and the model itself.

    `artifact` serves; `twin` never saw the test rows of its run and is for tonight's comparison.
    """

    dataset: str
    model_id: int
    run_id: int
    framework: str
    kind: str
    since: datetime
    test_rmse: float | None
    test_rmse_low: float | None
    test_rmse_high: float | None
    test_r2: float | None
    n_train: int | None
    details: dict[str, Any] = field(repr=False)
    artifact: bytes | None = field(repr=False)
    twin: bytes | None = field(repr=False)
    fingerprint: str | None
    setup_fingerprint: str | None

    @property
    def name(self) -> str:
        """The champion's name, `framework/kind`."""
        return f"{self.framework}/{self.kind}"


@dataclass(frozen=True)
class DatasetStatus:
    """How a dataset stands: its last run, its last good one, and who serves it."""

    dataset: str
    run_id: int
    status: str
    reason: str | None
    change: str | None
    warnings: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    last_succeeded_at: datetime | None
    champion: str | None
    champion_since: datetime | None
    champion_test_rmse: float | None


def rows_of(
    engine: Engine,
    view: str,
    *,
    dataset: str | None = None,
    columns: Sequence[str] | None = None,
    limit: int | None = None,
) -> ViewRows:
    """Return rows of a view, read as they are asked for, in constant memory.

    `columns` chooses and orders the columns. Raises CallError at once for an unknown view, column
    or dataset, naming the nearest one. The batches hold a connection until they are used up.
    """
    shown = _view(view)
    names = tuple(dict.fromkeys(columns or shown.columns))
    for name in names:
        if name not in shown.columns:
            raise CallError(
                f"{view} has no column {name!r}.", next_step=_nearest(name, tuple(shown.columns))
            )
    if limit is not None and limit < 0:
        raise CallError(f"--limit is {limit}.", next_step="Give 0 or more.")
    if dataset is not None:
        _refuse_unknown(engine, dataset)
    source = shown.table
    statement = select(*(source.c[name] for name in names)).limit(limit)
    if dataset is not None:
        statement = statement.where(source.c.dataset == dataset)
    return ViewRows({name: shown.columns[name] for name in names}, _batches(engine, statement))


def champion_model(engine: Engine, dataset: str) -> ServingModel | None:
    """Return the model that serves a dataset now, or None before the first night."""
    champion = CHAMPION.table
    statement = (
        select(
            *(part for part in champion.c if part.name != "verdict"),
            model.c.details,
            model.c.artifact,
            model.c.twin,
            run.c.fingerprint,
            run.c.setup_fingerprint,
        )
        .join_from(champion, model, model.c.model_id == champion.c.model_id)
        .join(run, run.c.run_id == champion.c.run_id)
        .where(champion.c.dataset == dataset)
    )
    with translated(engine), engine.connect() as connection:
        row = connection.execute(statement).mappings().first()
    return None if row is None else ServingModel(**row)


def trained_keys(engine: Engine, model_id: int) -> set[str]:
    """Return the keys a model was trained or tested with: all but the new rows of its own run."""
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(
            prediction.c.model_id == model_id,
            prediction.c.run_id == model.c.run_id,
            prediction.c.role != "new",
        )
    )
    with translated(engine), engine.connect() as connection:
        return set(connection.execution_options(yield_per=BATCH_ROWS).execute(statement).scalars())


def last_details(engine: Engine, dataset: str) -> dict[str, dict[str, Any]]:
    """Return the details of each candidate of a dataset's latest run that succeeded, by name.

    Empty before there was such a run; the details of a candidate that failed are empty.
    """
    last = (
        select(func.max(run.c.run_id))
        .where(run.c.dataset == dataset, run.c.status == "succeeded")
        .scalar_subquery()
    )
    statement = (
        select(model.c.framework, model.c.kind, model.c.details)
        .where(model.c.run_id == last)
        .order_by(model.c.model_id)
    )
    with translated(engine), engine.connect() as connection:
        rows = connection.execute(statement).all()
    return {f"{framework}/{kind}": details for framework, kind, details in rows}


def latest_runs(engine: Engine) -> tuple[DatasetStatus, ...]:
    """Return how each dataset stands, by name."""
    champion = CHAMPION.table
    last = select(func.max(run.c.run_id)).group_by(run.c.dataset)
    good = (
        select(run.c.dataset, func.max(run.c.finished_at).label("at"))
        .where(run.c.status == "succeeded")
        .group_by(run.c.dataset)
        .subquery()
    )
    statement = (
        select(
            run.c.dataset,
            run.c.run_id,
            run.c.status,
            run.c.reason,
            run.c.change,
            run.c.warnings,
            run.c.started_at,
            run.c.finished_at,
            good.c.at.label("last_succeeded_at"),
            (champion.c.framework + "/" + champion.c.kind).label("champion"),
            champion.c.since.label("champion_since"),
            champion.c.test_rmse.label("champion_test_rmse"),
        )
        .join_from(run, good, good.c.dataset == run.c.dataset, isouter=True)
        .join(champion, champion.c.dataset == run.c.dataset, isouter=True)
        .where(run.c.run_id.in_(last))
        .order_by(run.c.dataset)
    )
    with translated(engine), engine.connect() as connection:
        rows = connection.execute(statement).mappings().all()
    return tuple(DatasetStatus(**{**row, "warnings": tuple(row["warnings"])}) for row in rows)


def promotions(engine: Engine, dataset: str) -> list[dict[str, Any]]:
    """Return every decision about a dataset's champion, newest first, as `champion_history` has it.

    Raises CallError where no run of the dataset is stored.
    """
    _refuse_unknown(engine, dataset)
    history = CHAMPION_HISTORY.table
    statement = select(history).where(history.c.dataset == dataset)
    with translated(engine), engine.connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]


def _batches(engine: Engine, statement: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    with translated(engine), engine.connect() as connection:
        result = connection.execution_options(yield_per=BATCH_ROWS).execute(statement)
        for rows in result.partitions():
            yield [tuple(row) for row in rows]


def _view(name: str) -> View:
    if name not in VIEWS:
        raise CallError(f"there is no view {name!r}.", next_step=_nearest(name, tuple(VIEWS)))
    return VIEWS[name]


def _refuse_unknown(engine: Engine, dataset: str) -> None:
    with translated(engine), engine.connect() as connection:
        known = connection.execute(select(run.c.dataset).distinct().order_by(run.c.dataset))
        names = tuple(known.scalars())
    if dataset not in names:
        advice = _nearest(dataset, names) if names else "Run `nightfit nightly` first."
        raise CallError(
            f"no run of a dataset {dataset!r} is stored.",
            where=place(engine.url),
            next_step=advice,
        )


def _nearest(word: str, known: Sequence[str]) -> str:
    return nearest(word, known).strip() or f"There are: {', '.join(known)}."
