"""What is exported of models that serve segments predicts what they do, in every program."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from helpers.exporting import exporting, predicted_by
from helpers.made_models import (
    SHOPS,
    made_columns,
    made_model,
    odd_rows,
    segmented_model,
    together,
    with_segments,
)
from helpers.recomputed import recomputed

from data.errors import CallError, UserError
from tasks.export.engines import in_duckdb, in_sqlite
from tasks.export.graph import segments
from tasks.export.proof import LINEAR, NETWORK, proved
from tasks.export.proof_rows import ProofRows
from tasks.export.sql.dialects import DIALECTS, SQLITE

COLUMNS = with_segments(together(made_columns(200, 5), odd_rows(made_columns())))
ROWS = ProofRows(COLUMNS, np.linspace(-1, 4, len(COLUMNS["order"])), 0, 0)
ONE, TWO = {"segment": ["shop"]}, {"segment": ["shop", "kind"]}
PAIRS = [f'["{shop}","x"]' for shop in ("plain", "ÄÖ")]


NETWORK_MODEL, LINE = made_model("ann", hidden=(3,)), made_model("linear", products=False)
LINES, WEIGHTED = segmented_model("shop"), segmented_model("shop", mean_weight=2.0)
OF_PAIRS = segmented_model("shop", "kind")
EXPORTS: dict = {
    "lines": (LINES, {**ONE}),
    "lines of two columns": (OF_PAIRS, {**TWO}),
    "lines with intervals by row": (segmented_model("shop", by_row=True), {**ONE}),
    "lines with weights": (WEIGHTED, {**ONE, "weight": "importance"}),
    "routes": (LINE, {**ONE, "routes": [(LINES, SHOPS[:2]), (NETWORK_MODEL, SHOPS[3:])]}),
    "routes of two columns": (LINE, {**TWO, "routes": [(OF_PAIRS, PAIRS)]}),
    "routes away from lines": (LINES, {**ONE, "routes": [(LINE, SHOPS[2:])]}),
    "routes away from a network": (
        NETWORK_MODEL,
        {**ONE, "weight": "importance", "routes": [(WEIGHTED, SHOPS)]},
    ),
}


def export_of(name, home):
    model, options = EXPORTS[name]
    return exporting(model, home, **options)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("program", ["onnx", "sqlite", "duckdb", "postgresql"])
def test_every_row_is_predicted_by_what_serves_its_segment(request, tmp_path, name, program):
    export = export_of(name, tmp_path)
    theirs = predicted_by(program, export, ROWS, lambda: request.getfixturevalue("postgres"))
    allowed = NETWORK if "network" in name or name == "routes" else LINEAR
    ours = export.ours(ROWS)
    proof = proved(program, ours, theirs, ROWS, allowed)
    assert proof.difference <= allowed
    if "network" not in name and name != "routes":
        assert not proof.without_interval
    champion = EXPORTS[name][0].predict(COLUMNS)
    pooled = LINE.predict(COLUMNS)
    known = np.isin(COLUMNS["shop"], SHOPS)
    assert (ours.value[~known] == (champion if name.startswith("routes") else pooled)[~known]).all()
    assert (ours.value[known] != pooled[known]).mean() > 0.1


@pytest.mark.parametrize("name", EXPORTS)
def test_prediction_of_a_segment_can_be_computed_from_the_json_alone(tmp_path, name):
    export = export_of(name, tmp_path)
    description = json.loads(json.dumps(export.description, allow_nan=False))
    some = {column: values[::5] for column, values in COLUMNS.items()}
    rows = [
        {column: _plain(values[i]) for column, values in some.items()}
        for i in range(len(some["order"]))
    ]
    seen = np.array([recomputed(description, row) for row in rows], dtype=float).T
    ours = export.routed.predicted(some, None)[0]
    np.testing.assert_allclose(seen[0], ours.value, rtol=1e-6)
    if "network" not in name and name != "routes":
        np.testing.assert_allclose(seen[1:], [ours.lower, ours.upper], rtol=1e-6, atol=1e-6)


def _plain(value):
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else value.astype(object)
    return None if value != value else float(value) if isinstance(value, float) else value


def test_thousands_of_segments_are_one_literal_that_is_joined_by_an_index(tmp_path):
    shops = [f"shop {i:05d}" for i in range(3_000)]
    model = segmented_model("shop", shops=shops)
    rows = len(COLUMNS["order"])
    columns = {**COLUMNS, "shop": np.array((shops[1::12] * 5)[:rows], dtype=object)}
    tried = ProofRows(columns, np.full(rows, np.nan), 0, 0)
    for champion, routes in ((model, []), (LINE, [(model, shops[1:])])):
        export = exporting(champion, tmp_path, routes=routes, **ONE)
        for theirs in (
            in_sqlite(export.make, export.types, tried, None)[0],
            in_duckdb(export.make, export.types, tried, None),
        ):
            assert proved("it", export.ours(tried), theirs, tried, LINEAR).difference < LINEAR
        plan = _plan(export)
        assert any("USING AUTOMATIC COVERING INDEX (nightfit_segment_0=?" in step for step in plan)


def _plan(export):
    with closing(sqlite3.connect(":memory:")) as connection:
        names = ", ".join(f"{SQLITE.identifier(name)} TEXT" for name in export.types)
        connection.execute(f"CREATE TABLE nightfit_proof ({names})")
        query = export.make(SQLITE, "nightfit_proof", ["shop"])
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query.text}")]


def test_what_serves_how_many_segments_is_said_beside_the_proof(tmp_path):
    for dialect in DIALECTS.values():
        exported = export_of("routes of two columns", tmp_path).as_sql(dialect, "sales")
        (note,) = (note for note in exported.notes if note.startswith("Segments"))
        assert note == (
            "Segments (shop, kind) predicted by models of their own: 2 by"
            " torch/segment_least_squares; all other rows, those of unknown segments"
            " included, are predicted by the champion,"
            " torch/least_squares."
        )
        assert f"-- {note}" in exported.content.decode()


def test_onnx_file_is_not_for_columns_with_too_many_combinations(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "MAX_CELLS", 9)
    with pytest.raises(CallError, match="the values of shop, kind have 12 combinations"):
        export_of("lines of two columns", tmp_path).as_onnx()


def test_equation_of_a_segment_that_is_another_is_not_exported(tmp_path):
    export = export_of("lines", tmp_path)
    export.description["members"][0]["segments"]["estimates"][2]["estimates"][3] *= 1 + 1e-5
    with pytest.raises(UserError, match="so nothing is exported"):
        export.as_sql(SQLITE, None)


def test_segment_with_a_nul_character_is_refused(tmp_path):
    export = exporting(segmented_model("shop", shops=["a", "b\0c"]), tmp_path, **ONE)
    with pytest.raises(CallError, match="NUL character"):
        export.as_sql(SQLITE, None)
