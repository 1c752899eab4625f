"""The checks that nobody should have to declare.

They look at the rows that go on, after quarantine, and each only at what the ones before it left
meaningful. Arrow does them: they need no Great Expectations, and its names are used where it has
the same rule.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.features import feature_findings, term_findings
from data.checks.findings import Finding, counted, finding, not_numbers, row_rule
from data.checks.freshness import has_no_age, has_not_shrunk, is_recent
from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.sources.columns import PLURAL, arrays, infinite, kind_of, present
from data.sources.keys import row_key_column
from data.split import MIN_LABELLED_ROWS


def structure(
    declaration: Declaration, table: pa.Table, last_rows: int | None = None
) -> list[Finding]:
    """Check columns, rows and kinds: without them nothing else makes sense."""
    roles = [*declaration.key, declaration.target, declaration.time, declaration.weight]
    others = [*(declaration.features or ()), *declaration.types, declaration.split.group]
    named = dict.fromkeys([*roles, *others])
    found = [column_exists(name, table.column_names, declaration) for name in named if name]
    found.append(
        finding(
            "expect_table_row_count_to_be_between",
            None,
            ""
            if table.num_rows
            else f"{declaration.source.path} has no rows. See what should have written them.",
            kwargs={"min_value": 1},
            observed=table.num_rows,
        )
    )
    if last_rows and table.num_rows:
        found.append(has_not_shrunk(declaration, table.num_rows, last_rows))
    if not any(one.fatal for one in found):
        found.append(_is_numeric("target", declaration.target, "can be predicted", table))
        found += _time_orders(declaration, table)
        if declaration.weight:
            found.append(_is_numeric("weight", declaration.weight, "can weigh rows", table))
        found += term_findings(declaration, table)
    return found


def column_exists(name: str, columns: Sequence[str], declaration: Declaration) -> Finding:
    """Check that a column is there, and say which one it may have become."""
    sentence = (
        f"{declaration.source.path} has no column {name!r}. {nearest(name, columns)}Its columns are"
        f" {', '.join(columns)}. Correct the source or the declaration."
    )
    return finding(
        "expect_column_to_exist",
        name,
        "" if name in columns else sentence,
        kwargs={"column": name},
        observed=name in columns,
    )


def contents(
    declaration: Declaration, table: pa.Table, kept: np.ndarray, now: datetime
) -> list[Finding]:
    """Check keys, target and features of the rows that go on."""
    if not kept.any():
        return [
            finding(
                "rows_are_left",
                None,
                f"All {table.num_rows} rows were set aside. Relax a quarantine rule, or correct the"
                " source.",
                observed=0,
            )
        ]
    found = [
        *_keys(declaration, table, kept),
        *_target(declaration, table, kept),
        *is_recent(declaration, table, kept, now),
    ]
    labelled = kept & present(table[declaration.target])
    if labelled.any():
        found += [
            *_times(declaration, table, labelled),
            *_weights(declaration, table, labelled),
            *feature_findings(declaration, table, kept, labelled),
        ]
    return found


def _is_numeric(role: str, name: str, use: str, table: pa.Table) -> Finding:
    way_out = f"Correct the source, or declare another {role}."
    sentence = not_numbers(f"The {role} {name!r}", table[name], name, use, way_out)
    return finding(f"{role}_is_numeric", name, sentence, observed=str(table[name].type))


def _time_orders(declaration: Declaration, table: pa.Table) -> Iterator[Finding]:
    if declaration.time is None:
        return
    kind = kind_of(table[declaration.time].type)
    sentence = (
        f"The time column {declaration.time!r} holds {PLURAL[kind]}, which have no order in time."
        " Write times in ISO 8601 (2024-03-31), or declare no 'time'."
    )
    yield finding(
        "time_has_order",
        declaration.time,
        "" if kind in ("time", "number") else sentence,
        observed=str(table[declaration.time].type),
    )
    if declaration.max_age is not None and kind == "number":
        yield finding("time_has_age", declaration.time, has_no_age(declaration))


def _keys(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> Iterator[Finding]:
    key = declaration.key
    for name in key:
        rows = np.flatnonzero(kept & ~present(table[name]))
        yield row_rule(
            "expect_column_values_to_not_be_null",
            (name,),
            rows,
            declaration,
            table,
            "The key {column!r} is missing in {n}: {example}. Fill it in, or quarantine such rows.",
        )
    texts = row_key_column(table, key)
    counts = pc.value_counts(texts.filter(pa.array(kept)).drop_null())
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    repeated = np.asarray(pc.is_in(texts, value_set=twice), dtype=bool)
    rows = np.flatnonzero(kept & repeated) if len(twice) else np.array([], dtype=int)
    yield row_rule(
        "expect_column_values_to_be_unique"
        if len(key) == 1
        else "expect_compound_columns_to_be_unique",
        key,
        rows,
        declaration,
        table,
        "The key {column!r} names more than one row in {n}: {example}. Remove the repeats, or"
        " declare further columns as part of the key.",
    )


def _times(declaration: Declaration, table: pa.Table, labelled: np.ndarray) -> Iterator[Finding]:
    if declaration.time is not None:
        yield row_rule(
            "time_is_known",
            (declaration.time,),
            np.flatnonzero(labelled & ~present(table[declaration.time])),
            declaration,
            table,
            "The time {column!r} is missing in {n} with a target: {example}. Fill it in, or"
            " quarantine such rows.",
        )


def _weights(declaration: Declaration, table: pa.Table, labelled: np.ndarray) -> Iterator[Finding]:
    if declaration.weight is not None:
        weight = arrays(table, [declaration.weight])[declaration.weight]
        yield row_rule(
            "weight_is_positive",
            (declaration.weight,),
            np.flatnonzero(labelled & ~((weight > 0) & np.isfinite(weight))),
            declaration,
            table,
            "The weight {column!r} is not a finite number above zero in {n} with a target:"
            " {example}. Correct it, or quarantine such rows.",
        )


def _target(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> Iterator[Finding]:
    name, column = declaration.target, table[declaration.target]
    known = kept & present(column)
    count = int(known.sum())
    yield finding(
        "target_is_known",
        name,
        ""
        if count
        else f"The target {name!r} is missing in every row: fill it in, or declare another.",
        observed=count,
    )
    if not count:
        return
    yield row_rule(
        "target_is_finite",
        (name,),
        np.flatnonzero(kept & infinite(column)),
        declaration,
        table,
        "The target {column!r} is infinite in {n}: {example}. Correct or remove it.",
    )
    distinct = pc.count_distinct(column.filter(pa.array(known))).as_py()
    value = column.filter(pa.array(known))[0].as_py()
    yield finding(
        "target_varies",
        name,
        ""
        if distinct > 1
        else f"The target {name!r} is {value!r} in every row that has one: no model is"
        " needed. See what became of the source.",
        observed=distinct,
    )
    yield finding(
        "enough_labelled_rows",
        name,
        ""
        if count >= MIN_LABELLED_ROWS
        else f"{counted(count, 'row')} with a target, but at least {MIN_LABELLED_ROWS} are needed"
        " to learn and to test. Collect more rows.",
        kwargs={"min_value": MIN_LABELLED_ROWS},
        observed=count,
    )
