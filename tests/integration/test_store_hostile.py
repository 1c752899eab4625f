"""Hostile text in any column that takes text is stored, shown and exported unchanged."""

import csv
import io
import json
import random
import string
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
    everything,
    kept,
    night,
    predictions,
    promoted,
    rows,
    write,
)
from sqlalchemy import Text, select

from data.checks.features import MAX_TERM_NAME_BYTES
from data.checks.findings import ExpectationResult, RejectedRow
from data.errors import StoreError
from data.sources.text_rules import MAX_KEY_BYTES
from data.store import tables
from data.store.read.view_rows import rows_of
from data.store.records import CoefficientRecord, PromotionRecord
from data.store.row_columns import PairedErrors
from data.store.session import Store
from data.store.views import VIEWS
from flows.command.output_formats import write_rows
from flows.command.printable import printable

RANDOM = "".join(random.Random(7).choices(string.printable[:94], k=10_000))
HOSTILE = [
    "quote ' and \" and `; DROP TABLE run; --",
    "line\nbreak\r\nand\ttab\x0b\x0c",
    "\x01\x1b[31m\x7f\x9b",
    "🦊 e\u0301 \u00e9 \u200d\ufeff\ufffe\U0010ffff",
    "שלום \u202eright to left\u202c \u2066",
    "SELECT",
    "",
    " ",
    " both ends ",
    "%s %(a)s ? :name {x} {} $1 \\N \\. \\x00 \\",
    "[red] [/red] [link=x] :smile:",
    "NULL",
    "null",
    RANDOM[:MAX_KEY_BYTES],
]
LONG = [*HOSTILE, RANDOM]
"""What columns without an index can hold as well."""


def hostile_night(number: int, text: str, **facts: Any) -> Any:
    """A night with a text in each of its columns that takes one."""
    name = "torch/least_squares"
    targets = {key: float(index) for index, key in enumerate(HOSTILE)}
    linear = candidate(
        name,
        reason=text,
        coefficients=[CoefficientRecord(term=term, estimate=1.0) for term in HOSTILE],
        details={text: [text]},
        seed=text,
    )
    checks = ExpectationResult(
        expectation=text,
        column=text,
        severity="warning",
        quarantine=True,
        success=False,
        kwargs={text: text},
        observed=text,
        examples=[{"row": 1, "key": text, "values": {text: text}}],
    )
    compared = PairedErrors(
        model=name,
        other="torch/ann",
        key=HOSTILE,
        error=np.zeros(len(HOSTILE)),
        other_error=np.ones(len(HOSTILE)),
    )
    decided = PromotionRecord(decision="promoted", model=name, reason=text, rule=text)
    texts = {n: text for n in ("reason", "change", "snapshot", "as_of", "features")}
    texts["declaration"] = json.dumps({"target": text}, ensure_ascii=False)
    texts |= {n: text for n in ("fingerprint", "setup_fingerprint", "flow_run_id")}
    record = promoted(
        number,
        {**targets, "new": NEW},
        name=name,
        candidates=[linear, candidate()],
        promotions=[decided],
        paired_errors=compared,
        warnings=[text],
        library_versions={text: text},
        expectations=[checks],
        rejected_rows=[RejectedRow(key=text, row_number=1, values={text: text}, reason=text)],
        **texts,
    )
    return replace(record, **facts)


@pytest.fixture
def hostile(store: Store) -> Store:
    """A store with such a night for each text, and a failed run of a dataset named by each."""
    for number, text in enumerate(LONG):
        write(store, hostile_night(number, text, dataset=f"night {number}"))
    for number, text in enumerate(HOSTILE):  # the names of datasets are indexed, too
        write(store, night(number, dataset=text[:1_000], status="failed"))
    return store


def test_every_text_comes_back_from_its_table_as_it_was(hostile: Store):
    by_table = everything(hostile)
    for number, text in enumerate(LONG):
        (run,) = [row for row in by_table["run"] if row["dataset"] == f"night {number}"]
        columns = ("reason", "change", "target", "features", "snapshot", "as_of", "fingerprint")
        assert {run[name] for name in (*columns, "setup_fingerprint", "flow_run_id")} == {text}
        assert (run["warnings"], run["library_versions"]) == ([text], {text: text})
        mine = {"run_id": run["run_id"]}

        def of(table, mine=mine):
            return [row for row in by_table[table.name] if row.items() >= mine.items()]

        (check,) = of(tables.expectation_result)
        assert {check[name] for name in ("expectation", "column_name", "observed")} == {text}
        assert (check["kwargs"], check["examples"][0]["values"]) == ({text: text}, {text: text})
        (bad,) = of(tables.rejected_row)
        assert (bad["key"], bad["reason"], bad["row_values"]) == (text, text, {text: text})
        linear = next(row for row in of(tables.model) if row["kind"] == "least_squares")
        assert (linear["reason"], linear["seed"], linear["details"]) == (text, text, {text: [text]})
        (decision,) = of(tables.promotion)
        assert (decision["reason"], decision["rule"]) == (text, text)
        for table in (tables.prediction, tables.paired_error):
            assert sorted({row["key"] for row in of(table)} - {"new"}) == sorted(HOSTILE)
    assert {row["dataset"] for row in by_table["run"]} >= {t[:1_000] for t in HOSTILE}


def test_views_and_machine_readable_formats_keep_every_character(hostile: Store, tmp_path: Path):
    write(hostile, kept(99, 1, dict.fromkeys(HOSTILE, 1.0), dataset="night 0"))
    by_hand(hostile, "forced", 1, dataset="night 0", reason=RANDOM, decided_by=HOSTILE[2])
    shown = {view: rows(hostile, view) for view in VIEWS}
    assert {row["key"] for row in shown["current_prediction"]} == {*HOSTILE, "new"}
    assert {row["term"] for row in shown["current_coefficient"]} >= set(HOSTILE)
    with hostile.reading() as connection:
        for view, form in product(VIEWS, ("csv", "json", "parquet")):
            path = tmp_path / f"{view}.{form}"
            view_rows = rows_of(connection, view)
            write_rows(view_rows.batches, view_rows.columns, form, path)
            assert texts_of(path, view) == [of_texts(row, view, form) for row in shown[view]]


def of_texts(row: dict[str, Any], view: str, form: str) -> list[str | None]:
    """The texts of a row of a view; in CSV, a missing one is empty."""
    texts = {name for name, kind in VIEWS[view].columns.items() if isinstance(kind, Text)}
    return [value or "" if form == "csv" else value for n, value in row.items() if n in texts]


def texts_of(path: Path, view: str) -> list[list[str | None]]:
    """The texts of each row of a file."""
    if path.suffix == ".parquet":
        records = pq.read_table(path).to_pylist()
    elif path.suffix == ".json":
        records = json.loads(path.read_text())
    else:
        with path.open(newline="", encoding="utf-8") as stream:
            records = list(csv.DictReader(stream))
    return [of_texts(row, view, path.suffix[1:]) for row in records]


def test_a_table_for_people_contains_no_terminal_commands(hostile: Store):
    shown = {}
    with hostile.reading() as connection:
        for view in VIEWS:
            stream = io.StringIO()
            view_rows = rows_of(connection, view)
            write_rows(view_rows.batches, view_rows.columns, "table", stream)
            shown[view] = stream.getvalue()
            assert printable(shown[view]) == shown[view]
    assert r"\x01\x1b[31m\x7f\x9b" in shown["current_coefficient"]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_keys_refused_by_the_reader_would_not_fit_into_an_index(store: Store):
    """The texts are random, since PostgreSQL compresses others before it checks their size."""
    assert max(MAX_KEY_BYTES, MAX_TERM_NAME_BYTES) < 2_704 - len("x" * 100) - 24
    long = RANDOM[: MAX_KEY_BYTES + 1_000]
    with pytest.raises(StoreError, match="index row size"):
        write(store, promoted(1, {}, predictions=[predictions("torch/ann", {long: 1.0})]))
    linear = candidate(
        "torch/least_squares", coefficients=[CoefficientRecord(term=long, estimate=1.0)]
    )
    with pytest.raises(StoreError, match="index row size"):
        write(store, night(1, candidates=[linear]))


def test_the_longest_key_of_a_new_row_fits_every_index(store: Store):
    key, name = RANDOM[-MAX_KEY_BYTES:], "x" * 100
    write(store, promoted(1, {key: NEW}, dataset=name))
    write(store, promoted(2, {key: 2.0}, dataset=name))
    assert [row["key"] for row in rows(store, "prediction_outcome")] == [key]


def test_keys_with_different_characters_are_different(store: Store):
    alike = [
        "e\u0301",
        "\u00e9",
        "E\u0301",
        "é ",
        " é",
        "1",
        "1.0",
        "01",
        "a",
        "A",
        "ﬁ",
        "fi",
        "ß",
        "ss",
    ]
    targets = {key: float(target) for target, key in enumerate(alike)}
    write(store, promoted(1, targets, predictions=[predictions("torch/ann", targets)]))
    for key, target in targets.items():
        of_key = select(tables.prediction.c.actual).where(tables.prediction.c.key == key)
        with store.reading() as connection:
            assert connection.execute(of_key).scalars().all() == [target]
