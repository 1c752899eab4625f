"""`nightfit resilience`, from a night's ANN to the table that a user reads."""

import csv
import io
import json

import numpy as np
import pytest

DECLARATION = """\
source: {path: waves.csv}
key: row
target: y
weight: w
split: {folds: 2}
"""
ANN = "candidates: {frameworks: [torch], kinds: [ann]}\nann: {hidden: [16, 12]}\n"
FLAT = ANN.replace("[16, 12]", "[]")
LINE = "candidates: {frameworks: [torch], kinds: [least_squares]}\n"
ROWS = 400


def source():
    draw = np.random.default_rng(2)
    x, z = draw.uniform(-3, 3, (2, ROWS))
    y = 3 * np.sin(2 * x) + z**2 + 0.3 * draw.normal(size=ROWS)
    lines = [f"{i},{x[i]},{z[i]},{1 + i % 3},{y[i]}" for i in range(ROWS)]
    return "row,x,z,w,y\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def workspace(new_workspace):
    """A workspace where `waves` has an ANN, `line` a linear model, `flat` an ANN without cells."""
    made = new_workspace()
    made.declare("waves", DECLARATION + ANN, source())
    made.declare("line", DECLARATION + LINE)
    made.declare("flat", DECLARATION + FLAT)
    done = made.run("nightly", "waves", "line", "flat")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def shares(workspace):
    """The rows that `--format json` prints."""
    done = workspace.run("resilience", "waves", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_night_stores_the_test_error_by_the_share_of_silenced_cells(workspace, shares):
    assert [row["share"] for row in shares] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert [row["draws"] for row in shares] == [1] + [20] * 5
    for row in shares[1:]:
        assert row["rmse_low"] < row["rmse"] < row["rmse_high"]
    assert 1.05 < shares[-1]["ratio"] == shares[-1]["rmse"] / shares[0]["rmse"]
    assert shares == workspace.query("champion_resilience", "--dataset", "waves")


def test_error_with_no_cell_silenced_is_the_champions_test_error(workspace, shares):
    champion = next(row for row in workspace.query("champion") if row["dataset"] == "waves")
    assert shares[0]["rmse"] == shares[0]["rmse_low"] == champion["test_rmse"]
    assert {row["model_id"] for row in shares} == {champion["model_id"]}


def test_table_shows_error_range_and_ratio_and_explains_them(workspace, shares):
    done = workspace.run("resilience", "waves")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["silenced", "test", "RMSE", "range", "ratio"]
    assert [line.split()[0] for line in lines[:6]] == ["0%", "10%", "20%", "30%", "40%", "50%"]
    assert lines[0].split()[1:] == [f"{shares[0]['rmse']:.4g}", "1.000"]
    half = shares[-1]
    low, high = (f"{half[name]:.4g}" for name in ("rmse_low", "rmse_high"))
    assert lines[5].split()[1:] == [f"{half['rmse']:.4g}", low, "to", high, f"{half['ratio']:.3f}"]
    assert len(lines) == 7
    assert lines[6] == (
        "With 10% of the hidden cells of torch/ann silenced, its test RMSE changes by "
        f"{shares[1]['ratio'] - 1:+.1%}; with 50%, by {half['ratio'] - 1:+.1%} "
        "(means of 20 random draws)."
    )


def test_csv_keeps_every_digit(workspace, shares):
    done = workspace.run("resilience", "waves", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [float(row["rmse"]) for row in rows] == [row["rmse"] for row in shares]


@pytest.mark.parametrize("form", ["table", "json"])
def test_champion_that_is_not_an_ann_is_refused_in_one_sentence(workspace, form):
    done = workspace.run("resilience", "line", "--format", form)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "nightfit: line: the champion, torch/least_squares, is not an ANN and has no hidden cells "
        "to silence. 'nightfit query leaderboard --dataset line' shows how close the ANNs came.\n"
    )


def test_ann_without_hidden_cells_has_nothing_to_silence(workspace):
    assert [row["kind"] for row in workspace.query("champion", "--dataset", "flat")] == ["ann"]
    done = workspace.run("resilience", "flat")
    assert (done.returncode, done.stdout) == (1, "")
    assert "torch/ann" in done.stderr
    assert "it has no hidden cells" in done.stderr


def test_dataset_that_was_never_run_suggests_the_nearest(workspace):
    done = workspace.run("resilience", "wavs")
    assert (done.returncode, done.stdout) == (2, "")
    assert "waves" in done.stderr
    assert "Traceback" not in done.stderr


def test_same_rows_give_the_same_figures_on_another_night(workspace, shares, tmp_path):
    workspace = workspace.copy_to(tmp_path / "workspace")
    done = workspace.run("retrain", "waves", "--force")
    assert done.returncode == 0, done.stderr
    nights = [
        workspace.sql(
            "SELECT share, rmse, rmse_low, rmse_high, draws FROM resilience"
            f" JOIN model USING (model_id) JOIN run USING (run_id) WHERE run_id = {run}"
        )
        for (run,) in workspace.sql("SELECT run_id FROM run WHERE dataset = 'waves'")
    ]
    assert len(nights) == 2
    assert nights[0] == nights[1]
    names = ("share", "rmse", "rmse_low", "rmse_high", "draws")
    assert nights[0] == [tuple(row[name] for name in names) for row in shares]


def test_help_shows_an_example(workspace):
    done = workspace.run("resilience", "--help")
    assert done.returncode == 0
    assert "nightfit resilience age_income" in done.stdout
