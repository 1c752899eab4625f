"""Storing what serves each segment after a run, in the run's transaction."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, select, update

from data.errors import ChampionChanged
from data.store.read.segments import latest_segment_decision, standing_decisions
from data.store.records import RunRecord
from data.store.row_columns import ModelRef, PredictionColumns
from data.store.segment_columns import SegmentCoefficientColumns, SegmentColumns
from data.store.tables import (
    checksum,
    model,
    prediction,
    prediction_checksum,
    run,
    segment_coefficient_value,
    segment_decision,
    segment_fit,
    segment_serving,
)
from data.store.write.bulk import insert_columns
from data.store.write.rows import insert_rows, row_of
from data.texts import Texts

REPLACED = (segment_serving, segment_fit, segment_coefficient_value)
"""The tables in which each good run of a dataset replaces the rows of the one before."""

VALUES = {
    "estimate": "estimates",
    "standard_error": "standard_errors",
    "robust_standard_error": "robust_standard_errors",
    "t": "t",
    "p": "p_values",
    "low": "low",
    "high": "high",
}
"""The columns of a term's estimate and inference, and the fields that they come from."""

FIGURES = (
    "rows",
    "rows_test",
    "validation_rmse",
    "champion_validation_rmse",
    "test_rmse",
    "champion_test_rmse",
)
"""The numbers of a segment, columns and fields alike."""

Served = Mapping[str, Row[Any]]
"""The rows of `segment_serving` of a dataset, by segment."""


def refuse_changed_segments(connection: Connection, record: RunRecord) -> None:
    """Raise ChampionChanged if anybody decided about a segment while the run was working."""
    if record.segments is None:
        return
    latest = latest_segment_decision(connection, record.dataset)
    if latest == record.segments_against:
        return
    made = segment_decision.c.segment_decision_id == latest
    row = connection.execute(select(segment_decision).where(made)).first()
    if row is None:
        raise ValueError(
            f"{record.dataset} has no decision {record.segments_against} about a segment"
        )
    raise ChampionChanged(
        f"while this run was working, {row.decided_by or f'run {row.run_id}'} decided about the"
        f" segment {row.segment!r} ({row.decision}: {row.reason}), so nothing from this run is"
        " stored.",
        where=record.dataset,
        next_step="Run it again.",
    )


def with_routes(record: RunRecord) -> Iterator[PredictionColumns]:
    """Yield the predictions of a run, with a mark on the rows that a model serves in its segments.

    Raises ValueError where a model serves a segment without predictions of all of its rows.
    """
    segments = record.segments
    if segments is None:
        yield from record.predictions
        return
    _refuse_missing_predictions(segments, record)
    for rows in record.predictions:
        routes = zip(segments.segment, segments.model, strict=True)
        own = {segment for segment, ref in routes if ref == rows.model}
        if own and rows.segment is not None:
            routed = np.fromiter((s in own for s in rows.segment), bool, len(rows.key))
            yield replace(rows, routed=routed)
        else:
            yield rows


def _refuse_missing_predictions(segments: SegmentColumns, record: RunRecord) -> None:
    """Refuse routes without the rows that the champion predicts in their segments.

    A champion that cannot predict tonight's rows goes on with those of an earlier run, and so do
    all segments.
    """
    serving = record.promotions[-1].model if record.promotions else None
    counts = {rows.model: Counter(rows.segment or ()) for rows in record.predictions}
    of_champion = counts.get(serving) if serving is not None else None
    for segment, ref in zip(segments.segment, segments.model, strict=True):
        if ref is None:
            continue
        count = counts.get(ref, Counter())[segment]
        wanted = count if of_champion is None else of_champion[segment]
        if count != wanted or ref not in counts:
            raise ValueError(
                f"{ref} is to serve the segment {segment!r} of {wanted} rows, but predicts {count}"
                " of them"
            )


def add_segments(connection: Connection, run_id: int, model_id: int) -> None:
    """Give a model's predictions of a run's rows the segments that others of them have."""
    own, other = prediction, prediction.alias("other")
    most = (
        select(prediction_checksum.c.model_id)
        .where(prediction_checksum.c.run_id == run_id, prediction_checksum.c.model_id != model_id)
        .order_by(prediction_checksum.c.rows.desc())
        .limit(1)
    )
    of_other = (other.c.model_id == most.scalar_subquery()) & (other.c.run_id == run_id)
    known = select(other.c.key).where(of_other, other.c.segment.is_not(None)).limit(1)
    if connection.execute(known).first() is None:
        return
    same = select(other.c.segment).where(of_other, other.c.key == own.c.key).scalar_subquery()
    lacking = (own.c.model_id == model_id) & (own.c.run_id == run_id) & own.c.segment.is_(None)
    connection.execute(update(own).where(lacking).values(segment=same))


def write_segments(
    connection: Connection, run_id: int, record: RunRecord, id_of: Callable[[ModelRef], int]
) -> None:
    """Store what serves each segment from now on, in place of what did, and what was decided.

    A segment that stays with the champion, or with models of its own, keeps the time since when it
    has been so; what a person pinned stays pinned. Raises ValueError for a decision of a run about
    a pinned segment.
    """
    serving = select(segment_serving).where(segment_serving.c.dataset == record.dataset)
    before = {row.segment: row for row in connection.execute(serving)}
    _remove_earlier(connection, record.dataset, run_id)
    for candidate in record.candidates:
        if candidate.segment_coefficients is not None:
            columns = candidate.segment_coefficients
            _insert_equations(connection, id_of(candidate.name), columns)
    if record.segments is None:
        return
    standing = standing_decisions(connection, record.dataset)
    pinned = {row.segment for row in standing if row.pinned}
    _insert_decisions(connection, run_id, record, id_of, before, pinned)
    ids = [None if ref is None else id_of(ref) for ref in record.segments.model]
    _insert_serving(connection, run_id, record, ids, before, pinned)


def _remove_earlier(connection: Connection, dataset: str, run_id: int) -> None:
    of_dataset = select(model.c.model_id).join(run, run.c.run_id == model.c.run_id)
    earlier = select(segment_fit.c.model_id).distinct()
    ids = [
        *connection.execute(
            of_dataset.where(run.c.dataset == dataset, model.c.model_id.in_(earlier))
        ).scalars()
    ]
    for table in (segment_fit, segment_coefficient_value):
        connection.execute(delete(table).where(table.c.model_id.in_(ids)))
    connection.execute(delete(segment_serving).where(segment_serving.c.dataset == dataset))
    runs = select(run.c.run_id).where(run.c.dataset == dataset, run.c.run_id < run_id)
    names = [table.name for table in REPLACED]
    gone = checksum.c.table_name.in_(names) & checksum.c.run_id.in_(runs)
    connection.execute(delete(checksum).where(gone))


def _insert_decisions(
    connection: Connection,
    run_id: int,
    record: RunRecord,
    id_of: Callable[[ModelRef], int],
    before: Served,
    pinned: set[str],
) -> None:
    named = {decision.model for decision in record.segment_decisions}
    kinds = _kinds(connection, {id_of(ref) for ref in named if ref is not None})
    rows = []
    for decision in record.segment_decisions:
        if decision.segment in pinned:
            raise ValueError(f"the segment {decision.segment!r} is pinned: no run decides about it")
        model_id = None if decision.model is None else id_of(decision.model)
        old = before.get(decision.segment)
        more = {
            "run_id": run_id,
            "dataset": record.dataset,
            "decided_at": record.finished_at,
            "kind": None if model_id is None else kinds[model_id],
            "model_id": model_id,
            "previous_model_id": None if old is None else old.model_id,
            "pinned": False,
        }
        rows.append(row_of(segment_decision, decision, **more))
    insert_rows(connection, segment_decision, rows)


def _insert_serving(
    connection: Connection,
    run_id: int,
    record: RunRecord,
    ids: Sequence[int | None],
    before: Served,
    pinned: set[str],
) -> None:
    columns = record.segments
    assert columns is not None
    decided = {decision.segment for decision in record.segment_decisions}
    figures = {name: _with_nulls(getattr(columns, name)) for name in FIGURES}
    rows = []
    for at, (segment, model_id) in enumerate(zip(columns.segment, ids, strict=True)):
        old = None if segment in decided else before.get(segment)
        is_same = old is not None and (old.model_id is None) == (model_id is None)
        values = {
            "dataset": record.dataset,
            "segment": segment,
            "run_id": run_id,
            "model_id": model_id,
            "since": old.since if old is not None and is_same else record.finished_at,
            "reason": columns.reason[at],
            "pinned": segment in pinned,
        }
        rows.append(values | {name: values_of[at] for name, values_of in figures.items()})
    insert_rows(connection, segment_serving, rows)


def _insert_equations(
    connection: Connection, model_id: int, columns: SegmentCoefficientColumns
) -> None:
    fits = {
        "model_id": model_id,
        "segment": list(columns.segment),
        "rows": np.asarray(columns.rows, dtype=np.int64),
        "residual_sd": _finite_or_nan(columns.residual_sd),
        "r2": _finite_or_nan(columns.r2),
        "reason": _texts(columns.reason),
    }
    insert_columns(connection, segment_fit, fits)
    _refuse_infinite(columns)
    at_segment, at_term = np.nonzero(~np.isnan(columns.estimates))
    terms = np.array(columns.terms, dtype=object)
    values = {
        "model_id": model_id,
        "segment": Texts.of(list(columns.segment))[at_segment],
        "position": at_term + 1,
        "term": terms[at_term].tolist(),
        **{
            name: _finite_or_nan(getattr(columns, field)[at_segment, at_term])
            for name, field in VALUES.items()
        },
    }
    if len(at_segment):
        insert_columns(connection, segment_coefficient_value, values)


def _refuse_infinite(columns: SegmentCoefficientColumns) -> None:
    infinite = np.argwhere(np.isinf(columns.estimates))
    if len(infinite):
        at = tuple(infinite[0])
        raise ValueError(
            f"segment_coefficient_value.estimate cannot be {columns.estimates[at]}"
            f" (segment {columns.segment[at[0]]!r}, term {columns.terms[at[1]]!r})"
        )


def _texts(values: Sequence[str | None]) -> Texts | None:
    return Texts.of(list(values)) if any(value is not None for value in values) else None


def _with_nulls(values: Any) -> list[Any]:
    """Return numbers as Python's own, None for one that is not finite."""
    return [value if math.isfinite(value) else None for value in np.asarray(values).tolist()]


def _kinds(connection: Connection, ids: set[int]) -> dict[int, str]:
    """Return the kinds of models."""
    of_models = select(model.c.model_id, model.c.kind).where(model.c.model_id.in_(ids))
    return {row.model_id: row.kind for row in connection.execute(of_models)}


def _finite_or_nan(values: Any) -> Any:
    numbers = np.asarray(values, dtype=float)
    return np.where(np.isinf(numbers), np.nan, numbers)
