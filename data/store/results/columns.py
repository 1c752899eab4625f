"""The columns of a table of results: those of the key, and what a champion predicts."""

from collections.abc import Sequence

import pyarrow as pa

TYPES: dict[str, pa.DataType] = {
    "whole number": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}
"""The types that a column of a key may have, and how a snapshot has them. A time is in UTC."""

PREDICTED: dict[str, pa.DataType] = {
    "actual": pa.float64(),
    "predicted": pa.float64(),
    "lower": pa.float64(),
    "upper": pa.float64(),
    "role": pa.string(),
    "model_id": pa.int64(),
    "predicted_at": pa.timestamp("us", "UTC"),
}
"""The columns beside the key, as in the view `current_prediction`."""

PREFIX = "key_"
"""Before the name of a column of the key that another column has already."""

KeyColumns = Sequence[tuple[str, str]]
"""The name of each column of a key in the source, and its type, one of `TYPES`."""


def key_columns_of(schema: pa.Schema, key: Sequence[str]) -> KeyColumns | None:
    """Return the columns of a key, given those of a snapshot; None if one of them is not there."""
    if not {*key} <= {*schema.names}:
        return None
    return [(name, _type_of(schema.field(name).type)) for name in key]


def _type_of(dtype: pa.DataType) -> str:
    tests = (
        (pa.types.is_integer, "whole number"),
        (pa.types.is_floating, "number"),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "time"),
    )
    return next((name for is_one, name in tests if is_one(dtype)), "text")


def results_schema(key: KeyColumns) -> pa.Schema:
    """Return the columns of a table of results.

    A column of the key whose name another one has, whatever its capitals, gets `key_` before it:
    so does a key named `predicted`.
    """
    fields, taken = [], {name.lower() for name in PREDICTED}
    for name, kind in key:
        unique = name
        while unique.lower() in taken:
            unique = f"{PREFIX}{unique}"
        taken.add(unique.lower())
        fields.append(pa.field(unique, TYPES[kind], nullable=False))
    return pa.schema([*fields, *(pa.field(name, kind) for name, kind in PREDICTED.items())])


def key_names(key: KeyColumns) -> list[str]:
    """Return how the columns of a key are called in a table of results."""
    names: list[str] = results_schema(key).names
    return names[: len(key)]
