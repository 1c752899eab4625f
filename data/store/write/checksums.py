"""Storing checksums beside what they cover, in the transaction that writes it."""

from collections.abc import Iterable

from sqlalchemy import Connection, Table, delete, insert, select, update

from data.store.checksums import OF_A_RUN, model_sha256, predictions_sha256, rows_sha256
from data.store.read.predictions import prediction_batches
from data.store.row_columns import PredictionColumns
from data.store.tables import checksum, model, prediction_checksum, run

PARTS = ("artifact", "twin")


def insert_checksums(connection: Connection, run_id: int) -> None:
    """Store the checksum of every table's rows of a run that has just been written."""
    rows = []
    for table in OF_A_RUN:
        count, sha256 = rows_sha256(connection, table, run_id)
        if count:
            own = {"run_id": run_id, "table_name": table.name, "rows": count, "sha256": sha256}
            rows.append(own)
    connection.execute(insert(checksum), rows)


def renew_checksum(connection: Connection, run_id: int, table: Table) -> None:
    """Store the checksum of a table's rows of a run anew: some have changed."""
    count, sha256 = rows_sha256(connection, table, run_id)
    same = (checksum.c.run_id == run_id) & (checksum.c.table_name == table.name)
    connection.execute(update(checksum).where(same).values(rows=count, sha256=sha256))


def insert_prediction_checksum(
    connection: Connection, run_id: int, model_id: int, batches: Iterable[PredictionColumns]
) -> None:
    """Store the checksum of all that a model predicted in a run, if that is anything.

    The batches are in the order of their keys.
    """
    insert_prediction_sum(connection, run_id, model_id, *predictions_sha256(batches))


def insert_prediction_sum(
    connection: Connection, run_id: int, model_id: int, count: int, sha256: str
) -> None:
    """Store the number of rows that a model predicted in a run, if any, and their checksum."""
    if count:
        own = {"run_id": run_id, "model_id": model_id, "rows": count, "sha256": sha256}
        connection.execute(insert(prediction_checksum).values(**own))


def renew_prediction_checksum(connection: Connection, run_id: int, model_id: int) -> None:
    """Store the checksum of a model's predictions in a run anew: some were added, or pruned."""
    table = prediction_checksum
    same = (table.c.run_id == run_id) & (table.c.model_id == model_id)
    connection.execute(delete(table).where(same))
    batches = prediction_batches(connection, run_id, model_id, model_id)
    insert_prediction_checksum(connection, run_id, model_id, batches)


def store_model_checksums(connection: Connection, model_id: int) -> None:
    """Store the checksums of a model's bytes, as they are in the database now."""
    statement = (
        select(run.c.dataset, *(model.c[name] for name in ("run_id", "framework", "kind", *PARTS)))
        .join(run, run.c.run_id == model.c.run_id)
        .where(model.c.model_id == model_id)
    )
    own = dict(connection.execute(statement).mappings().one())
    contents = {part: own.pop(part) for part in PARTS}
    sums = {
        f"{part}_sha256": None if content is None else model_sha256(content, part=part, **own)
        for part, content in contents.items()
    }
    connection.execute(update(model).where(model.c.model_id == model_id).values(**sums))


def store_missing_checksums(connection: Connection) -> None:
    """Store the checksums of all runs and models, which an earlier version stored without."""
    with_bytes = model.c.artifact.is_not(None) | model.c.twin.is_not(None)
    for model_id in connection.execute(select(model.c.model_id).where(with_bytes)).scalars().all():
        store_model_checksums(connection, model_id)
    for run_id in connection.execute(select(run.c.run_id)).scalars().all():
        insert_checksums(connection, run_id)
