"""What is stored of a run: the few facts that a night needs of earlier ones, and a run whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, false, func, select, true

from data.errors import CallError
from data.store.database.address import display_url
from data.store.read.streaming import batches_of
from data.store.records import (
    AgreementRecord,
    CandidateRecord,
    CoefficientRecord,
    LinearFitRecord,
    ModelRef,
    PairedErrors,
    PredictionColumns,
    PromotionRecord,
    ResilienceRecord,
    RunRecord,
    ScoreRecord,
)
from data.store.tables import (
    agreement_check,
    coefficient,
    linear_fit,
    model,
    paired_error,
    prediction,
    promotion,
    resilience,
    run,
    score,
)
from data.vocabulary import Candidate


@dataclass(frozen=True)
class LastGood:
    """The latest run of a dataset that succeeded and is no backfill: what it read."""

    run_id: int
    finished_at: datetime
    fingerprint: str | None
    setup_fingerprint: str | None
    rows_read: int | None
    snapshot: str | None


def last_good(connection: Connection, dataset: str) -> LastGood | None:
    """Return a dataset's latest run that succeeded and is no backfill, or None."""
    statement = select(*(run.c[one.name] for one in fields(LastGood))).where(
        run.c.run_id == _last_good_id(dataset)
    )
    row = connection.execute(statement).mappings().first()
    return None if row is None else LastGood(**row)


def last_details(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> dict[str, dict[str, Any]]:
    """Return the details of each candidate of a dataset's last good run, by name.

    With `before_run`, of the last good one before that run. Empty before there was such a run; the
    details of a candidate that failed are empty.
    """
    statement = (
        select(model.c.framework, model.c.kind, model.c.details)
        .where(model.c.run_id == _last_good_id(dataset, before_run))
        .order_by(model.c.model_id)
    )
    rows = connection.execute(statement).all()
    return {str(Candidate(framework, kind)): details for framework, kind, details in rows}


def trained_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys a model was trained or tested with: all but the new rows of its own run."""
    return _keys(connection, model_id, prediction.c.role != "new")


def training_keys(connection: Connection, model_id: int) -> set[str]:
    """Return the keys that a model's twin was trained with in its own run: no test rows."""
    return _keys(connection, model_id, prediction.c.role.in_(("train", "warmup")))


def latest_comparison(connection: Connection, dataset: str) -> tuple[int, PairedErrors] | None:
    """Return the run and the errors of a dataset's latest comparison, models by id, if any."""
    compared = select(paired_error.c.run_id).where(paired_error.c.run_id == run.c.run_id)
    latest = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, compared.exists())
    rows = _rows(connection, paired_error, paired_error.c.run_id == latest.scalar_subquery())
    return (rows[0]["run_id"], _paired_errors(rows, {})) if rows else None


def stored_run(connection: Connection, run_id: int) -> RunRecord:
    """Return a run as it was given to `write_run`, its data checks left out.

    Models of the run are named, those of earlier runs are given by id. What was NaN or infinite is
    None in a single value and NaN in an array. Raises CallError for an unknown run.
    """
    found = connection.execute(select(run).where(run.c.run_id == run_id)).mappings().first()
    if found is None:
        raise CallError(
            f"there is no run {run_id}.",
            where=display_url(connection.engine.url),
            next_step="`nightfit query run_history` lists them.",
        )
    rows = connection.execute(
        select(model).where(model.c.run_id == run_id).order_by(model.c.model_id)
    )
    models = list(rows.mappings())
    names: dict[int, ModelRef] = {
        row["model_id"]: str(Candidate(row["framework"], row["kind"])) for row in models
    }
    scores = _scores(connection, run_id)
    stored = _rows(connection, promotion, promotion.c.run_id == run_id)
    first = min((row["promotion_id"] for row in stored), default=0)
    before = connection.execute(
        select(promotion.c.promotion_id, promotion.c.model_id)
        .where(promotion.c.dataset == found["dataset"], promotion.c.promotion_id < first)
        .order_by(promotion.c.promotion_id.desc())
        .limit(1)
    ).first()
    predicting: dict[int, ModelRef] = {before.model_id: before.model_id} if before else {}
    checks = _rows(connection, agreement_check, agreement_check.c.run_id == run_id)
    pairs = _rows(connection, paired_error, paired_error.c.run_id == run_id)
    given: RunRecord = _record(
        RunRecord,
        dict(found),
        agreement=[_record(AgreementRecord, row) for row in checks],
        candidates=[_candidate(connection, row, scores) for row in models],
        rescored={of: given for of, given in scores.items() if of not in names},
        predictions=list(_predictions(connection, run_id, predicting | names)),
        promotions=[_decided(row, names) for row in stored],
        paired_errors=_paired_errors(pairs, names) if pairs else None,
        against=before.promotion_id if before else None,
    )
    return given


def _last_good_id(dataset: str, before_run: int | None = None) -> Any:
    earlier = true() if before_run is None else run.c.run_id < before_run
    return (
        select(func.max(run.c.run_id))
        .where(
            run.c.dataset == dataset,
            run.c.status == "succeeded",
            run.c.backfill == false(),
            earlier,
        )
        .scalar_subquery()
    )


def _keys(connection: Connection, model_id: int, which: ColumnElement[bool]) -> set[str]:
    statement = (
        select(prediction.c.key)
        .join(model, model.c.model_id == prediction.c.model_id)
        .where(prediction.c.model_id == model_id, prediction.c.run_id == model.c.run_id, which)
    )
    return {key for rows in batches_of(connection, statement) for (key,) in rows}


def _rows(connection: Connection, table: Table, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    """Return rows of a table, in the order in which they were written."""
    statement = select(table).where(which).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(statement).mappings()]


def _record(kind: type[Any], row: dict[str, Any], **more: Any) -> Any:
    """Return a record of what the row has, under the same names."""
    names = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in row.items() if name in names} | more)


def _scores(connection: Connection, run_id: int) -> dict[int, list[ScoreRecord]]:
    """Return the run's scores by model, validation before test as they are written."""
    found: dict[int, list[ScoreRecord]] = {}
    for row in reversed(_rows(connection, score, score.c.run_id == run_id)):
        found.setdefault(row["model_id"], []).append(_record(ScoreRecord, row))
    return dict(sorted(found.items()))


def _candidate(
    connection: Connection, row: Any, scores: dict[int, list[ScoreRecord]]
) -> CandidateRecord:
    model_id = row["model_id"]
    terms = _rows(connection, coefficient, coefficient.c.model_id == model_id)
    fits = _rows(connection, linear_fit, linear_fit.c.model_id == model_id)
    silenced = _rows(connection, resilience, resilience.c.model_id == model_id)
    candidate: CandidateRecord = _record(
        CandidateRecord,
        dict(row),
        scores=scores.get(model_id, []),
        coefficients=[_record(CoefficientRecord, term) for term in terms],
        linear_fit=_record(LinearFitRecord, fits[0]) if fits else None,
        resilience=[_record(ResilienceRecord, one) for one in silenced],
    )
    return candidate


def _decided(row: dict[str, Any], names: Mapping[int, ModelRef]) -> PromotionRecord:
    sides = {
        "model": row["model_id"],
        "incumbent": row["incumbent_model_id"],
        "challenger": row["challenger_model_id"],
    }
    decided: PromotionRecord = _record(
        PromotionRecord,
        row,
        **{side: names.get(model_id, model_id) for side, model_id in sides.items()},
    )
    return decided


def _predictions(
    connection: Connection, run_id: int, names: Mapping[int, ModelRef]
) -> Iterator[PredictionColumns]:
    """Yield the run's predictions of each of these models, in order."""
    numbers = ("actual", "predicted", "lower", "upper")
    for model_id, name in names.items():
        statement = (
            select(*(prediction.c[column] for column in ("key", "role", *numbers)))
            .where(prediction.c.model_id == model_id, prediction.c.run_id == run_id)
            .order_by(prediction.c.key)
        )
        rows = connection.execute(statement).all()
        if rows:
            key, role, *values = zip(*rows, strict=True)
            columns = {
                column: np.array(given, dtype=float)
                for column, given in zip(numbers, values, strict=True)
            }
            yield PredictionColumns(model=name, key=list(key), role=np.array(role), **columns)


def _paired_errors(rows: Sequence[dict[str, Any]], names: Mapping[int, ModelRef]) -> PairedErrors:
    column = {name: [row[name] for row in rows] for name in rows[0]}
    model_id, other_id = column["model_id"][0], column["other_model_id"][0]
    return PairedErrors(
        model=names.get(model_id, model_id),
        other=names.get(other_id, other_id),
        key=column["key"],
        error=np.array(column["error"]),
        other_error=np.array(column["other_error"]),
        unit=None if column["unit"][0] is None else np.array(column["unit"]),
    )
