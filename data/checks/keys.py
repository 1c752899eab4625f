"""The checks of the key: it identifies every row, and its columns may explain the target."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from data.checks.alike import alike, distinct_values
from data.checks.findings import Finding, finding, row_finding
from data.checks.table import Table, filtered, rows_of
from data.declarations.model import Declaration
from data.sources.columns import OFFSETS, present

MAX_KEY_COLUMNS = 3
"""Sets of so many columns are tried as a key."""
MAX_CANDIDATES = 20
"""So many columns are combined, those with the most values first."""
SAMPLE_ROWS = 5_000
"""Columns that repeat in so many rows are not compared in all rows."""


def key_findings(declaration: Declaration, table: Table, kept: np.ndarray) -> Iterator[Finding]:
    """Check that the key is there and unique in the `kept` rows, a mask (n,)."""
    key = declaration.key
    for name in key:
        rows = np.flatnonzero(kept & ~present(table.column(name)))
        yield row_finding(
            "expect_column_values_to_not_be_null",
            (name,),
            rows,
            declaration,
            table,
            "The key {column!r} is missing in {n}: {example}. Fill it in, or quarantine such rows.",
        )
    whole = kept
    for name in key:
        whole = whole & present(table.column(name))
    rows, _ = alike(table, key, np.flatnonzero(whole))
    advice = _advice(declaration, table, kept) if len(rows) else ""
    yield row_finding(
        "expect_column_values_to_be_unique"
        if len(key) == 1
        else "expect_compound_columns_to_be_unique",
        key,
        rows,
        declaration,
        table,
        "The key {column!r} is not unique in {n}: {example}. " + advice.translate(BRACES),
    )


BRACES = str.maketrans({"{": "{{", "}": "}}"})
"""Braces in the name of a column, as they stand in a text that is formatted."""


def key_feature_finding(declaration: Declaration, features: Sequence[str]) -> Finding:
    """Report which columns of the key are features although no features are declared.

    `features` are those that vary.
    """
    names = [name for name in declaration.implied_key_features if name in features]
    listed = " and ".join(filter(None, [", ".join(map(repr, names[:-1])), *map(repr, names[-1:])]))
    columns = (
        f"column {listed} is a feature" if len(names) == 1 else f"columns {listed} are features"
    )
    sentence = (
        f"No 'features' are declared, so the key {columns}, too. List 'features' to choose them."
    )
    return finding("key_explains", None, sentence if names else "", observed=names)


def why_it_only_identifies(name: str, declaration: Declaration, column: pa.ChunkedArray) -> str:
    """Return why a column of the key, which no declared feature, explains nothing; "" if it may."""
    if name not in declaration.implied_key_features or not len(column):
        return ""
    filled = column.drop_null()
    repeats = column.null_count > 1 or distinct_values(filled) < len(filled)
    return "" if repeats else "is a key column with another value in every row"


def smallest_key(declaration: Declaration, table: Table, kept: np.ndarray) -> tuple[str, ...]:
    """Return the fewest columns that are unique together in the `kept` rows, and never missing.

    Up to three columns are tried; () if there are none. Of sets of one size, that with the most
    declared columns comes first. Measured numbers, the target and the weight identify nothing.
    """
    levels = _levels(declaration, table, kept)
    names = sorted(levels, key=lambda name: (name not in declaration.key, -levels[name]))
    names, rows = names[:MAX_CANDIDATES], np.flatnonzero(kept)
    first = rows_of(table, names, rows[:SAMPLE_ROWS])
    for size in range(1, MAX_KEY_COLUMNS + 1):
        sets = sorted(
            combinations(names, size), key=lambda chosen: -len({*chosen} & {*declaration.key})
        )
        for chosen in sets:
            if _is_unique(first, chosen, np.arange(first.num_rows)) and _is_unique(
                table, chosen, rows
            ):
                return tuple(name for name in table.column_names if name in chosen)
    return ()


def _levels(declaration: Declaration, table: Table, kept: np.ndarray) -> dict[str, int]:
    """Return how many values the columns have that may identify a row."""
    levels = {}
    for field in table.schema:
        name = field.name
        is_measured = pa.types.is_floating(field.type) and name not in declaration.key
        other = name in (declaration.target, declaration.weight) or name.startswith(OFFSETS)
        if is_measured or other:
            continue
        column = filtered(table.column(name), kept)
        if not column.null_count:
            levels[name] = distinct_values(column)
    return levels


def _is_unique(table: Table, names: Sequence[str], rows: np.ndarray) -> bool:
    """Return whether no two of these rows have the same values in all columns."""
    return not len(alike(table, names, rows)[0])


def _advice(declaration: Declaration, table: Table, kept: np.ndarray) -> str:
    """Return what to do about a key that is not unique."""
    names = smallest_key(declaration, table, kept)
    if names:
        key = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        unique = "is unique" if len(names) == 1 else "are unique together"
        return (
            f"{' and '.join(map(repr, names))} {unique}: declare 'key: {key}' if that is what"
            " identifies a row, or remove the repeated rows."
        )
    return (
        "No set of up to three columns is unique. Remove the repeated rows, or declare 'key: row',"
        " which numbers the rows, or 'key: content', which makes a key of their values."
    )
