"""Storing a finished run in one transaction, or not at all."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select, update

from data.errors import ChampionChanged, StoreError
from data.progress import Report, part, unreported
from data.store.checksums import in_key_order, model_sha256
from data.store.database.address import display_url
from data.store.database.lock import lock_for_writing
from data.store.read.champions import latest_decision
from data.store.records import CandidateRecord, PromotionRecord, RunRecord, ScoreRecord
from data.store.row_columns import Array, ModelRef, PairedErrors
from data.store.tables import (
    agreement_check,
    coefficient,
    coefficient_variant,
    expectation_result,
    linear_fit,
    model,
    naive,
    paired_error,
    promotion,
    rejected_row,
    resilience,
    run,
    run_figures,
    score,
    source_column,
)
from data.store.write.bulk import insert_columns
from data.store.write.checksums import (
    insert_checksums,
    insert_prediction_checksum,
    insert_prediction_sum,
)
from data.store.write.outcomes import insert_outcomes, insert_unstored_outcomes
from data.store.write.results import write_results
from data.store.write.rows import insert_predictions, insert_row, insert_rows, row_of
from data.store.write.run_tables import CopiedRun, attach
from data.store.write.segments import refuse_changed_segments, with_routes, write_segments

ModelIds = Mapping[str, int]
"""The ids of this run's candidates, by their text."""


def write_run(
    connection: Connection,
    record: RunRecord,
    *,
    again: bool = False,
    report: Report = unreported,
    told: Callable[[str], None] = lambda _: None,
    copied: CopiedRun | None = None,
) -> int:
    """Store one finished run and return its id; a process that is killed leaves nothing of it.

    NaN and infinity become NULL in a column that may be empty, and raise ValueError in any other.
    Raises StoreError if the same attempt (dataset and start) is stored already, and ChampionChanged
    if the run decided against another champion than the one that serves now, or if anybody decided
    about a segment meanwhile. With `again`, after
    the database went away, the run may have been stored by the first try: then its id is returned.
    `report` is told how many predictions are written, and `told` what could not be written as it
    should be: a table of results, or rows that were `copied` to the database before. That is also
    one of the run's warnings.
    """
    lock_for_writing(connection, record.dataset)
    stored = _stored_run(connection, record)
    if stored is not None and again:
        return stored
    if stored is not None:
        raise StoreError(
            f"the run of {record.dataset} that started at {record.started_at.isoformat()}"
            f" is stored already, as run {stored}.",
            where=display_url(connection.engine.url),
        )
    standing = latest_decision(connection, record.dataset)
    if record.promotions:
        _refuse_changed_champion(standing, record)
    refuse_changed_segments(connection, record)
    warnings = [*record.warnings]

    def warn(text: str) -> None:
        told(text)
        warnings.append(text)

    own_id = {} if copied is None else {"run_id": copied.run_id}
    run_id = insert_row(connection, run, row_of(run, record, warnings=warnings, **own_id))
    _insert_checks(connection, run_id, record)
    model_ids = {
        candidate.name: _insert_candidate(connection, record.dataset, run_id, candidate, copied)
        for candidate in record.candidates
    }
    for model_id, scores in record.rescored.items():
        _insert_scores(connection, run_id, model_id, scores)
    _insert_all_predictions(connection, run_id, record, model_ids, report, copied, warn)
    if record.figures is not None:
        insert_rows(connection, run_figures, [{"run_id": run_id, "figures": record.figures}])
    if record.paired_errors is not None:
        _insert_paired_errors(connection, run_id, record.paired_errors, model_ids)
    pinned = standing is not None and standing.pinned
    shown = None if standing is None else standing.predictions_run_id
    predicting = {_model_id(rows.model, model_ids) for rows in record.predictions}
    for decision in record.promotions:
        values = _promotion_row(record, decision, model_ids, pinned=pinned)
        is_new = values["model_id"] in predicting and not record.backfill
        values |= {"run_id": run_id, "predictions_run_id": run_id if is_new else shown}
        insert_row(connection, promotion, values)
    if record.status == "succeeded" and not record.backfill:
        write_segments(connection, run_id, record, lambda ref: _model_id(ref, model_ids))
    if record.status in ("succeeded", "skipped"):
        write_results(connection, record.dataset, told=warn)
    if len(warnings) > len(record.warnings):
        connection.execute(update(run).where(run.c.run_id == run_id).values(warnings=warnings))
    insert_checksums(connection, run_id)
    return run_id


def _stored_run(connection: Connection, record: RunRecord) -> int | None:
    """Return the id of the same attempt: no other has the same start, to the microsecond."""
    same = (run.c.dataset == record.dataset) & (run.c.started_at == record.started_at)
    stored: int | None = connection.execute(select(run.c.run_id).where(same)).scalar()
    return stored


def _refuse_changed_champion(standing: Row[Any] | None, record: RunRecord) -> None:
    if (None if standing is None else standing.promotion_id) == record.against:
        return
    if standing is None:
        raise ValueError(f"{record.dataset} has no decision {record.against} to decide against")
    who = standing.decided_by or f"run {standing.run_id}"
    raise ChampionChanged(
        f"while this run was working, {who} decided about the champion ({standing.decision}:"
        f" {standing.reason}), so nothing from this run is stored.",
        where=record.dataset,
        next_step="Run it again.",
    )


def _insert_checks(connection: Connection, run_id: int, record: RunRecord) -> None:
    expectations = [
        row_of(
            expectation_result, result, run_id=run_id, position=number, column_name=result.column
        )
        for number, result in enumerate(record.expectations, start=1)
    ]
    rejected = [
        row_of(rejected_row, row, run_id=run_id, row_values=row.values)
        for row in record.rejected_rows
    ]
    comparisons = [
        row_of(agreement_check, comparison, run_id=run_id, position=number)
        for number, comparison in enumerate(record.agreement, start=1)
    ]
    columns = [
        row_of(source_column, column, run_id=run_id, position=number)
        for number, column in enumerate(record.columns, start=1)
    ]
    insert_rows(connection, source_column, columns)
    insert_rows(connection, expectation_result, expectations)
    insert_rows(connection, rejected_row, rejected)
    insert_rows(connection, agreement_check, comparisons)
    insert_rows(connection, naive, [row_of(naive, each, run_id=run_id) for each in record.naive])


def _insert_candidate(
    connection: Connection,
    dataset: str,
    run_id: int,
    candidate: CandidateRecord,
    copied: CopiedRun | None,
) -> int:
    seed = None if candidate.seed is None else str(candidate.seed)
    sums = {
        f"{part}_sha256": model_sha256(
            content,
            dataset=dataset,
            run_id=run_id,
            framework=candidate.framework,
            kind=candidate.kind,
            part=part,
        )
        for part, content in (("artifact", candidate.artifact), ("twin", candidate.twin))
        if content is not None
    }
    own_id = {} if copied is None else {"model_id": copied.model_ids[candidate.name]}
    values = row_of(model, candidate, run_id=run_id, seed=seed, **sums, **own_id)
    model_id = insert_row(connection, model, values)
    _insert_scores(connection, run_id, model_id, candidate.scores)
    coefficients = [
        row_of(coefficient, term, model_id=model_id, position=number)
        for number, term in enumerate(candidate.coefficients, start=1)
    ]
    insert_rows(connection, coefficient, coefficients)
    variants = [
        row_of(coefficient_variant, term, model_id=model_id, position=number)
        for number, term in enumerate(candidate.variants, start=1)
    ]
    insert_rows(connection, coefficient_variant, variants)
    if candidate.linear_fit is not None:
        fit = row_of(linear_fit, candidate.linear_fit, model_id=model_id)
        insert_rows(connection, linear_fit, [fit])
    shares = [row_of(resilience, share, model_id=model_id) for share in candidate.resilience]
    insert_rows(connection, resilience, shares)
    return model_id


def _insert_scores(
    connection: Connection, run_id: int, model_id: int, scores: Sequence[ScoreRecord]
) -> None:
    rows = [row_of(score, of_rows, run_id=run_id, model_id=model_id) for of_rows in scores]
    insert_rows(connection, score, rows)


def _insert_all_predictions(
    connection: Connection,
    run_id: int,
    record: RunRecord,
    model_ids: ModelIds,
    report: Report,
    copied: CopiedRun | None,
    warn: Callable[[str], None],
) -> None:
    models = max(len(record.predictions), 1)
    for number, rows in enumerate(with_routes(record)):
        model_id = _model_id(rows.model, model_ids)
        of_model = part(report, number / models, (number + 0.7) / models)
        there = None if copied is None else copied.rows.get(rows.model)
        obstacle = None if there is None else attach(connection, there)
        if obstacle is not None:
            warn(
                f"{len(rows.key):,} rows that workers had written to the database were written"
                f" again by this machine: {obstacle}."
            )
        if there is None or obstacle is not None:
            insert_predictions(connection, run_id, model_id, record.dataset, rows, of_model)
        if there is None:
            insert_prediction_checksum(connection, run_id, model_id, in_key_order(rows))
        else:
            insert_prediction_sum(connection, run_id, model_id, there.rows, there.sha256)
        if not record.backfill:
            insert_outcomes(
                connection,
                record.dataset,
                run_id=run_id,
                model_id=model_id,
                realised_at=record.finished_at,
            )
    if record.unstored_targets is not None and not record.backfill:
        insert_unstored_outcomes(
            connection,
            record.dataset,
            record.unstored_targets,
            run_id=run_id,
            model_id=_model_id(record.predictions[0].model, model_ids),
            realised_at=record.finished_at,
        )


def _promotion_row(
    record: RunRecord, decision: PromotionRecord, model_ids: ModelIds, *, pinned: bool
) -> dict[str, Any]:
    """Return the row of a run's decision; a pinned champion stays pinned, whatever it decided."""
    if pinned and decision.decision == "promoted":
        raise ValueError(f"the champion of {record.dataset} is pinned, so nobody may be promoted")
    sides = {"incumbent": decision.incumbent, "challenger": decision.challenger}
    return row_of(
        promotion,
        decision,
        dataset=record.dataset,
        decided_at=decision.decided_at or record.finished_at,
        model_id=_model_id(decision.model, model_ids),
        pinned=pinned,
        **{
            f"{side}_model_id": None if ref is None else _model_id(ref, model_ids)
            for side, ref in sides.items()
        },
    )


def _insert_paired_errors(
    connection: Connection, run_id: int, errors: PairedErrors, model_ids: ModelIds
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


def _model_id(ref: ModelRef, model_ids: ModelIds) -> int:
    if isinstance(ref, int):
        return ref
    if ref not in model_ids:
        candidates = ", ".join(model_ids) or "none"
        raise ValueError(f"{ref!r} is not a candidate of this run: {candidates}")
    return model_ids[ref]


def _finite(errors: PairedErrors, name: str) -> Array:
    values = np.asarray(getattr(errors, name), dtype=float)
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"paired_error.{name} cannot be {values[at]} (key {errors.key[at]!r})")
    return values
