"""Any other database of SQLAlchemy: rows come as its driver's own values, in batches."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from data.errors import SourceError
from data.progress import Report
from data.sources.database.rows_file import HALF_WAY
from data.sources.header import check_header
from data.sources.records import BLOCK, NESTED, Records, fetched, note_on_mixed
from data.sources.source_columns import OfNoKind, SourceColumns

PLAIN = (str, int, float, bool, dt.date, dt.datetime, dt.time, dt.timedelta, type(None))


def read_other(connection: Connection, query: str, folder: Path, report: Report) -> SourceColumns:
    """Return the rows of a query; raises what the driver raises."""
    result = connection.execution_options(
        stream_results=True, max_row_buffer=BLOCK
    ).exec_driver_sql(query.strip().rstrip(";"))
    if not result.returns_rows:
        raise SourceError(
            "The query gives no columns, so it reads nothing.",
            next_step="Write a query that reads, such as SELECT.",
        )
    names = [str(name) for name in result.cursor.description and result.keys()]
    check_header(names)
    records = Records(folder)
    records.name(names)
    for block in fetched(result.fetchmany, len(names)):
        columns = {n: [*map(_plain, values)] for n, values in zip(names, block, strict=True)}
        records.add(columns, len(block[0]))
        done = records.num_rows
        report(done / (done + HALF_WAY), f"{done:,} rows read")
    source = records.columns()
    step = "Convert it in a query, or leave it out of the declaration."
    return replace(
        source,
        has_types=True,
        is_ordered=False,
        notes=note_on_mixed(records),
        of_no_kind={f.name: OfNoKind(NO_KIND, step) for f in source.schema if f.type == NESTED},
    )


NO_KIND = "values of no simple type"


def _plain(value: Any) -> Any:
    """Return a driver's value as one of Python's own types."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, Decimal):
        is_whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    if isinstance(value, PLAIN):
        return value
    convert: Callable[[Any], Any] = bytes if isinstance(value, memoryview | bytearray) else _other
    return convert(value)


def _other(value: Any) -> Any:
    return value if isinstance(value, bytes | list | dict) else str(value)
