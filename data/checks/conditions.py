"""The rows that a condition of a declared rule selects, compared without running any text."""

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from data.checks.rule_values import column_frame, converted, in_set
from data.checks.table import Table
from data.declarations.conditions import columns_in
from data.sources.columns import kind_of

if TYPE_CHECKING:
    import pandas as pd

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def rows_where(condition: Mapping[str, Any] | None, table: Table) -> np.ndarray | None:
    """Return which rows (n,) a condition selects, None for a rule without one.

    The condition is one that `refuse_wrong_condition` accepts. A comparison with a missing value
    is as pandas has it. Raises ValueError or TypeError for values that cannot be compared.
    """
    if condition is None:
        return None
    names = sorted(set(columns_in(condition)))
    return _selected(condition, column_frame(table.select(names)), table)


def _selected(condition: Mapping[str, Any], frame: "pd.DataFrame", table: Table) -> np.ndarray:
    if "conditions" in condition:
        parts = [_selected(part, frame, table) for part in condition["conditions"]]
        combine = np.logical_and if condition["type"] == "and" else np.logical_or
        return np.asarray(combine.reduce(parts), dtype=bool)
    name = condition["column"]["name"]
    column = frame[name]
    if condition["type"] == "nullity":
        missing: np.ndarray = column.isna().to_numpy(bool)
        return missing if condition["is_null"] else ~missing
    kind, parameter = kind_of(table.schema.field(name).type), condition["parameter"]
    if condition["operator"] in ("IN", "NOT_IN"):
        among = column.isin([in_set(value, kind) for value in parameter]).fillna(False)
        rows: np.ndarray = among.to_numpy(bool)
        return rows if condition["operator"] == "IN" else ~rows
    equality = condition["operator"] in ("==", "!=")
    beside = in_set(parameter, kind) if equality else converted(parameter, kind)
    compared = COMPARISONS[condition["operator"]](column, beside)
    return np.asarray(compared.fillna(False), dtype=bool)
