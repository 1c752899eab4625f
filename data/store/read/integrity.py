"""Whether what is stored of a model is still what was stored: its bytes, its run, the decision."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select

from data.store.checksums import OF_A_RUN, model_sha256, predictions_sha256, rows_sha256
from data.store.column_types import UnreadableValue
from data.store.read.predictions import prediction_batches
from data.store.tables import (
    checksum,
    model,
    prediction_checksum,
    promotion,
    run,
    source_column,
)
from data.vocabulary import Candidate

ARTIFACT, TWIN, RUN, DECISION = "artifact", "twin", "run", "decision"
"""What may be damaged: the model that serves, the one for comparisons, and what belongs to both."""

CHANGED = {
    ARTIFACT: "its bytes are not those that were stored",
    TWIN: "the bytes of its twin are not those that were stored",
    RUN: "what is stored of its run is not what was stored then",
    DECISION: "the decision by which it serves is not the one that was stored",
}
MISSING = {ARTIFACT: "its bytes are missing", TWIN: "the bytes of its twin are missing"}
FACTS = ("run_id", "framework", "kind", "artifact", "artifact_sha256", "twin", "twin_sha256")
"""The columns of a model that its checksums cover, with those of its dataset."""


@dataclass(frozen=True)
class Damage:
    """What is damaged of a stored model, in a clause, and what a person can do about it."""

    parts: frozenset[str]
    what: str
    next_step: str


def damage_of_run(connection: Connection, run_id: int) -> tuple[str, ...]:
    """Return what is stored of a run that is not what was stored then, as clauses.

    That is any row of it, its models, or predictions; what was pruned is not among them.
    """
    names = ", ".join(changed_tables(connection, run_id, OF_A_RUN))
    clauses = [f"its rows of {names}"] if names else []
    statement = (
        select(run.c.dataset, model.c.model_id, *(model.c[name] for name in FACTS))
        .join(model, model.c.run_id == run.c.run_id)
        .where(run.c.run_id == run_id)
        .order_by(model.c.model_id)
    )
    for facts in connection.execute(statement).mappings():
        name = Candidate(facts["framework"], facts["kind"])
        clauses += [f"{name}: {why}" for why in damaged_bytes(dict(facts))]
    return (*clauses, *_changed_predictions(connection, run_id))


def _changed_predictions(connection: Connection, run_id: int) -> Iterator[str]:
    name = model.c.framework + "/" + model.c.kind
    statement = (
        select(prediction_checksum, name.label("name"))
        .join(model, model.c.model_id == prediction_checksum.c.model_id)
        .where(prediction_checksum.c.run_id == run_id)
        .order_by(prediction_checksum.c.model_id)
    )
    for row in connection.execute(statement).all():
        batches = prediction_batches(connection, run_id, row.model_id, row.model_id)
        if predictions_sha256(batches) != (row.rows, row.sha256):
            yield f"the predictions of {row.name}"


def changed_tables(
    connection: Connection, run_id: int, tables: tuple[Table, ...]
) -> tuple[str, ...]:
    """Return which of these tables' rows of a run are not those that were stored.

    A table without a checksum is not among them: the run had no rows in it, or they were pruned.
    """
    names = [table.name for table in tables]
    statement = select(checksum.c.table_name, checksum.c.rows, checksum.c.sha256).where(
        checksum.c.run_id == run_id, checksum.c.table_name.in_(names)
    )
    sums = {name: (rows, sha256) for name, rows, sha256 in connection.execute(statement)}
    return tuple(
        table.name
        for table in tables
        if table.name in sums and not _have_checksum(connection, table, run_id, sums[table.name])
    )


def _have_checksum(
    connection: Connection, table: Table, run_id: int, expected: tuple[int, str]
) -> bool:
    try:
        return rows_sha256(connection, table, run_id) == expected
    except UnreadableValue:
        return False


def damage_of(
    connection: Connection,
    facts: Mapping[str, Any],
    *,
    decided_by_run: int | None = None,
    must_exist: bool = True,
) -> Damage | None:
    """Return what is damaged of a stored model, None if nothing is.

    `facts` are the columns of the model and of its run. With `must_exist`, missing bytes are
    damage: a model that served keeps them. `decided_by_run` made the decision by which it serves.
    """
    clauses = _clauses(connection, facts, must_exist=must_exist)
    if decided_by_run is not None and changed_tables(connection, decided_by_run, (promotion,)):
        clauses[DECISION] = CHANGED[DECISION]
    if not clauses:
        return None
    next_step = _next_step(connection, facts["dataset"], facts["model_id"])
    return Damage(frozenset(clauses), ", and ".join(clauses.values()), next_step)


def _clauses(
    connection: Connection, facts: Mapping[str, Any], *, must_exist: bool
) -> dict[str, str]:
    """Return what is damaged of a model, by part."""
    parts = {part: _damaged(facts, part, must_exist=must_exist) for part in (ARTIFACT, TWIN)}
    clauses = {part: why for part, why in parts.items() if why is not None}
    run_id = facts["run_id"]
    if not _has_checksum(connection, run_id) or changed_tables(
        connection, run_id, (run, source_column)
    ):
        clauses[RUN] = CHANGED[RUN]
    return clauses


def damaged_bytes(facts: Mapping[str, Any]) -> list[str]:
    """Return which bytes of a model are not those that were stored, as clauses."""
    parts = (_damaged(facts, part, must_exist=False) for part in (ARTIFACT, TWIN))
    return [why for why in parts if why is not None]


def _damaged(facts: Mapping[str, Any], part: str, *, must_exist: bool) -> str | None:
    content, sha256 = facts[part], facts[f"{part}_sha256"]
    if content is None:
        return MISSING[part] if must_exist or sha256 is not None else None
    names = ("dataset", "run_id", "framework", "kind")
    expected = model_sha256(content, part=part, **{name: facts[name] for name in names})
    return None if sha256 == expected else CHANGED[part]


def _has_checksum(connection: Connection, run_id: int) -> bool:
    own = (checksum.c.run_id == run_id) & (checksum.c.table_name == run.name)
    return connection.execute(select(checksum.c.rows).where(own)).first() is not None


def _next_step(connection: Connection, dataset: str, model_id: int) -> str:
    """Return how to go on without a damaged model: with an intact champion, or a new model."""
    run_id = _intact_champion(connection, dataset, damaged=model_id)
    retrain = f"'nightfit retrain {dataset}' trains a new model."
    if run_id is None:
        return retrain
    return (
        f"'nightfit rollback {dataset} --to {run_id}' lets the champion of that run serve again;"
        f" {retrain}"
    )


def _intact_champion(connection: Connection, dataset: str, *, damaged: int) -> int | None:
    """Return the run of the former champion that served last and is intact, if there is one."""
    served = (
        select(promotion.c.model_id)
        .where(promotion.c.dataset == dataset)
        .group_by(promotion.c.model_id)
        .order_by(func.max(promotion.c.promotion_id).desc())
    )
    for model_id in connection.execute(served).scalars().all()[1:]:
        if model_id == damaged:
            continue
        facts = (
            select(run.c.dataset, *(model.c[name] for name in FACTS))
            .join(run, run.c.run_id == model.c.run_id)
            .where(model.c.model_id == model_id)
        )
        row = connection.execute(facts).mappings().first()
        if row is not None and not _clauses(connection, dict(row), must_exist=True):
            return int(row["run_id"])
    return None
