"""What is exported predicts, in the program that runs it, what the model does."""

import json
import re
import sqlite3
import sys
from contextlib import closing

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.exporting import exporting, predicted_by
from helpers.made_models import (
    WEIRD,
    made_columns,
    made_model,
    odd_rows,
    segmented_model,
    together,
)
from helpers.scoring import random_model

from data.checks.check import check
from data.declarations.file import load_dataset
from data.errors import CallError, UserError
from data.settings import ROOT
from data.sources.read import read
from data.sources.snapshot import load, readings_of
from regressors.candidate import Candidate
from regressors.description import described
from regressors.encoding.categories import CategoryColumn
from regressors.encoding.matrices import Encoding
from regressors.model import linear_model
from regressors.network.recipe import gelu
from tasks.export import engines
from tasks.export.engines import in_duckdb, in_sqlite
from tasks.export.proof import LINEAR, NETWORK, proved
from tasks.export.proof_rows import ProofRows
from tasks.export.sql import dialects
from tasks.export.sql.dialects import DIALECTS, SQLITE
from tasks.run.rows import SnapshotRows

EXPORT_PAGE = ROOT / "docs" / "export.md"
MODELS: dict[str, dict] = {
    "linear": {},
    "linear without products": {"products": False},
    "linear without intercept, with weights": {"intercept": False, "mean_weight": 2.0},
    "linear with intervals by row": {"by_row": True},
    "ann": {"mean_weight": 2.0},
    "ann with intervals by row": {"by_row": True, "mean_weight": 2.0},
    "ann without hidden layers": {"hidden": ()},
}
COLUMNS = together(made_columns(100, 5), odd_rows(made_columns()))
ROWS = ProofRows(COLUMNS, np.linspace(-1, 4, len(COLUMNS["order"])), 0, 0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("program", ["onnx", "sqlite", "duckdb", "postgresql"])
def test_made_models_with_all_that_an_encoding_knows(request, tmp_path, name, program):
    model = made_model(name.split()[0], **MODELS[name])
    weight = {"weight": "importance"} if model.mean_weight else {}
    export = exporting(model, tmp_path, **weight)
    theirs = predicted_by(program, export, ROWS, lambda: request.getfixturevalue("postgres"))
    allowed = NETWORK if name.startswith("ann") else LINEAR
    proof = proved(program, export.ours(ROWS), theirs, ROWS, allowed)
    assert proof.difference <= allowed
    has_products = name.startswith("linear") and "products" not in MODELS[name]
    assert (proof.without_interval > 0) == (has_products or name.startswith("ann"))


@pytest.fixture(scope="module", params=["age_income", "income_expenses", "users_revenue"])
def bundled(request, tmp_path_factory):
    """A bundled dataset's rows as a night encodes them, and where their snapshot is."""
    folder = tmp_path_factory.mktemp(request.param)
    declaration = load_dataset(request.param, ROOT / "data" / "datasets")
    snapshot = read(declaration, folder=folder / "snapshots")
    checked = check(declaration, load(snapshot.path), readings_of(snapshot.path))
    rows = SnapshotRows(declaration, snapshot, checked.kept, checked.inputs)
    labelled = ~np.isnan(rows.rows.target)
    columns = rows.columns(checked.inputs, labelled)
    encoding = Encoding.fit(columns, products=checked.products, declared_parts=checked.time_parts)
    return declaration, encoding, columns, str(snapshot.path.relative_to(folder)), folder


@pytest.mark.parametrize("kind", ["linear", "ann"])
def test_every_bundled_set_is_exported_in_every_form(bundled, kind):
    declaration, encoding, columns, snapshot, folder = bundled
    model = random_model(encoding, columns, network=kind == "ann")
    declared = declaration.model_dump(mode="json", exclude_defaults=True)
    export = exporting(model, folder, snapshot, **declared)
    assert export.rows.snapshot == export.rows.snapshot_rows > 50
    onnx_file = export.as_onnx()
    texts = [export.as_sql(dialect, None) for dialect in DIALECTS.values()]
    description = export.as_json()
    for exported in (onnx_file, *texts, description):
        assert "predicts the same as nightfit" in exported.notes[0]
        assert "rows of the snapshot" in exported.notes[0]
    assert json.loads(description.content)["dataset"] == declaration.name
    onnx.checker.check_model(onnx.load_from_string(onnx_file.content))


def test_a_model_that_predicts_anything_else_is_not_exported(tmp_path):
    export = exporting(made_model("linear"), tmp_path)
    export.description["members"][0]["terms"][3]["estimate"] *= 1 + 1e-5
    for form in (lambda: export.as_sql(SQLITE, None), export.as_onnx, export.as_json):
        with pytest.raises(UserError, match="so nothing is exported") as refused:
            form()
        assert "order = " in str(refused.value)


def test_an_interval_that_is_not_given_is_a_difference(tmp_path):
    export = exporting(made_model("linear", products=False), tmp_path)
    export.description["interval"]["unknown"][0]["more"] = None
    assert "1e-12" in export.as_sql(SQLITE, None).notes[0]
    export.description["interval"] = None
    with pytest.raises(UserError, match="so nothing is exported"):
        export.as_sql(SQLITE, None)


def test_every_activation_of_a_network_is_that_of_the_model(tmp_path):
    model = made_model("ann")
    export = exporting(model, tmp_path)
    steps = {}

    def make(dialect, table, carried):
        made = export.make(dialect, table, carried)
        steps["text"] = made.text
        return made

    with closing(sqlite3.connect(":memory:")) as connection:
        _copy_of_rows(connection, export, make)
        before, _, _ = steps["text"].rpartition("\nSELECT\n")
        for number, member in enumerate(model.members, 1):
            inputs = member.encoding.network(COLUMNS)
            values = inputs
            for depth, (weights, bias) in enumerate(
                zip(member.layers[:-2:2], member.layers[1:-2:2], strict=True), 1
            ):
                values = gelu(values @ weights.astype(float) + bias)
                names = ", ".join(f"n{number}_h{i}" for i in range(1, len(bias) + 1))
                step = f"nightfit_network_{number}_layer_{depth}"
                found = connection.execute(f"{before}\nSELECT k0, {names} FROM {step} ORDER BY k0")
                activations = np.array(found.fetchall())[:, 1:]
                np.testing.assert_allclose(activations, values, rtol=1e-9, atol=1e-11)


def _copy_of_rows(connection, export, make):
    """Run a query in memory, and leave its table in a connection."""
    copied = {}

    def keep(dialect, table, carried):
        copied["made"] = make(dialect, table, carried)
        return copied["made"]

    in_sqlite(keep, export.types, ROWS, None)
    names = [SQLITE.identifier(name) for name in export.types]
    connection.execute(f"CREATE TABLE nightfit_proof (nightfit_row INTEGER, {', '.join(names)})")
    values = [_plain(COLUMNS[name]) for name in export.types]
    marks = ", ".join("?" * (len(names) + 1))
    rows = zip(range(len(ROWS)), *values, strict=True)
    connection.executemany(f"INSERT INTO nightfit_proof VALUES ({marks})", rows)


def _plain(values):
    if values.dtype.kind == "M":
        return [None if np.isnat(v) else str(v).replace("T", " ") for v in values]
    return [None if v is None or v != v else v for v in values.tolist()]


def test_the_file_of_sql_runs_as_it_is_on_a_table_with_a_reserved_name(tmp_path):
    model = made_model("linear", products=False)
    export = exporting(model, tmp_path)
    text = export.as_sql(SQLITE, "order").content.decode()
    assert text.startswith("-- y of made, predicted by torch/least_squares of run 3 (model 7)")
    with closing(sqlite3.connect(":memory:")) as connection:
        names = ", ".join(SQLITE.identifier(name) for name in export.types)
        connection.execute(f'CREATE TABLE "order" ("No" INTEGER, {names})')
        marks = ", ".join("?" * (len(export.types) + 1))
        values = [_plain(COLUMNS[name]) for name in export.types]
        connection.executemany(
            f'INSERT INTO "order" VALUES ({marks})', zip(range(len(ROWS)), *values, strict=True)
        )
        cursor = connection.execute(text)
        assert [column[0] for column in cursor.description] == ["No", "predicted", "lower", "upper"]
        predicted = np.array(sorted(cursor.fetchall()), dtype=float)
    ours = model.predicted(COLUMNS)
    np.testing.assert_allclose(predicted[:, 1], ours.value, rtol=1e-12)
    np.testing.assert_allclose(predicted[:, 2], ours.lower, rtol=1e-9)


def test_a_key_that_nightfit_made_is_replaced_by_the_inputs(tmp_path):
    export = exporting(made_model("linear"), tmp_path, key="row")
    assert set(export.carried) == set(made_columns(5))
    text = export.as_sql(SQLITE, None).content.decode()
    assert f"AS {SQLITE.identifier(WEIRD)}" in text


def test_results_get_other_names_where_a_key_has_theirs(tmp_path):
    export = exporting(made_model("linear"), tmp_path, key="Lower")
    text = export.as_sql(SQLITE, None).content.decode()
    assert "-- Columns: Lower, nightfit_predicted, nightfit_lower, nightfit_upper." in text


def test_a_network_too_large_for_sql_is_refused_and_described_all_the_same(tmp_path):
    export = exporting(made_model("ann", hidden=(130, 100)), tmp_path)
    with pytest.raises(CallError, match="SQL is for 50,000 at most"):
        export.as_sql(SQLITE, None)
    assert export.as_json().notes[0].startswith("ONNX Runtime predicts the same")


def test_hundreds_of_columns_and_levels_stay_within_the_limits_of_a_database(tmp_path):
    rng = np.random.default_rng(2)
    columns = {f"x{i:03d}": rng.normal(size=300) for i in range(600)}
    columns["c"] = rng.choice(np.array([f"level {i}" for i in range(400)], object), 300)
    encoding = Encoding.fit(columns, pieces=False)
    model = random_model(encoding, columns, network=False)
    export = exporting(model, tmp_path)
    rows = ProofRows(columns, np.full(300, np.nan), 0, 0)
    for theirs in (
        in_sqlite(export.make, export.types, rows, None)[0],
        in_duckdb(export.make, export.types, rows, None),
    ):
        assert proved("it", export.ours(rows), theirs, rows, LINEAR).difference < LINEAR


def test_a_blank_level_leaves_another_word_for_missing_categories(tmp_path):
    category = CategoryColumn("c", ("", "a", None), other=False, shares=(0.25, 0.5, 0.25))
    encoding = Encoding(categories=(category,), names=("c",), design_categories=(category,))
    model = linear_model(Candidate("torch", "least_squares"), encoding, np.array([1.0, 2.0, 4.0]))
    export = exporting(model, tmp_path)
    content = export.as_onnx().content
    session = onnxruntime.InferenceSession(content)
    texts = np.array([[""], ["a"], ["<missing>"], ["other"]], dtype=object)
    predicted, lower, _ = session.run(None, {"c": texts})
    assert predicted[:, 0].tolist() == [1.0, 3.0, 5.0, 3.0]
    assert np.isnan(lower).all()
    assert "<missing>" in onnx.load_from_string(content).doc_string
    assert "NULLIF" not in export.as_sql(SQLITE, None).content.decode()


def test_the_description_of_a_model_says_what_it_is(tmp_path):
    content = json.loads(exporting(made_model("linear"), tmp_path).as_json().content)
    assert content["run_id"] == 3 and content["key"] == ["No"]
    assert content["members"] == described(made_model("linear"))["members"]


def test_the_documented_program_scores_an_exported_file(tmp_path, monkeypatch):
    columns = {
        "age": np.arange(20.0, 80.0),
        "education": np.array(["HS Grad", "College Grad"] * 30, dtype=object),
    }
    model = random_model(Encoding.fit(columns, pieces=False), columns, network=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "age_income.onnx").write_bytes(exporting(model, tmp_path).as_onnx().content)
    (program,) = re.findall(r"```python\n(.*?)```", EXPORT_PAGE.read_text("utf-8"), re.DOTALL)
    values: dict = {}
    exec(program, values)
    odd = {
        "age": np.array([42.0, np.nan]),
        "education": np.array(["HS Grad", "okapi"], dtype=object),
    }
    ours = model.predicted(odd)
    for name in ("predicted", "lower", "upper"):
        expected = ours.value if name == "predicted" else getattr(ours, name)
        np.testing.assert_allclose(values[name][:, 0], expected, rtol=1e-12)


def test_every_key_of_the_json_is_documented(tmp_path):
    text = EXPORT_PAGE.read_text("utf-8").partition("\n## JSON\n")[2]
    named = set(re.findall(r"`(\w+)`", text))
    keys = set()
    for kind in ("linear", "ann"):
        description = described(made_model(kind))
        for member in description["members"]:
            keys |= set(member)
            keys |= {next(iter(entry)) for entry in member.get("inputs", ())}
        keys |= set(description["interval"]) | {"columns", "parts", "members", "interval"}
    lines = segmented_model("shop")
    routed = exporting(lines, tmp_path, routes=[(lines, ["plain"])], segment=["shop"]).description
    (member,), (route,) = routed["members"], routed["routes"]
    keys |= {"segment", "routes", *route, *member, *member["segments"]}
    keys |= set(member["segments"]["estimates"][0])
    assert keys - named == set()


def test_without_its_packages_the_format_onnx_says_how_to_install_them(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"'onnxruntime'.*pip install \"nightfit\[onnx\]\""):
        exporting(made_model("linear"), tmp_path).as_onnx()
    assert exporting(made_model("linear"), tmp_path).as_json().content


def test_sqlite_without_mathematics_is_lent_it_and_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(dialects, "FUNCTIONS", ("sqrt", "tanh", "no_such_function"))
    monkeypatch.setitem(engines._FUNCTIONS, "no_such_function", abs)
    notes = exporting(made_model("linear"), tmp_path).as_sql(SQLITE, None).notes
    assert "lacks the functions no_such_function" in notes[1]
    assert "SQLITE_ENABLE_MATH_FUNCTIONS" in notes[1]
