"""Running an exported model on rows: in ONNX Runtime, SQLite, DuckDB, or a user's PostgreSQL."""

import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Boolean, Column, Connection, DateTime, Double, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from regressors.arrays import Array, Values
from tasks.export.graph.model import output_names
from tasks.export.graph.row import missing_text
from tasks.export.proof_rows import ProofRows
from tasks.export.routed import together, types_in
from tasks.export.sql.dialects import DUCKDB, POSTGRESQL, SQLITE, Dialect, missing_functions
from tasks.export.sql.query import Query

TABLE, ROW = "nightfit_proof", "nightfit_row"
Results = tuple[Array, Array, Array]
"""Predicted, lower and upper (n,); NaN where there is no interval."""
MakeQuery = Callable[[Dialect, str, Sequence[str]], Query]
"""Makes the query of a dialect over a table, with columns that it carries."""

_ARROW = {"number": pa.float64(), "category": pa.string(), "boolean": pa.bool_()}
_SQL: dict[str, TypeEngine[Any]] = {
    "number": Double(),
    "category": Text(),
    "boolean": Boolean(),
    "time": DateTime(),
}
_SQLITE = {"number": "REAL", "category": "TEXT", "boolean": "INTEGER", "time": "TEXT"}
_BOOLEANS = {"true": True, "false": False, None: None}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "exp": math.exp,
}


def in_onnx_runtime(
    content: bytes, description: Mapping[str, Any], rows: ProofRows, weight: str | None
) -> Results:
    """Return what ONNX Runtime predicts for rows."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    types = types_in(description)
    missing = missing_text(together(description))
    feeds = {name: _tensor(rows.columns[name], of_type, missing) for name, of_type in types.items()}
    if weight is not None:
        feeds.setdefault(weight, rows.weight[:, None])
    names = list(output_names({*types, weight}))
    predicted, lower, upper = session.run(names, feeds)
    return predicted[:, 0], lower[:, 0], upper[:, 0]


def _tensor(values: Values, of_type: str, missing: str) -> Values:
    column = values[:, None]
    if of_type == "category":
        texts: Values = np.where(column == None, missing, column)  # noqa: E711
        return texts
    if of_type == "boolean":
        return np.array([[_number(text)] for text in values.tolist()], dtype=float)
    return column.astype("M8[us]").view(np.int64) if of_type == "time" else column


def _number(text: str | None) -> float:
    return math.nan if text is None else float(text == "true")


def in_sqlite(
    make: MakeQuery, types: Mapping[str, str], rows: ProofRows, weight: str | None
) -> tuple[Results, Sequence[str]]:
    """Return what SQLite predicts for rows, and which functions this build of it lacks."""
    with closing(sqlite3.connect(":memory:")) as connection:
        missing = missing_functions(connection)
        for name in missing:
            connection.create_function(name, 1, _FUNCTIONS[name], deterministic=True)
        columns = _columns(types, rows, weight)
        names = [SQLITE.identifier(name) for name in columns]
        defined = ", ".join(
            f"{name} {_SQLITE[of_type]}"
            for name, (of_type, _) in zip(names, columns.values(), strict=True)
        )
        connection.execute(f"CREATE TABLE {TABLE} ({ROW} INTEGER, {defined})")
        values = (_sqlite_values(v, of_type) for of_type, v in columns.values())
        places = ", ".join("?" * (len(columns) + 1))
        connection.executemany(
            f"INSERT INTO {TABLE} VALUES ({places})",  # noqa: S608 - of our own names
            zip(range(len(rows)), *values, strict=True),
        )
        query = make(SQLITE, TABLE, [ROW])
        return _results(connection.execute(query.text), len(rows)), missing


def in_duckdb(
    make: MakeQuery, types: Mapping[str, str], rows: ProofRows, weight: str | None
) -> Results:
    """Return what DuckDB predicts for rows."""
    import duckdb

    columns = _columns(types, rows, weight)
    arrays = {ROW: pa.array(range(len(rows)))}
    for name, (of_type, values) in columns.items():
        if of_type == "time":
            arrays[name] = pa.array(values.astype("M8[us]"))
        else:
            arrays[name] = pa.array(_plain_values(values, of_type), _ARROW[of_type])
    config: dict[str, Any] = {"autoinstall_known_extensions": "false", "threads": 1}
    with closing(duckdb.connect(":memory:", config=config)) as connection:
        connection.register(TABLE, pa.table(arrays))
        query = make(DUCKDB, TABLE, [ROW])
        return _results(connection.execute(query.text).fetchall(), len(rows))


def in_postgresql(
    connection: Connection,
    make: MakeQuery,
    types: Mapping[str, str],
    rows: ProofRows,
    weight: str | None,
) -> Results:
    """Return what a PostgreSQL server predicts for rows, from a temporary table."""
    columns = _columns(types, rows, weight)
    keys = {name: f"c{i}" for i, name in enumerate(columns)}
    table = Table(
        TABLE,
        MetaData(),
        Column(ROW, Integer),
        *(Column(n, _SQL[of_type], key=keys[n]) for n, (of_type, _) in columns.items()),
        prefixes=["TEMPORARY"],
    )
    table.create(connection)
    values = [_plain_values(v, of_type) for of_type, v in columns.values()]
    records = [
        {ROW: row, **dict(zip(keys.values(), own, strict=True))}
        for row, own in enumerate(zip(*values, strict=True))
    ]
    connection.execute(table.insert(), records)
    connection.exec_driver_sql("SET LOCAL jit = off")
    query = make(POSTGRESQL, TABLE, [ROW])
    try:
        return _results(fetched(connection, query.text), len(rows))
    finally:
        table.drop(connection)


def fetched(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement without parameters, whatever signs it has in it."""
    plain = connection.execution_options(no_parameters=True)
    return [tuple(row) for row in plain.exec_driver_sql(statement)]


def _columns(
    types: Mapping[str, str], rows: ProofRows, weight: str | None
) -> dict[str, tuple[str, Values]]:
    columns = {name: (of_type, rows.columns[name]) for name, of_type in types.items()}
    if weight is not None:
        columns.setdefault(weight, ("number", rows.weight))
    return columns


def _plain_values(values: Values, of_type: str) -> list[Any]:
    if of_type == "number":
        return [None if math.isnan(value) else value for value in values.tolist()]
    if of_type == "boolean":
        return [_BOOLEANS[text] for text in values.tolist()]
    if of_type == "time":
        values = values.astype("M8[us]")
    plain: list[Any] = values.tolist()
    return plain


def _sqlite_values(values: Values, of_type: str) -> list[Any]:
    plain = _plain_values(values, of_type)
    return [v if v is None else v.isoformat(" ") for v in plain] if of_type == "time" else plain


def _results(fetched_rows: Iterable[Sequence[Any]], rows: int) -> Results:
    results = np.full((rows, 3), np.nan)
    for row, *values in fetched_rows:
        results[row] = [math.nan if value is None else value for value in values]
    predicted, lower, upper = results.T
    return predicted, lower, upper
