"""The checks of the key: it identifies every row, and its columns may explain the target."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.findings import Finding, finding, row_finding
from data.declarations.model import Declaration
from data.sources.columns import OFFSETS, present
from data.sources.keys import row_key_column

MAX_KEY_COLUMNS = 3
"""Sets of so many columns are tried as a key."""
MAX_CANDIDATES = 20
"""So many columns are combined, those with the most values first."""
SAMPLE_ROWS = 5_000
"""Columns that repeat in so many rows are not compared in all rows."""


def key_findings(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> Iterator[Finding]:
    """Check that the key is there and unique in the `kept` rows, a mask (n,)."""
    key = declaration.key
    for name in key:
        rows = np.flatnonzero(kept & ~present(table[name]))
        yield row_finding(
            "expect_column_values_to_not_be_null",
            (name,),
            rows,
            declaration,
            table,
            "The key {column!r} is missing in {n}: {example}. Fill it in, or quarantine such rows.",
        )
    texts = row_key_column(table, key)
    counts = pc.value_counts(texts.filter(pa.array(kept)).drop_null())
    repeated_texts = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    repeated = np.asarray(pc.is_in(texts, value_set=repeated_texts), dtype=bool)
    rows = np.flatnonzero(kept & repeated) if len(repeated_texts) else np.array([], dtype=int)
    advice = _advice(declaration, table.filter(pa.array(kept))) if len(rows) else ""
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
    counts = pc.count_distinct(column, mode="all").as_py()
    return "is a key column with another value in every row" if counts == len(column) else ""


def smallest_key(declaration: Declaration, table: pa.Table) -> tuple[str, ...]:
    """Return the fewest columns that are unique together and never missing; () if there are none.

    Up to three columns are tried. Of sets of one size, that with the most declared columns comes
    first. Measured numbers, the target and the weight identify nothing.
    """
    codes = _codes(declaration, table)
    levels = {name: int(values.max(initial=0)) for name, values in codes.items()}
    names = sorted(codes, key=lambda name: (name not in declaration.key, -levels[name]))
    names = names[:MAX_CANDIDATES]
    for size in range(1, MAX_KEY_COLUMNS + 1):
        sets = sorted(
            combinations(names, size), key=lambda chosen: -len({*chosen} & {*declaration.key})
        )
        for chosen in sets:
            if _is_unique([codes[name] for name in chosen]):
                return tuple(name for name in table.column_names if name in chosen)
    return ()


def _codes(declaration: Declaration, table: pa.Table) -> dict[str, np.ndarray]:
    """Return the columns that may identify a row, each value as a number from 0."""
    codes = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        is_measured = pa.types.is_floating(column.type) and name not in declaration.key
        other = name in (declaration.target, declaration.weight) or name.startswith(OFFSETS)
        if is_measured or other or column.null_count:
            continue
        encoded = column.combine_chunks().dictionary_encode()
        codes[name] = encoded.indices.to_numpy().astype(np.int64)
    return codes


def _is_unique(columns: Sequence[np.ndarray]) -> bool:
    """Return whether no two rows have the same codes in all columns, (n,) each."""
    for rows in (slice(SAMPLE_ROWS), slice(None)):
        combined = columns[0][rows]
        for codes in columns[1:]:
            combined = np.unique(combined, return_inverse=True)[1] * (int(codes.max()) + 1)
            combined = combined + codes[rows]
        if len(np.unique(combined)) < len(combined):
            return False
    return True


def _advice(declaration: Declaration, table: pa.Table) -> str:
    """Return what to do about a key that is not unique."""
    names = smallest_key(declaration, table)
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
