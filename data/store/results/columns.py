"""The columns of a table of results: those of the key, and what a champion predicts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

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

SEGMENT = pa.field("segment", pa.string())
"""The last column where segments are declared, as in the view `current_prediction`."""

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


@dataclass(frozen=True)
class ResultColumns:
    """The columns of a table of results: those of the key, and what a champion predicts.

    `levels` are the shares of all its intervals, the widest first; those of the narrower ones are
    in the names of their columns. `segmented`: rows have segments.
    """

    key: KeyColumns
    levels: Sequence[float] = ()
    segmented: bool = False

    @cached_property
    def schema(self) -> pa.Schema:
        """Return the columns with their types.

        A column of the key whose name another one has, whatever its capitals, gets `key_` before
        it: so does a key named `predicted`.
        """
        predicted = [pa.field(name, kind) for name, kind in PREDICTED.items()]
        after = 1 + [*PREDICTED].index("upper")
        predicted[after:after] = [pa.field(name, pa.float64()) for name in self.narrower]
        predicted += [SEGMENT] if self.segmented else []
        fields, taken = [], {field.name for field in predicted}
        for name, kind in self.key:
            unique = free_name(name, taken)
            taken.add(unique.lower())
            fields.append(pa.field(unique, TYPES[kind], nullable=False))
        return pa.schema([*fields, *predicted])

    @property
    def key_names(self) -> list[str]:
        """Return how the columns of the key are called."""
        names: list[str] = self.schema.names
        return names[: len(self.key)]

    @property
    def narrower(self) -> list[str]:
        """Return the columns of the narrower intervals, in the order of `FURTHER`."""
        return narrower_names(self.levels)


def narrower_names(levels: Sequence[float]) -> list[str]:
    """Return how the ends of all intervals but the widest are called: `lower_50`, `upper_50`."""
    names = [f"{100 * level:g}".replace(".", "_") for level in levels[1:]]
    return [f"{end}_{name}" for name in names for end in ("lower", "upper")]


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name with `key_` before it as often as another one, in small letters, has it."""
    while name.lower() in taken:
        name = f"{PREFIX}{name}"
    return name
