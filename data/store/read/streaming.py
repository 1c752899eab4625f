"""Reading a long result in constant memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select

BATCH_ROWS = 10_000
"""Rows in memory at a time."""


def batches_of(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows of a result in batches, while its connection is open.

    A result that is not read to its end is released when the iterator is closed.
    """
    with connection.execute(statement, execution_options={"yield_per": BATCH_ROWS}) as result:
        yield from result.partitions()
