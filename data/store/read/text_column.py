"""Reading a long column of texts, apart from other results, which need no Arrow."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select

from data.store.database.driver import driver_of
from data.store.read.streaming import BATCH_ROWS, batches_of
from data.texts import Texts


def texts_of(
    connection: Connection, statement: Select[Any], values: Mapping[str, Any] | None = None
) -> Texts:
    """Return the texts of the only column of a result, none of which is missing.

    From PostgreSQL they come as its driver has them: as SQLAlchemy's rows they take six times as
    long. No value of the statement needs to be converted for it.
    """
    read = _by_driver if connection.dialect.name == "postgresql" else batches_of
    texts = [
        pa.array([str(text) for (text,) in rows], pa.large_string())
        for rows in read(connection, statement, values)
    ]
    return Texts.of(pa.chunked_array(texts, pa.large_string()))


def _by_driver(
    connection: Connection, statement: Select[Any], values: Mapping[str, Any] | None
) -> Iterator[Sequence[tuple[Any, ...]]]:
    how = {"render_postcompile": True}
    compiled = statement.params(values or {}).compile(connection, compile_kwargs=how)
    sql, given = str(compiled), compiled.params
    with driver_of(connection, sql) as driver, driver.cursor(name="nightfit_texts") as cursor:
        cursor.execute(sql, given)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield rows
