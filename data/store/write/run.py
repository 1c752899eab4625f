"""The one writer: a finished run, or a decision by hand, in one transaction or not at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Column, Connection, Row, Table, func, insert, or_, select, update

from data.errors import ChampionChanged, StoreError
from data.store.column_types import JsonValue
from data.store.database.address import display_url
from data.store.database.schema import lock_key
from data.store.read.champions import latest_decision
from data.store.records import (
    CandidateRecord,
    ModelRef,
    PairedErrors,
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
    paired_error,
    prediction,
    promotion,
    rejected_row,
    resilience,
    run,
    score,
)
from data.store.write.bulk import insert_columns
from data.store.write.outcomes import insert_outcomes
from data.vocabulary import Candidate

BY_HAND = ("rolled_back", "forced", "unpinned")
"""What a person may decide about a champion."""


def write_run(connection: Connection, record: RunRecord) -> int:
    """Store one finished run and return its id; a process that is killed leaves nothing of it.

    NaN and infinity become NULL in a column that may be empty, and raise ValueError in one that
    may not. Raises StoreError where the database fails, and where the same attempt (dataset and
    start) is stored already; ChampionChanged where its decision was made against another champion
    than serves now. Nothing is stored then.
    """
    one_writer_at_a_time(connection, record.dataset)
    _refuse_a_second_time(connection, record)
    standing = latest_decision(connection, record.dataset)
    if record.promotions:
        _refuse_another_champion(standing, record)
    run_id = _insert_one(connection, run, _row(run, record, warnings=list(record.warnings)))
    _insert_checks(connection, run_id, record)
    model_ids = {
        candidate.name: _insert_candidate(connection, run_id, candidate)
        for candidate in record.candidates
    }
    for model_id, scores in record.rescored.items():
        _insert_scores(connection, run_id, model_id, scores)
    for rows in record.predictions:
        model_id = _model_id(rows.model, model_ids)
        _insert_predictions(connection, run_id, model_id, record.dataset, rows)
        if not record.backfill:
            insert_outcomes(
                connection,
                record.dataset,
                run_id=run_id,
                model_id=model_id,
                realised_at=record.finished_at,
            )
    if record.paired_errors is not None:
        _insert_paired_errors(connection, run_id, record.paired_errors, model_ids)
    pinned = standing is not None and standing.pinned
    for decided in record.promotions:
        _insert_promotion(connection, run_id, record, decided, model_ids, pinned=pinned)
    return run_id


def write_decision(
    connection: Connection,
    *,
    dataset: str,
    decision: str,
    model_id: int,
    reason: str,
    decided_by: str,
    pinned: bool = False,
    predictions: Mapping[int, PredictionColumns] | None = None,
    artifact: bytes | None = None,
) -> int:
    """Store what a person decided about a dataset's champion, and return its promotion_id.

    `model_id` serves from now on, and if `pinned` until a person decides again. Its `predictions`,
    by the id of the run whose rows they are of, are stored with those of that run; a key that the
    run has a prediction of the same model for keeps it. `artifact` is the model's, where it had
    none. Raises StoreError where the database fails, and where the model was pruned since it was
    chosen; nothing is stored then.
    """
    if decision not in BY_HAND:
        raise ValueError(f"{decision!r} is nothing a person decides: {', '.join(BY_HAND)}")
    predictions = predictions or {}
    if any(rows.model != model_id for rows in predictions.values()):
        raise ValueError("the predictions are not of the model that serves")
    one_writer_at_a_time(connection, dataset)
    _refuse_model_of_another_dataset(connection, dataset, model_id)
    standing = latest_decision(connection, dataset)
    for run_id, rows in predictions.items():
        missing = _without_stored_keys(connection, run_id, model_id, rows)
        _insert_predictions(connection, run_id, model_id, dataset, missing)
    if artifact is not None:
        bare = (model.c.model_id == model_id) & model.c.artifact.is_(None)
        connection.execute(update(model).where(bare).values(artifact=artifact))
    _refuse_pruned_model(connection, model_id)
    values = {
        "dataset": dataset,
        "decided_at": datetime.now(UTC),
        "decision": decision,
        "model_id": model_id,
        "incumbent_model_id": None if standing is None else standing.model_id,
        "reason": reason,
        "decided_by": decided_by,
        "pinned": pinned,
    }
    return _insert_one(connection, promotion, values)


def one_writer_at_a_time(connection: Connection, dataset: str) -> None:
    """Wait until no other transaction writes this dataset; SQLite's have waited already."""
    if connection.dialect.name == "postgresql":
        key = lock_key(connection, f"nightfit writes {dataset}")
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _refuse_another_champion(standing: Row[Any] | None, record: RunRecord) -> None:
    if (None if standing is None else standing.promotion_id) == record.against:
        return
    if standing is None:
        raise ValueError(f"{record.dataset} has no decision {record.against} to decide against")
    who = standing.decided_by or f"run {standing.run_id}"
    raise ChampionChanged(
        f"while this run worked, {who} decided about the champion ({standing.decision}:"
        f" {standing.reason}), so nothing of this run is stored.",
        where=record.dataset,
        next_step="Run it again.",
    )


def _refuse_model_of_another_dataset(connection: Connection, dataset: str, model_id: int) -> None:
    of = select(run.c.dataset).join(model).where(model.c.model_id == model_id)
    if connection.execute(of).scalar() != dataset:
        raise ValueError(f"model {model_id} is no model of {dataset}")


def _refuse_pruned_model(connection: Connection, model_id: int) -> None:
    """Refuse a model without its bytes; one that ever served has kept what it had."""
    served = select(promotion.c.model_id).where(promotion.c.model_id == model_id).exists()
    bare = or_(model.c.artifact.is_(None), model.c.twin.is_(None))
    lost = select(model.c.run_id, model.c.framework, model.c.kind).where(
        model.c.model_id == model_id, bare, ~served
    )
    found = connection.execute(lost).first()
    if found is not None:
        candidate = Candidate(found.framework, found.kind)
        raise StoreError(
            f"{candidate} of run {found.run_id} never served and was pruned just"
            " now, so it cannot serve, and nothing has changed.",
            next_step="'nightfit promote' again names the runs that have a model.",
        )


def _without_stored_keys(
    connection: Connection, run_id: int, model_id: int, rows: PredictionColumns
) -> PredictionColumns:
    same = (prediction.c.model_id == model_id) & (prediction.c.run_id == run_id)
    there = set(connection.execute(select(prediction.c.key).where(same)).scalars())
    left = np.array([key not in there for key in rows.key], dtype=bool)
    arrays = {
        name: np.asarray(getattr(rows, name))[left]
        for name in ("actual", "predicted", "lower", "upper", "role")
    }
    return replace(rows, key=[key for key in rows.key if key not in there], **arrays)


def _refuse_a_second_time(connection: Connection, record: RunRecord) -> None:
    same = (run.c.dataset == record.dataset) & (run.c.started_at == record.started_at)
    stored = connection.execute(select(run.c.run_id).where(same)).scalar()
    if stored is not None:
        raise StoreError(
            f"the run of {record.dataset} that started at {record.started_at.isoformat()}"
            f" is stored already, as run {stored}.",
            where=display_url(connection.engine.url),
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
    *,
    pinned: bool,
) -> None:
    """Store a night's decision; a champion that was pinned stays so, whatever the night found."""
    if pinned and decided.decision == "promoted":
        raise ValueError(f"the champion of {record.dataset} is pinned, so nobody may be promoted")
    sides = {"incumbent": decided.incumbent, "challenger": decided.challenger}
    values = _row(
        promotion,
        decided,
        run_id=run_id,
        dataset=record.dataset,
        decided_at=decided.decided_at or record.finished_at,
        model_id=_model_id(decided.model, model_ids),
        pinned=pinned,
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


def _insert_paired_errors(
    connection: Connection, run_id: int, errors: PairedErrors, model_ids: Mapping[str, int]
) -> None:
    columns = {
        "run_id": run_id,
        "key": errors.key,
        "model_id": _model_id(errors.model, model_ids),
        "other_model_id": _model_id(errors.other, model_ids),
        "error": _finite(errors, "error"),
        "other_error": _finite(errors, "other_error"),
        "unit": errors.unit,
    }
    insert_columns(connection, paired_error, columns)


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


def _finite(errors: PairedErrors, name: str) -> np.ndarray:
    values = np.asarray(getattr(errors, name), dtype=float)
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"paired_error.{name} cannot be {values[at]} (key {errors.key[at]!r})")
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
