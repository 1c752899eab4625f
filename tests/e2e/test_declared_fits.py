"""Declared terms, weights and starts, from the YAML file to the rows of the store."""

import json

import numpy as np
import pytest

DECLARATION = """\
source: {path: grown.csv}
key: row
target: y
weight: w
features: [x, hue]
terms: [x^2, x:hue]
split: {folds: 2}
interval: [0.9, 0.5]
candidates: {frameworks: [torch], kinds: [least_squares, gradient_descent]}
gradient_descent: {learning_rate: 0.01, epochs: 40, start: last}
"""
ROWS = 150


def columns(rows):
    i = np.arange(rows)
    x, w, hue = (i % 17) / 4, 1 + i % 3, i % 2
    return x, w, hue, 1 + 2 * x - 0.5 * x**2 + hue * x + np.sin(7.0 * i) / w


def source(rows):
    values = zip(*(column.tolist() for column in columns(rows)), strict=True)
    lines = [
        f"{i},{x!r},{w},{('red', 'green')[hue]},{y!r}" for i, (x, w, hue, y) in enumerate(values)
    ]
    return "row,x,w,hue,y\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def nights(new_workspace):
    """A workspace after two nights, the second with three more rows."""
    workspace = new_workspace()
    for rows in (ROWS, ROWS + 3):
        workspace.declare("grown", DECLARATION, source(rows))
        done = workspace.run("retrain", "grown")
        assert done.returncode == 0, done.stderr
    return workspace


def details(workspace, run):
    ((text,),) = workspace.sql(
        f"SELECT details FROM model WHERE run_id = {run} AND kind = 'gradient_descent'"
    )
    return json.loads(text)


def test_declared_terms_are_in_the_coefficients_with_their_inference(nights):
    coefficients = nights.query("current_coefficient")
    solved = {row["term"]: row for row in coefficients if row["kind"] == "least_squares"}
    assert list(solved) == ["intercept", "x", "hue[red]", "x^2", "x:hue[red]"]
    x, w, hue, y = columns(ROWS + 3)
    red = (hue == 0).astype(float)
    design = np.column_stack([np.ones(ROWS + 3), x, red, x**2, x * red])
    expected = np.linalg.lstsq(design * np.sqrt(w)[:, None], y * np.sqrt(w), rcond=None)[0]
    assert [row["estimate"] for row in solved.values()] == pytest.approx(expected, rel=1e-9)
    assert all(row["robust_standard_error"] > 0 for row in solved.values())
    assert all(row["low"] < row["estimate"] < row["high"] for row in solved.values())


def test_what_intervals_of_each_level_cover_of_the_test_rows_is_stored(nights):
    scored = nights.sql(
        "SELECT s.coverage, s.n, m.details FROM score s JOIN model m USING (model_id)"
        " WHERE s.rows = 'test' AND s.run_id = m.run_id"
    )
    assert scored
    for coverage, rows, text in scored:
        covered = json.loads(text)["intervals"]["test_coverage"]
        assert covered["0.9"] == pytest.approx(coverage)
        assert 0 < covered["0.5"] < covered["0.9"]
        assert covered["0.5"] * rows == pytest.approx(round(covered["0.5"] * rows))


def test_check_lists_the_declared_terms_with_the_features(nights):
    checked = json.loads(nights.run("check", "grown", "--format", "json").stdout)
    assert (checked["features"], checked["terms"]) == (["x", "hue"], ["x^2", "x:hue"])


def test_figures_of_the_whole_fit_are_stored(nights):
    fits = {row["kind"]: row for row in nights.query("current_fit")}
    assert fits["least_squares"]["degrees_of_freedom"] == ROWS + 3 - 5
    assert 0.9 < fits["least_squares"]["adjusted_r2"] < fits["least_squares"]["r2"] < 1
    assert fits["gradient_descent"]["epochs"] == 40
    assert fits["gradient_descent"]["excess_loss"] > 0
    assert fits["gradient_descent"]["epochs_to_solution"] is None


def test_each_part_of_a_fit_starts_where_it_ended_the_night_before(nights):
    first, second = details(nights, 1), details(nights, 2)
    parts = ["fold 1", "fold 2", "twin"]
    for before, after in [(first[part], second[part]) for part in parts] + [
        (first["refit"], second["refit"])
    ]:
        assert after["start"] == pytest.approx(before["end"], rel=1e-9)
        assert after["loss"][0] < before["loss"][0]
        assert after["excess_loss"] < before["excess_loss"]
    assert first["fold 1"]["end"] != first["fold 2"]["end"]


def test_summary_warns_of_a_descent_that_stopped_too_early(nights):
    done = nights.run("retrain", "grown", "--dry-run", "--force")
    assert "above the loss of least squares" in done.stdout
    assert "declare more epochs" in done.stdout
