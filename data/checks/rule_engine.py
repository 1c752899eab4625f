"""Great Expectations, which computes the declared rules; its import takes seconds."""

import gc
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from data.checks.rule_values import LIMITS, column_frame, name_frame, row_frame
from data.checks.table import Table

if TYPE_CHECKING:
    import pandas as pd

ROW_LEVEL = ("ColumnMapExpectation", "ColumnPairMapExpectation", "MulticolumnMapExpectation")
COMPARING = (*ROW_LEVEL[1:], "ExpectColumnKLDivergenceToBeLessThan")
"""Rules that compare columns, or bin values: they cannot work with pandas' own NA."""


MAX_CELLS = 2**22
"""Rules that need no more values than this are computed together; of more, those of one column."""


@dataclass(frozen=True)
class Rule:
    """One of Great Expectations' rules, the columns that it needs, and the rows it looks at.

    `index` is its position in the declaration, from 0. `rows` has a bit per row, None for all rows.
    Without `columns`, it is about the table alone. `every_row` asks for all rows that break it.
    """

    index: int
    computed: Any
    columns: tuple[str, ...]
    rows: bytes | None
    every_row: bool


def is_row_level(implementation: Any) -> bool:
    """Return whether a rule is about single values or rows."""
    return _is_about(implementation, ROW_LEVEL)


def validated(table: Table, rules: Sequence[Rule]) -> Iterator[tuple[int, Any]]:
    """Yield the index of each rule, and Great Expectations' result of it, or what it raised.

    Rows in the results have their numbers in the table.
    """
    needed = {name for rule in rules for name in rule.columns}
    together = table.num_rows * len(needed) <= MAX_CELLS
    batches: dict[tuple[Any, ...], list[Rule]] = {}
    for rule in rules:
        comparing = _is_about(type(rule.computed), COMPARING)
        columns = bool(rule.columns) if together else rule.columns
        batches.setdefault((comparing, columns, rule.rows), []).append(rule)
    definition = None
    for (comparing, _, rows), batch in batches.items():
        frame = _frame(table, batch, comparing=comparing)
        if rows is not None:
            bits = np.unpackbits(np.frombuffer(rows, np.uint8), count=table.num_rows)
            frame = frame[bits.astype(bool)]
        definition = definition or _batch_definition()
        every_row = any(rule.every_row for rule in batch)
        yield from _results(definition, frame, batch, every_row=every_row)
        del frame
        if not together:
            definition = None
            _forget_rows()


def _frame(table: Table, batch: Sequence[Rule], *, comparing: bool) -> "pd.DataFrame":
    """Return the rows with the columns that some rules need, all of them if they need no values."""
    names = [*dict.fromkeys(name for rule in batch for name in rule.columns)]
    if not names:
        return name_frame(table.column_names, table.num_rows)
    part = table.select(names)
    return row_frame(part) if comparing else column_frame(part)


def _results(
    definition: Any, frame: "pd.DataFrame", batch: Sequence[Rule], *, every_row: bool
) -> Iterator[tuple[int, Any]]:
    """Yield the results of rules, one by one if some rule keeps all from being computed."""
    try:
        suite = [rule.computed for rule in batch]
        for raw in _validate(definition, frame, suite, every_row=every_row):
            yield raw.expectation_config.meta["index"], raw
    except Exception as error:  # noqa: BLE001 - whatever a library raises for a rule is its result
        if len(batch) == 1:
            yield batch[0].index, error
            return
        for rule in batch:
            yield from _results(definition, frame, [rule], every_row=every_row)


def _batch_definition() -> Any:
    """Return what makes a batch of a frame."""
    import great_expectations as gx
    from great_expectations.validator import validation_graph

    context = gx.get_context(mode="ephemeral")
    validation_graph.tqdm = _no_progress_bar
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("rows")


def _forget_rows() -> None:
    """Free the rows that Great Expectations keeps in its last context, which refers to itself."""
    import great_expectations as gx

    gx.get_context(mode="ephemeral")
    gc.collect()
    pa.default_memory_pool().release_unused()


def _no_progress_bar(*args: Any, **options: Any) -> Any:
    """Return a progress bar that shows nothing.

    Great Expectations' own switch is not enough: one of its rules always shows a bar.
    """
    from tqdm import tqdm

    return tqdm(*args, **{**options, "disable": True})


def _validate(
    definition: Any, frame: "pd.DataFrame", rules: Sequence[Any], *, every_row: bool
) -> Sequence[Any]:
    import great_expectations as gx

    batch = definition.get_batch({"dataframe": frame})
    result_format = {
        "result_format": "COMPLETE" if every_row else "SUMMARY",
        "return_unexpected_index_query": False,
    }
    suite = gx.ExpectationSuite("declared", list(rules))
    results: Sequence[Any] = batch.validate(suite, result_format=result_format).results
    return results


def _is_about(implementation: Any, bases: Sequence[str]) -> bool:
    return any(base.__name__ in bases for base in implementation.__mro__)


@cache
def implementations() -> dict[str, Any]:
    """Return Great Expectations' classes by the names of their rules."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    log = logging.getLogger("great_expectations")
    log.propagate = False  # some of its loggers set a level of their own
    log.addHandler(logging.NullHandler())
    import great_expectations.expectations  # noqa: F401 (fills the registry)
    from great_expectations.expectations import registry

    import data.checks.pattern_metrics  # noqa: F401 (replaces its own in the registry)

    names = registry.list_registered_expectation_implementations()
    found = {name: registry.get_expectation_impl(name) for name in names}
    for implementation in found.values():
        _accept_whole_limits(implementation)
    return found


def _accept_whole_limits(implementation: Any) -> None:
    """Keep a limit that is a whole number: as the double that it would become, it is not exact."""
    for name in LIMITS:
        field = implementation.__fields__.get(name)
        double = (
            next((sub for sub in field.sub_fields or () if sub.type_ is float), None)
            if field
            else None
        )
        if double is not None:
            whole = type(double)(
                name=double.name, type_=int, class_validators=None, model_config=field.model_config
            )
            field.sub_fields.append(whole)
