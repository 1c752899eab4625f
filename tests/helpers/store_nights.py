"""Small finished runs to store, and what a store then holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import URL, Connection, Table, create_engine, func, make_url, select, text

from data.store import tables
from data.store.read.champions import ServingModel, champion_model
from data.store.read.predictions import prediction_batches
from data.store.read.view_rows import rows_of
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    ManualDecision,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.row_columns import ModelRef, PredictionColumns
from data.store.session import Store
from data.store.tables import model
from data.store.views import VIEWS
from data.store.write.decision import write_decision
from data.store.write.run import write_run

T = TypeVar("T")

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)
NEW = float("nan")
"""The actual value of a row whose target is not known yet."""


def candidate(name: str = "torch/ann", **facts: Any) -> CandidateRecord:
    """Return a fitted candidate with both scores; a linear one also has an equation and its fit."""
    framework, kind = name.split("/")
    terms = [CoefficientRecord(term=term, estimate=0.1 + 0.2) for term in ("intercept", "age")]
    defaults = {
        "status": "fitted",
        "artifact": f"{name} model".encode(),
        "twin": f"{name} twin".encode(),
        "scores": [
            ScoreRecord(rows="validation", rmse=2.0, rmse_se=0.1, mae=1.5, n=80),
            ScoreRecord(rows="test", rmse=2.5, rmse_low=2.0, rmse_high=3.0, mae=1.8, n=20, r2=0.6),
        ],
        "coefficients": [] if kind == "ann" else terms,
        "linear_fit": None if kind == "ann" else LinearFitRecord(rows=100, rank=2, r2=0.1 + 0.2),
    }
    return CandidateRecord(framework=framework, kind=kind, **{**defaults, **facts})


def silenced(share: float, rmse: float) -> ResilienceRecord:
    """Return the errors of a network with a share of its cells silenced."""
    draws = 20 if share else 1
    return ResilienceRecord(
        share=share, rmse=rmse, rmse_low=rmse * 0.9, rmse_high=rmse * 1.1, draws=draws
    )


def probe(framework: str, figure: float, *, agreed: bool = True) -> AgreementRecord:
    """Return a result of the parity probe of a framework's networks."""
    return AgreementRecord(
        framework=framework,
        kind="ann",
        quantity="probe",
        compared_with="numpy",
        figure=figure,
        allowed=1e-9,
        agreed=agreed,
    )


def predictions(
    model: str | int, rows: dict[str, float], *, by: float = 0.5, roles: Sequence[str] | None = None
) -> PredictionColumns:
    """Return predictions `by` below each actual value (10 for a new row), each plus or minus 1."""
    actual = np.array(list(rows.values()), dtype=float)
    predicted = np.where(np.isnan(actual), 10.0, actual - by)
    return PredictionColumns(
        model=model,
        key=list(rows),
        actual=actual,
        predicted=predicted,
        lower=predicted - 1,
        upper=predicted + 1,
        role=np.array(roles or ["new" if np.isnan(value) else "train" for value in actual]),
    )


def night(number: int, *, dataset: str = "wages", **facts: Any) -> RunRecord:
    """Return a run of night `number` that took two minutes; by default, it succeeded."""
    started = FIRST + timedelta(days=number)
    times = {"started_at": started, "finished_at": started + timedelta(minutes=2)}
    return RunRecord(**{"dataset": dataset, "status": "succeeded", **times, **facts})


def promoted(
    number: int, rows: dict[str, float], *, name: str = "torch/ann", **facts: Any
) -> RunRecord:
    """Return a night whose winner becomes the champion."""
    defaults = {
        "candidates": [candidate(name, chosen=True, rank=1)],
        "predictions": [predictions(name, rows)],
        "promotions": [PromotionRecord(decision="promoted", model=name, reason="it is better")],
        "rows_read": len(rows),
        "agreement": [probe("torch", 1e-16)],
        "rows_labelled": sum(not np.isnan(value) for value in rows.values()),
        "change": "promoted",
    }
    return night(number, **{**defaults, **facts})


def kept(number: int, serving: int, rows: dict[str, float], **facts: Any) -> RunRecord:
    """Return a night whose winner lost to the model with id `serving`, which predicts `rows`."""
    defaults = {
        "candidates": [candidate("theano/least_squares", chosen=True, rank=1)],
        "predictions": [predictions(serving, rows, by=0.25)],
        "promotions": [
            PromotionRecord(
                decision="kept",
                model=serving,
                incumbent=serving,
                challenger="theano/least_squares",
                reason="the challenger is worse",
            )
        ],
        "agreement": [probe("theano", 1e-16)],
        "rescored": {serving: [ScoreRecord(rows="test", rmse=2.6, mae=1.9, n=22)]},
        "change": "kept",
    }
    return night(number, **{**defaults, **facts})


def write(store: Store, record: RunRecord) -> int:
    """Store a run that was decided after the latest decision about its dataset."""
    newest = select(func.max(tables.promotion.c.promotion_id))
    with store.writing() as connection:
        latest = connection.execute(newest.where(tables.promotion.c.dataset == record.dataset))
        return write_run(connection, replace(record, against=latest.scalar()))


def by_hand(store: Store, decision: str, model_id: int, **facts: Any) -> int:
    """Store a decision by Ann about the champion of `wages`."""
    fields = {"dataset": "wages", "reason": "I say so", "decided_by": "ann", **facts}
    manual = ManualDecision(decision=decision, model_id=model_id, **fields)
    return change(store, write_decision, manual)


def serving(store: Store) -> ServingModel:
    """Return the champion of `wages`."""
    champion = read(store, champion_model, "wages")
    assert champion is not None
    return champion


def trained_keys(store: Store, model_id: int) -> set[str]:
    """Return the keys of the rows that a model's artifact was fitted on."""
    own = select(model.c.run_id).where(model.c.model_id == model_id)
    run_id = read(store, lambda connection: connection.execute(own).scalar_one())
    batches = read(store, predictions_in, run_id, model_id, model_id)
    rows = (pair for batch in batches for pair in zip(batch.key, batch.role, strict=True))
    return {key for key, role in rows if role != "new"}


def predictions_in(
    connection: Connection, run_id: int, model_id: int, name: ModelRef
) -> list[PredictionColumns]:
    """Return what a model predicted in a run: of few rows it is one batch, of none it is none."""
    return [*prediction_batches(connection, run_id, model_id, name)]


def two_champions(store: Store) -> tuple[int, int]:
    """Store two nights, each with its own champion; return the models' ids."""
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    first = serving(store).model_id
    write(store, promoted(2, {"a": 1.0, "c": NEW}, name="torch/least_squares"))
    return first, serving(store).model_id


def rows(store: Store, view: str, **how: Any) -> list[dict[str, Any]]:
    """Return all rows of a view."""
    with store.reading() as connection:
        return _rows(connection, view, **how)


def answers(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return what each view answers, in an order that depends on the rows alone."""
    with store.reading() as connection:
        return {view: sorted(_rows(connection, view), key=repr) for view in VIEWS}


def _rows(connection: Connection, view: str, **how: Any) -> list[dict[str, Any]]:
    answer = rows_of(connection, view, **how)
    return [
        dict(zip(answer.columns, row, strict=True)) for batch in answer.batches for row in batch
    ]


def stored(store: Store, table: Table) -> list[dict[str, Any]]:
    """Return all rows of a table."""
    return everything(store, table)[table.name]


def everything(store: Store, *chosen: Table) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of each table, by its name, or of the chosen ones."""
    with store.reading() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in chosen or tables.metadata.tables.values()
        }


def fill(store: Store, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Fill a store without runs with everything that another one had."""
    with store.writing() as connection:
        for table in tables.metadata.sorted_tables:
            if not rows[table.name]:
                continue
            connection.execute(table.insert(), rows[table.name])
            number = table.autoincrement_column
            if number is not None and kind_of(store) == "postgresql":
                sequence = func.pg_get_serial_sequence(table.name, number.name)
                connection.execute(select(func.setval(sequence, func.max(number))))


def read(store: Store, query: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function that reads from a store, in a session of its own."""
    with store.reading() as connection:
        return query(connection, *arguments, **options)


def change(store: Store, write: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call a function that writes to a store, in one transaction."""
    with store.writing() as connection:
        return write(connection, *arguments, **options)


def kind_of(store: Store) -> str:
    """Return the kind of a store's database, `sqlite` or `postgresql`."""
    return make_url(store.url).get_backend_name()


def run_sql(address: str | URL, *statements: str) -> list[tuple[Any, ...]]:
    """Run SQL statements as any other program might; return the rows of the last one."""
    engine = create_engine(address)
    with engine.begin() as connection:
        answers = [connection.execute(text(statement)) for statement in statements]
        rows = [tuple(row) for row in answers[-1]] if answers[-1].returns_rows else []
    engine.dispose()
    return rows


def counts(store: Store) -> dict[str, int]:
    """Return how many rows each table has, apart from those about others: checksums and checks."""
    about_others = {"checksum", "prediction_checksum", "database_check"}
    return {name: len(rows) for name, rows in everything(store).items() if name not in about_others}
