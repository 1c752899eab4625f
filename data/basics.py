"""The checks that nobody should have to declare.

They look at the rows that go on, after quarantine, and each only at what the ones before it left
meaningful. Arrow does them: they need no Great Expectations, and its names are used where it has
the same rule.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.columns import PLURAL, first_non_number, kind_of, row_key_column
from data.declare import Declaration
from data.division import LEAST_LABELLED
from data.findings import ExpectationResult, Finding, counted, described, examples, plain
from data.mistakes import nearest


def finding(
    name: str,
    column: str | None,
    sentence: str = "",
    *,
    severity: str = "critical",
    **facts: Any,
) -> Finding:
    """Return a check's finding; it succeeded where there is no sentence against it."""
    result = ExpectationResult(name, column, severity, False, not sentence, **facts)
    return Finding(result, sentence, fatal=bool(sentence) and severity == "critical")


def structure(declaration: Declaration, table: pa.Table) -> list[Finding]:
    """Check columns, rows and kinds: without them nothing else makes sense."""
    roles = [
        *declaration.key,
        declaration.target,
        *([declaration.time] if declaration.time else []),
    ]
    named = dict.fromkeys([*roles, *(declaration.features or ()), *declaration.types])
    found = [column_exists(name, table.column_names, declaration) for name in named]
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
    if not any(one.fatal for one in found):
        found.append(_target_is_a_number(declaration, table))
        found += _time_orders(declaration, table)
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


def contents(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> list[Finding]:
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
    found = [*_keys(declaration, table, kept), *_target(declaration, table, kept)]
    labelled = kept & _present(table[declaration.target])
    if labelled.any():
        found += [
            *_times(declaration, table, labelled),
            *_features(declaration, table, kept, labelled),
        ]
    return found


def _target_is_a_number(declaration: Declaration, table: pa.Table) -> Finding:
    name, column = declaration.target, table[declaration.target]
    kind = kind_of(column.type)
    if kind == "number":
        return finding("target_is_numeric", name, observed=str(column.type))
    bad = first_non_number(column) if kind == "category" else None
    sentence = f"The target {name!r} holds {PLURAL[kind]}, and only numbers can be predicted"
    sentence += f": row {bad[0]} has {bad[1]!r}." if bad else "."
    hint = " Correct the source, or declare another target."
    if kind == "boolean" or (kind == "category" and not bad):
        hint = f" Declare 'types: {{{name}: number}}' if its values are meant as numbers."
    return finding("target_is_numeric", name, sentence + hint, observed=str(column.type))


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


def _keys(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> Iterator[Finding]:
    key = declaration.key
    for name in key:
        rows = np.flatnonzero(kept & ~_present(table[name]))
        yield _row_rule(
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
    yield _row_rule(
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
        yield _row_rule(
            "time_is_known",
            (declaration.time,),
            np.flatnonzero(labelled & ~_present(table[declaration.time])),
            declaration,
            table,
            "The time {column!r} is missing in {n} with a target: {example}. Fill it in, or"
            " quarantine such rows.",
        )


def _target(declaration: Declaration, table: pa.Table, kept: np.ndarray) -> Iterator[Finding]:
    name, column = declaration.target, table[declaration.target]
    known = kept & _present(column)
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
    infinite = _infinite(column, kept)
    yield _row_rule(
        "target_is_finite",
        (name,),
        infinite,
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
        if count >= LEAST_LABELLED
        else f"{counted(count, 'row')} with a target, and at least {LEAST_LABELLED} are needed to"
        " learn and to test. Collect more rows.",
        kwargs={"min_value": LEAST_LABELLED},
        observed=count,
    )


def _features(
    declaration: Declaration, table: pa.Table, kept: np.ndarray, labelled: np.ndarray
) -> list[Finding]:
    found, varying = [], []
    for name in declaration.feature_names(table.column_names):
        if pa.types.is_floating(table[name].type):
            found.append(
                _row_rule(
                    "feature_is_finite",
                    (name,),
                    _infinite(table[name], kept),
                    declaration,
                    table,
                    "The feature {column!r} is infinite in {n}: {example}. Correct it, or leave it"
                    " empty.",
                )
            )
        flaw = _flaw(table[name].filter(pa.array(labelled)))
        found.append(
            finding(
                "feature_varies",
                name,
                f"The feature {name!r} {flaw}: tonight's models do without it." if flaw else "",
                severity="warning",
                observed=flaw or "varies",
            )
        )
        if not flaw:
            varying.append(name)
    sentence = (
        "No feature varies among the rows with a target, so nothing can explain it. Declare other"
        " 'features', or see what became of the source."
    )
    found.append(
        finding("some_feature_varies", None, "" if varying else sentence, observed=varying)
    )
    return found


def _flaw(column: pa.ChunkedArray) -> str:
    """Say why a column explains nothing; a lone value beside gaps may tell rows apart."""
    if column.null_count == len(column):
        return "is missing in every row with a target"
    ends = pc.min_max(column).as_py()
    if column.null_count == 0 and ends["min"] == ends["max"]:
        return f"is {plain(ends['min'])!r} in every row with a target"
    return ""


def _row_rule(
    name: str,
    columns: Sequence[str],
    rows: np.ndarray,
    declaration: Declaration,
    table: pa.Table,
    sentence: str,
) -> Finding:
    """Return the finding on single rows; `sentence` has places for {n}, {column} and {example}."""
    shown = examples(table, declaration.key, rows, columns)
    label = ", ".join(columns)
    kwargs = {"column": label} if len(columns) == 1 else {"column_list": list(columns)}
    text = ""
    if shown:
        text = sentence.format(
            n=counted(len(rows), "row"), column=label, example=described(shown[0])
        )
    return finding(name, label, text, kwargs=kwargs, unexpected_count=len(rows), examples=shown)


def _present(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.is_valid(), dtype=bool)


def _infinite(column: pa.ChunkedArray, rows: np.ndarray) -> np.ndarray:
    """Return the numbers of those of the marked `rows` that hold an infinite value."""
    if not pa.types.is_floating(column.type):
        return np.array([], dtype=int)
    return np.flatnonzero(rows & np.isinf(column.to_numpy()))
