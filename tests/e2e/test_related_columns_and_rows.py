"""Dependent columns, grouped rows and gaps, from the file to the variants of the equation."""

import numpy as np
import pytest

DECLARATION = """\
source: {path: crops.csv}
key: plot
target: yield
split: {group: farm, folds: 2}
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
ROWS = 400
RNG = np.random.default_rng(10)
FARM = np.arange(ROWS) % 40
CELSIUS = RNG.normal(size=ROWS).round(2) * 8 + 12
RAIN = RNG.gamma(2, 3, ROWS).round(1)
SIZE = RNG.normal(size=40).round(3)[FARM]
SOIL = np.where(RNG.random(ROWS) < 0.2, np.nan, (0.1 * RAIN + RNG.normal(size=ROWS)).round(2))
YIELD = 10 + 0.7 * CELSIUS - 0.4 * RAIN + 3 * RNG.normal(size=40)[FARM] + RNG.normal(size=ROWS)


def cell(value):
    return "" if np.isnan(value) else repr(float(value))


@pytest.fixture(scope="module")
def night(new_workspace):
    """A workspace after one night, and what the night printed."""
    columns = [CELSIUS, CELSIUS * 1.8 + 32, RAIN, SIZE, SOIL, YIELD]
    lines = [
        f"{i},farm {FARM[i]}," + ",".join(cell(column[i]) for column in columns)
        for i in range(ROWS)
    ]
    workspace = new_workspace()
    header = "plot,farm,celsius,fahrenheit,rain,size,soil,yield\n"
    workspace.declare("crops", DECLARATION, header + "\n".join(lines) + "\n")
    done = workspace.run("retrain", "crops")
    assert done.returncode == 0, done.stderr
    return workspace, " ".join(done.stdout.split())


def variant(workspace, name):
    rows = workspace.query("current_coefficient")
    return {row["term"]: row for row in rows if row["variant"] == name}


def test_term_outside_a_dependence_has_its_inference_and_the_others_are_named(night):
    workspace, printed = night
    all_rows, without = (variant(workspace, v) for v in ("all rows", "aliases left out"))
    assert all_rows["celsius"]["estimate"] is not None
    assert all_rows["celsius"]["standard_error"] is None
    assert all_rows["rain"]["p"] < 1e-9
    assert {**all_rows["rain"], "variant": ""} == {**without["rain"], "variant": ""}
    assert without["celsius"]["low"] < 0.7 < without["celsius"]["high"]
    assert "fahrenheit" not in without
    assert "fahrenheit depends on intercept, celsius" in printed
    (fit,) = workspace.query("current_fit")
    assert fit["f"] > 0
    assert fit["rank"] == len(without)


def test_error_by_group_is_stored_and_a_p_that_ignores_groups_is_warned_of(night):
    workspace, printed = night
    size = variant(workspace, "all rows")["size"]
    assert size["cluster_standard_error"] > 2 * size["standard_error"]
    assert f"by farm the standard error of size is {size['cluster_standard_error']:.3g}" in printed


def test_complete_rows_are_fitted_beside(night):
    workspace, printed = night
    complete = variant(workspace, "complete cases")
    assert {row["rows"] for row in complete.values()} == {int((~np.isnan(SOIL)).sum())}
    assert "soil[missing]" not in complete
    assert "of soil is missing, and filling in the median can bias slopes" in printed
