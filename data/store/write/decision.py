"""Storing what a person decided about a champion, in one transaction or not at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, or_, select, update

from data.errors import StoreError
from data.store.database.lock import lock_for_writing
from data.store.read.champions import latest_decision
from data.store.records import ManualDecision
from data.store.row_columns import PredictionColumns
from data.store.tables import model, prediction, promotion, run
from data.store.write.checksums import renew_prediction_checksum, store_model_checksums
from data.store.write.results import write_results
from data.store.write.rows import insert_predictions, insert_row
from data.store.write.segments import add_segments
from data.texts import Texts
from data.vocabulary import Candidate


def write_decision(
    connection: Connection,
    decision: ManualDecision,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> int:
    """Store a decision about a dataset's champion and return its promotion_id.

    Its predictions are stored with those of their runs, except for keys that have one by the same
    model already, and the table of results is replaced; `told` gets a sentence if that cannot be.
    Raises StoreError if the model was pruned since it was chosen.
    """
    dataset, model_id = decision.dataset, decision.model_id
    lock_for_writing(connection, dataset)
    _refuse_model_of_another_dataset(connection, dataset, model_id)
    standing = latest_decision(connection, dataset)
    for run_id, rows in decision.predictions.items():
        missing = _without_stored_keys(connection, run_id, model_id, rows)
        insert_predictions(connection, run_id, model_id, dataset, missing)
        if rows.segment is None:
            add_segments(connection, run_id, model_id)
        renew_prediction_checksum(connection, run_id, model_id)
    if decision.artifact is not None:
        bare = (model.c.model_id == model_id) & model.c.artifact.is_(None)
        added = connection.execute(update(model).where(bare).values(artifact=decision.artifact))
        if added.rowcount:
            store_model_checksums(connection, model_id)
    _refuse_pruned_model(connection, model_id)
    values = {
        "dataset": dataset,
        "decided_at": datetime.now(UTC),
        "decision": decision.decision,
        "model_id": model_id,
        "incumbent_model_id": None if standing is None else standing.model_id,
        "reason": decision.reason,
        "decided_by": decision.decided_by,
        "pinned": decision.pinned,
        "predictions_run_id": _run_shown(decision, standing),
    }
    promotion_id = insert_row(connection, promotion, values)
    is_of_others = decision.decision != "unpinned"
    write_results(connection, dataset, has_changed=is_of_others, told=told)
    return promotion_id


def _run_shown(decision: ManualDecision, standing: Row[Any] | None) -> int | None:
    """Return the run whose rows the champion's current predictions are of, as far as known."""
    if decision.predictions_run_id is not None:
        return decision.predictions_run_id
    if standing is None or standing.model_id != decision.model_id:
        return None
    shown: int | None = standing.predictions_run_id
    return shown


def _refuse_model_of_another_dataset(connection: Connection, dataset: str, model_id: int) -> None:
    of = select(run.c.dataset).join(model).where(model.c.model_id == model_id)
    if connection.execute(of).scalar() != dataset:
        raise ValueError(f"model {model_id} is not a model of {dataset}")


def _without_stored_keys(
    connection: Connection, run_id: int, model_id: int, rows: PredictionColumns
) -> PredictionColumns:
    same = (prediction.c.model_id == model_id) & (prediction.c.run_id == run_id)
    keys = Texts.of(rows.key)
    stored = connection.execute(select(prediction.c.key).where(same)).scalars()
    missing = ~keys.is_in(Texts.of(stored))
    some: dict[str, Any] = {
        name: np.asarray(column)[missing]
        for name, column in {**rows.numbers, "role": rows.role}.items()
    }
    for name in ("note", "segment"):
        column = getattr(rows, name)
        some[name] = None if column is None else Texts.of(column)[missing]
    return replace(rows, key=keys[missing], **some)


def _refuse_pruned_model(connection: Connection, model_id: int) -> None:
    """Refuse a model whose bytes are gone; a model that ever served keeps them."""
    served = select(promotion.c.model_id).where(promotion.c.model_id == model_id).exists()
    bare = or_(model.c.artifact.is_(None), model.c.twin.is_(None))
    pruned = select(model.c.run_id, model.c.framework, model.c.kind).where(
        model.c.model_id == model_id, bare, ~served
    )
    row = connection.execute(pruned).first()
    if row is not None:
        raise StoreError(
            f"{Candidate(row.framework, row.kind)} of run {row.run_id} never served and has just"
            " been pruned, so it cannot serve; nothing has changed.",
            next_step="Run 'nightfit promote' again: it names the runs that have a model.",
        )
