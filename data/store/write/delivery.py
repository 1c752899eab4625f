"""What was given to a table of another database: the rows, and whether they have arrived."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from sqlalchemy import Connection, delete, insert, select, text, update

from data.store.read.champions import latest_decision
from data.store.read.streaming import BATCH_ROWS
from data.store.results.columns import ResultColumns
from data.store.results.typed_rows import typed_rows
from data.store.tables import output_delivery
from data.store.write.results import columns_shown


@dataclass(frozen=True)
class Pending:
    """What a table elsewhere has yet to get: the results after a decision, and their columns."""

    dataset: str
    promotion_id: int
    columns: ResultColumns


@dataclass(frozen=True)
class Undelivered:
    """Results that could not be given to a table elsewhere: to which, when and why."""

    dataset: str
    place: str
    failed_at: datetime
    reason: str

    def __str__(self) -> str:
        return f"The results have not reached {self.place}: {self.reason}"


def pending_delivery(connection: Connection, dataset: str, place: str) -> Pending | None:
    """Return what a table elsewhere has yet to get, None if it has the current predictions.

    Nor is there anything before the first champion, or for a run of an earlier version whose key
    is not known yet.
    """
    standing = latest_decision(connection, dataset)
    if standing is None:
        return None
    given = select(output_delivery.c.promotion_id).where(
        output_delivery.c.dataset == dataset, output_delivery.c.place == place
    )
    columns = columns_shown(connection, dataset)
    if columns is None or connection.execute(given).scalar() == standing.promotion_id:
        return None
    return Pending(dataset, standing.promotion_id, columns)


def result_batches(connection: Connection, pending: Pending) -> Iterator[pa.RecordBatch]:
    """Yield the results of a dataset with their columns, some rows at a time."""
    schema = pending.columns.schema
    rows = text(typed_rows(connection, pending.columns))
    how = {"yield_per": BATCH_ROWS}
    with connection.execute(rows, {"dataset": pending.dataset}, execution_options=how) as result:
        for part in result.partitions():
            columns = zip(*part, strict=True)
            arrays = [_array(v, f.type) for v, f in zip(columns, schema, strict=True)]
            yield pa.record_batch(arrays, schema=schema)


def _array(values: tuple[object, ...], dtype: pa.DataType) -> pa.Array:
    """Return values of one column; SQLite has booleans as numbers, and times as texts."""
    present = next((value for value in values if value is not None), None)
    if pa.types.is_boolean(dtype):
        return pa.array([value and bool(value) for value in values], dtype)
    if isinstance(present, str) and not pa.types.is_string(dtype):
        texts = pa.array(values, pa.string())
        if pa.types.is_timestamp(dtype):
            return texts.cast(pa.timestamp("us")).cast(dtype)
        return texts.cast(dtype)
    return pa.array(values, dtype)


def write_delivery(connection: Connection, pending: Pending, place: str, rows: int) -> None:
    """Store that a table elsewhere has the results after a decision."""
    forget_delivery(connection, pending.dataset)
    connection.execute(
        insert(output_delivery).values(
            dataset=pending.dataset,
            place=place,
            promotion_id=pending.promotion_id,
            rows=rows,
            delivered_at=datetime.now(UTC),
        )
    )


def write_obstacle(connection: Connection, dataset: str, place: str, reason: str) -> None:
    """Store that results could not be given to a table elsewhere, and why."""
    told = {"failed_at": datetime.now(UTC), "reason": reason}
    same = (output_delivery.c.dataset == dataset) & (output_delivery.c.place == place)
    if connection.execute(update(output_delivery).where(same).values(**told)).rowcount == 0:
        forget_delivery(connection, dataset)
        connection.execute(insert(output_delivery).values(dataset=dataset, place=place, **told))


def undelivered(connection: Connection) -> tuple[Undelivered, ...]:
    """Return the results that could not be given to tables elsewhere, in order of dataset."""
    failed = select(output_delivery).where(output_delivery.c.reason.is_not(None))
    return tuple(
        Undelivered(row.dataset, row.place, row.failed_at, row.reason)
        for row in connection.execute(failed.order_by(output_delivery.c.dataset))
    )


def has_delivery(connection: Connection, dataset: str) -> bool:
    """Return whether results were ever to be given to a table elsewhere."""
    named = select(output_delivery.c.dataset).where(output_delivery.c.dataset == dataset)
    return connection.execute(named).first() is not None


def forget_delivery(connection: Connection, dataset: str) -> None:
    """Remove what is stored about a table elsewhere that gets results no more, or anew."""
    connection.execute(delete(output_delivery).where(output_delivery.c.dataset == dataset))
