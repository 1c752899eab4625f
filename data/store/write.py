"""The one writer: a finished run goes into the store in one transaction, whole or not at all."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Column, Connection, Engine, Table, and_, func, insert, literal, select

from data.errors import StoreError
from data.store.bulk import insert_columns
from data.store.column_types import JsonValue, UtcTime
from data.store.database import place, writing
from data.store.records import (
    CandidateRecord,
    ModelRef,
    PredictionColumns,
    PromotionRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.tables import (
    agreement_check,
    coefficient,
    expectation_result,
    linear_fit,
    model,
    outcome,
    prediction,
    promotion,
    rejected_row,
    resilience,
    run,
    score,
    target_unknown,
)


def write_run(engine: Engine, record: RunRecord) -> int:
    """Store one finished run and return its id; a process that is killed leaves nothing of it.

    NaN and infinity become NULL in a column that may be empty, and raise ValueError in one that
    may not. Raises StoreError where the database fails, and where the same attempt (dataset and
    start) is stored already.
    """
    with writing(engine) as connection:
        _refuse_a_second_time(connection, record)
        run_id = _insert_one(connection, run, _row(run, record, warnings=list(record.warnings)))
        _insert_checks(connection, run_id, record)
        model_ids = {
            candidate.name: _insert_candidate(connection, run_id, candidate)
            for candidate in record.candidates
        }
        for model_id, scores in record.rescored.items():
            _insert_scores(connection, run_id, model_id, scores)
        if record.predictions is not None:
            model_id = _model_id(record.predictions.model, model_ids)
            _insert_predictions(connection, run_id, model_id, record.dataset, record.predictions)
            _insert_outcomes(connection, run_id, model_id, record)
        if record.promotion is not None:
            _insert_promotion(connection, run_id, record, record.promotion, model_ids)
    return run_id


def _refuse_a_second_time(connection: Connection, record: RunRecord) -> None:
    same = (run.c.dataset == record.dataset) & (run.c.started_at == record.started_at)
    stored = connection.execute(select(run.c.run_id).where(same)).scalar()
    if stored is not None:
        raise StoreError(
            f"the run of {record.dataset} that started at {record.started_at.isoformat()}"
            f" is stored already, as run {stored}.",
            where=place(connection.engine.url),
        )


def _insert_checks(connection: Connection, run_id: int, record: RunRecord) -> None:
    _insert_all(
        connection,
        expectation_result,
        [
            _row(
                expectation_result,
                result,
                run_id=run_id,
                position=position,
                column_name=result.column,
            )
            for position, result in enumerate(record.expectations, start=1)
        ],
    )
    _insert_all(
        connection,
        rejected_row,
        [
            _row(rejected_row, row, run_id=run_id, row_values=row.values)
            for row in record.rejected_rows
        ],
    )
    _insert_all(
        connection,
        agreement_check,
        [
            _row(agreement_check, comparison, run_id=run_id, position=position)
            for position, comparison in enumerate(record.agreement, start=1)
        ],
    )


def _insert_candidate(connection: Connection, run_id: int, candidate: CandidateRecord) -> int:
    seed = None if candidate.seed is None else str(candidate.seed)
    model_id = _insert_one(connection, model, _row(model, candidate, run_id=run_id, seed=seed))
    _insert_scores(connection, run_id, model_id, candidate.scores)
    _insert_all(
        connection,
        coefficient,
        [
            _row(coefficient, term, model_id=model_id, position=position)
            for position, term in enumerate(candidate.coefficients, start=1)
        ],
    )
    if candidate.linear_fit is not None:
        fit = _row(linear_fit, candidate.linear_fit, model_id=model_id)
        _insert_all(connection, linear_fit, [fit])
    silenced = [_row(resilience, one, model_id=model_id) for one in candidate.resilience]
    _insert_all(connection, resilience, silenced)
    return model_id


def _insert_scores(
    connection: Connection, run_id: int, model_id: int, scores: Sequence[ScoreRecord]
) -> None:
    rows = [_row(score, one, run_id=run_id, model_id=model_id) for one in scores]
    _insert_all(connection, score, rows)


def _insert_promotion(
    connection: Connection,
    run_id: int,
    record: RunRecord,
    decided: PromotionRecord,
    model_ids: Mapping[str, int],
) -> None:
    sides = {"incumbent": decided.incumbent, "challenger": decided.challenger}
    values = _row(
        promotion,
        decided,
        run_id=run_id,
        dataset=record.dataset,
        decided_at=decided.decided_at or record.finished_at,
        model_id=_model_id(decided.model, model_ids),
        **{
            f"{side}_model_id": None if ref is None else _model_id(ref, model_ids)
            for side, ref in sides.items()
        },
    )
    _insert_one(connection, promotion, values)


def _insert_predictions(
    connection: Connection, run_id: int, model_id: int, dataset: str, rows: PredictionColumns
) -> None:
    role = np.asarray(rows.role)
    columns = {
        "model_id": model_id,
        "key": rows.key,
        "run_id": run_id,
        "dataset": dataset,
        "actual": _numbers(rows, "actual", may_be_missing=role == "new"),
        "predicted": _numbers(rows, "predicted", may_be_missing=role == "warmup"),
        "lower": _finite_or_nan(rows.lower),
        "upper": _finite_or_nan(rows.upper),
        "role": role,
    }
    insert_columns(connection, prediction, columns)


def _insert_outcomes(connection: Connection, run_id: int, model_id: int, record: RunRecord) -> None:
    """Keep the last prediction of each key that had no target until tonight, beside the truth."""
    tonight, before = prediction.alias("tonight"), prediction.alias("before_")
    waiting = (
        select(prediction.c.key, func.max(prediction.c.run_id).label("run_id"))
        .where(
            target_unknown(prediction),
            prediction.c.dataset == record.dataset,
            prediction.c.run_id < run_id,
        )
        .group_by(prediction.c.key)
        .subquery("waiting")
    )
    known = and_(outcome.c.dataset == record.dataset, outcome.c.key == waiting.c.key)
    realised = (
        select(
            before.c.dataset,
            before.c.key,
            before.c.run_id,
            before.c.model_id,
            before.c.predicted,
            before.c.lower,
            before.c.upper,
            run.c.finished_at,
            tonight.c.actual,
            literal(record.finished_at, UtcTime),
            literal(run_id),
        )
        .select_from(waiting)
        .join(
            tonight,
            and_(
                tonight.c.model_id == model_id,
                tonight.c.key == waiting.c.key,
                tonight.c.run_id == run_id,
                tonight.c.actual.is_not(None),
            ),
        )
        .join(
            before,
            and_(
                before.c.dataset == record.dataset,
                before.c.key == waiting.c.key,
                before.c.run_id == waiting.c.run_id,
                target_unknown(before),
            ),
        )
        .join(run, run.c.run_id == before.c.run_id)
        .where(~select(outcome.c.key).where(known).exists())
    )
    connection.execute(insert(outcome).from_select([c.name for c in outcome.columns], realised))


def _model_id(ref: ModelRef, model_ids: Mapping[str, int]) -> int:
    if isinstance(ref, str) and ref not in model_ids:
        raise ValueError(f"{ref!r} is no candidate of this run: {', '.join(model_ids) or 'none'}")
    return model_ids[ref] if isinstance(ref, str) else ref


def _row(table: Table, facts: object, **more: Any) -> dict[str, Any]:
    """Return the table's row: the facts named as its columns, and what the facts cannot know."""
    names = [column.name for column in table.columns]
    values = {name: getattr(facts, name) for name in names if hasattr(facts, name)} | more
    return {name: _storable(table.c[name], value) for name, value in values.items()}


def _storable(column: Column[Any], value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float) or math.isfinite(value) or isinstance(column.type, JsonValue):
        return value
    if column.nullable:
        return None
    raise ValueError(f"{column.table.name}.{column.name} cannot be {value}")


def _numbers(rows: PredictionColumns, name: str, *, may_be_missing: np.ndarray) -> np.ndarray:
    values = np.asarray(getattr(rows, name), dtype=float)
    wrong = np.isinf(values) | (np.isnan(values) & ~may_be_missing)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"prediction.{name} cannot be {values[at]} for a {rows.role[at]} row"
            f" (key {rows.key[at]!r}, one of {int(wrong.sum())})"
        )
    return values


def _finite_or_nan(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _insert_one(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    made = insert(table).values(**values).returning(*table.primary_key)
    return int(connection.execute(made).scalar_one())


def _insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), [dict(row) for row in rows])
