"""Reading a long result in constant memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select

BATCH_ROWS = 10_000
"""Rows in memory at a time."""


def batches_of(
    connection: Connection, statement: Select[Any], values: Mapping[str, Any] | None = None
) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of a result in batches, while its connection is open.

    `values` are those of the statement's parameters. A result that is not read to its end is
    released when the iterator is closed.
    """
    how = {"yield_per": BATCH_ROWS}
    with connection.execute(statement, values, execution_options=how) as result:
        yield from result.partitions()
