"""Great Expectations' rules about regular expressions, computed in linear time.

Its own use Python's engine, which a text can keep busy for ever. Importing this file replaces them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)

from data.declarations.patterns import linear

if TYPE_CHECKING:
    import pandas as pd


def matches(column: "pd.Series[Any]", pattern: str) -> "pd.Series[bool]":
    """Return for each value (none missing) whether its text has what Python finds with a pattern.

    Values that are not text are written as pandas writes them.
    """
    import pandas as pd

    texts = pa.array(column.astype(str), pa.large_string())
    ascii_only = pc.all(pc.string_is_ascii(texts), min_count=0).as_py()
    found = pc.match_substring_regex(texts, linear(pattern, ascii_only=ascii_only))
    return pd.Series(found.to_numpy(zero_copy_only=False), index=column.index, dtype=bool)


def _any(column: "pd.Series[Any]", patterns: Sequence[str], match_on: str = "any") -> Any:
    """Return which values match any of several patterns, or all of them."""
    combine = np.logical_and if match_on == "all" else np.logical_or
    return combine.reduce([matches(column, pattern) for pattern in patterns])


def _replace(metric: str, keys: tuple[str, ...], condition: Callable[..., Any]) -> None:
    """Compute one of Great Expectations' metrics by a function of a column and of the keys."""

    class Provider(ColumnMapMetricProvider):  # type: ignore[misc]
        condition_metric_name = metric
        condition_value_keys = keys

        @column_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
        def _pandas(self, column: "pd.Series[Any]", **values: Any) -> Any:
            found = condition(column, *(values[key] for key in keys if values.get(key) is not None))
            return column.notna() & found


_replace("column_values.match_regex", ("regex",), matches)
_replace("column_values.not_match_regex", ("regex",), lambda *values: ~matches(*values))
_replace("column_values.match_regex_list", ("regex_list", "match_on"), _any)
_replace("column_values.not_match_regex_list", ("regex_list",), lambda *values: ~_any(*values))
