"""The rows that a table of results has: the current predictions, with the parts of their keys."""

from typing import Any

from sqlalchemy import Connection

from data.store.results.columns import ResultColumns
from data.store.row_columns import FURTHER

DOUBLE = "nightfit_double"
"""A function for SQLite, whose own reading of a decimal may be wrong in its last bit."""

POSTGRESQL = {
    "whole number": "CAST({} AS bigint)",
    "number": "CAST({} AS double precision)",
    "boolean": "CAST({} AS boolean)",
    "date": "CAST({} AS date)",
    "time": "CAST({} AS timestamp)",
    "text": "{}",
}
SQLITE = {
    "whole number": "CAST({} AS INTEGER)",
    "number": f"{DOUBLE}({{}})",
    "boolean": "({} = 'true')",
    "date": "{}",
    "time": "CASE length({0}) WHEN 10 THEN {0} || ' 00:00:00' ELSE replace({0}, 'T', ' ') END",
    "text": "{}",
}
"""How the text of a part of a key, as `data.sources.columns.value_text` writes it, becomes a value
of its type again."""


STORED = (
    "(SELECT prediction.*, (SELECT finished_at FROM run WHERE run_id = {1}) AS predicted_at"
    " FROM prediction WHERE model_id = {0} AND run_id = {1})"
)
"""The current predictions where it is known whose they are, and of which run: the databases, which
guess that a row or two are shown, look up the run of each row of `current_prediction` by itself."""


def typed_rows(
    connection: Connection, columns: ResultColumns, *, stored_as: tuple[int, int] | None = None
) -> str:
    """Return the SELECT of a dataset's results, `:dataset`, in the order of their keys.

    The parts of a key come from its text, so that the rows of any run can be had, whether its
    snapshot is still there or not, without reading one. `stored_as` are the ids of the model and
    the run whose predictions the current ones are; without them, `current_prediction` knows.
    """
    key, stored = columns.key, dict(zip(columns.narrower, FURTHER, strict=False))
    is_postgresql = connection.dialect.name == "postgresql"
    if not is_postgresql and any(kind == "number" for _, kind in key):
        driver: Any = connection.connection.driver_connection
        driver.create_function(DOUBLE, 1, float, deterministic=True)
    forms = POSTGRESQL if is_postgresql else SQLITE
    parts = ["shown.key"]
    if len(key) > 1 and is_postgresql:
        parts = [f"(CAST(shown.key AS json) ->> {number})" for number in range(len(key))]
    elif len(key) > 1:
        parts = [f"json_extract(shown.key, '$[{number}]')" for number in range(len(key))]
    typed = [forms[kind].format(part) for (_, kind), part in zip(key, parts, strict=True)]
    predicted = (stored.get(name, name) for name in columns.schema.names[len(key) :])
    values = ", ".join([*typed, *(f"shown.{name}" for name in predicted)])
    order = ", ".join(str(number + 1) for number in range(len(key)))
    if stored_as is not None:
        source = f"{STORED.format(*stored_as)} AS shown"
    else:
        source = "current_prediction AS shown WHERE shown.dataset = :dataset"
    return f"SELECT {values} FROM {source} ORDER BY {order}"  # noqa: S608
