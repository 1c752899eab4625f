"""A whole night on the bundled data, as a user sees it."""

import json
import re
import shutil
from functools import cache

import numpy as np
import pytest
from helpers.workspace import LINE, LINE_ROWS

from regressors.candidate import POOLED_KINDS
from regressors.frameworks.registry import FRAMEWORK_NAMES

DATASETS = ("age_income", "income_expenses", "users_revenue")
AGAIN = "users_revenue"
"""The one that is trained twice: the smallest, with terms, rows in order, and all candidates."""
CANDIDATES = {f"{framework}/{kind}" for framework in FRAMEWORK_NAMES for kind in POOLED_KINDS}
ROWS = {"age_income": 3000, "income_expenses": 235, "users_revenue": 56}
TABLES = {
    "score": "SELECT r.dataset, m.framework, m.kind, s.rows, s.rmse, s.rmse_low, s.rmse_high,"
    " s.rmse_se, s.mae, s.r2, s.n, s.coverage FROM score s JOIN model m USING (model_id)"
    " JOIN run r ON r.run_id = s.run_id ORDER BY 1, 2, 3, 4",
    "coefficient": "SELECT r.dataset, m.framework, m.kind, c.term, c.estimate, c.standard_error,"
    " c.t, c.p, c.low, c.high FROM coefficient c JOIN model m USING (model_id)"
    " JOIN run r USING (run_id) ORDER BY 1, 2, 3, c.position",
    "prediction": "SELECT dataset, key, actual, predicted, lower, upper, role FROM prediction"
    " ORDER BY 1, 2",
    "model": "SELECT r.dataset, framework, kind, m.status, m.reason, rank, chosen, no_skill, seed,"
    " hex(artifact), hex(twin) FROM model m JOIN run r USING (run_id) ORDER BY 1, 2, 3",
    "promotion": "SELECT dataset, decision, incumbent_rmse, challenger_rmse, gain, rule, reason"
    " FROM promotion ORDER BY 1",
    "expectation_result": "SELECT r.dataset, e.position, expectation, success, observed"
    " FROM expectation_result e JOIN run r USING (run_id) ORDER BY 1, 2",
    "run": "SELECT dataset, status, rows_read, rows_test, fingerprint, setup_fingerprint, verdict,"
    " verdict_difference, verdict_low, verdict_high, reason, warnings FROM run ORDER BY 1",
}


def test_night_succeeds_and_prints_a_summary(night):
    assert night.done.returncode == 0, night.done.stderr
    for dataset in DATASETS:
        assert dataset in night.done.stdout
    assert re.search(r"3,000 rows, \d+ columns \(.+\) in [\d.]+ s; 0 rejected\n", night.done.stdout)
    assert "95% interval" in night.done.stdout
    assert str(night.workspace.database) in night.done.stdout
    assert "Traceback" not in night.done.stderr
    assert "\x1b[" not in night.done.stdout + night.done.stderr


def test_summary_says_what_is_predicted_without_a_model_and_how_rows_count_by_their_age(night):
    assert "naive     without a model, test RMSE 3,682 by the last value" in night.done.stdout
    assert "recency   all rows count the same" in night.done.stdout


def test_status_goes_on_saying_what_to_know_of_a_champion(night):
    lines = json.loads(night.workspace.run("status", "--format", "json").stdout)
    (wrong,) = (line["wrong"] for line in lines if line["dataset"] == "income_expenses")
    assert "5 of 235 rows with a target repeat another one under a new key" in wrong


@pytest.fixture(scope="module")
def rows_by_dataset(night):
    """Return a function that gives the rows of a view by dataset, and queries each view once."""

    @cache
    def rows_of(view):
        rows = night.workspace.query(view)
        return {name: [row for row in rows if row["dataset"] == name] for name in DATASETS}

    return rows_of


def test_leaderboard_has_nine_fitted_candidates_with_reasons(rows_by_dataset):
    for rows in rows_by_dataset("leaderboard").values():
        assert {f"{row['framework']}/{row['kind']}" for row in rows} == CANDIDATES
        assert {row["status"] for row in rows} == {"fitted"}
        assert all(row["reason"] for row in rows)
        assert sorted(row["rank"] for row in rows) == list(range(1, 10))
        assert sum(row["chosen"] for row in rows) == 1


def test_query_for_one_dataset_gives_only_its_rows(night, rows_by_dataset):
    rows = night.workspace.query("leaderboard", "--dataset", "income_expenses")
    assert rows == rows_by_dataset("leaderboard")["income_expenses"]


def test_each_dataset_has_one_champion(rows_by_dataset):
    for rows in rows_by_dataset("champion").values():
        (row,) = rows
        assert row["test_rmse_low"] < row["test_rmse"] < row["test_rmse_high"]
        assert row["verdict"] in {"yay", "nay", "undecided"}


def test_the_champion_of_users_is_better_than_every_prediction_without_a_model(night):
    (champion,) = night.workspace.query("champion", "--dataset", "users_revenue")
    scores = night.workspace.query("naive_score", "--dataset", "users_revenue")
    naive = [score["rmse"] for score in scores if score["rows"] == "test"]
    assert len(naive) == 3
    assert all(champion["test_rmse"] < 0.8 * rmse for rmse in naive)
    assert champion["test_r2"] > 0.4
    (card,) = night.workspace.query("model_card", "--dataset", "users_revenue")
    assert 0.8 <= card["coverage"] <= 1


def test_every_readable_row_has_its_prediction(rows_by_dataset):
    for dataset, rows in rows_by_dataset("current_prediction").items():
        assert len(rows) == len({row["key"] for row in rows}) == ROWS[dataset]
        empty = {row["role"] for row in rows if row["predicted"] is None}
        assert empty == ({"warmup"} if dataset == "users_revenue" else set())


def test_frameworks_agree_on_least_squares_to_ten_digits(rows_by_dataset):
    for rows in rows_by_dataset("current_coefficient").values():
        solved = [row for row in rows if row["kind"] == "least_squares"]
        equations = {
            framework: [row["estimate"] for row in solved if row["framework"] == framework]
            for framework in FRAMEWORK_NAMES
        }
        for estimates in equations.values():
            np.testing.assert_allclose(estimates, equations["torch"], rtol=1e-14)
        assert all(row["standard_error"] > 0 for row in solved)
        assert {row["kind"] for row in rows} == {"least_squares", "gradient_descent"}


def test_gradient_descent_reaches_least_squares(rows_by_dataset):
    for rows in rows_by_dataset("current_coefficient").values():
        estimates = {(r["framework"], r["kind"], r["term"]): r["estimate"] for r in rows}
        for (framework, kind, term), estimate in estimates.items():
            assert estimate == pytest.approx(
                estimates[framework, "least_squares", term], rel=1e-4
            ), kind


def test_scores_match_the_stored_predictions(rows_by_dataset):
    for dataset, rows in rows_by_dataset("current_prediction").items():
        (champion,) = rows_by_dataset("champion")[dataset]
        errors = [r["actual"] - r["predicted"] for r in rows if r["role"] == "test"]
        assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(champion["test_rmse"], rel=1e-9)


def test_same_data_gives_the_same_digits(night, new_workspace):
    workspace = new_workspace(samples=True)
    done = workspace.run("retrain", AGAIN)
    assert done.returncode == 0, done.stderr
    for table, statement in TABLES.items():
        first, second = (
            [row for row in made.sql(statement) if row[0] == AGAIN]
            for made in (night.workspace, workspace)
        )
        assert first, table
        assert first == second, table


def test_status_lists_every_dataset(night):
    done = night.workspace.run("status", "--format", "json")
    lines = json.loads(done.stdout)
    assert [line["dataset"] for line in lines] == list(DATASETS)
    assert all(line["champion"] and line["last_good"] for line in lines)


def test_new_rows_are_scored_by_the_champion(night, tmp_path):
    source, out = tmp_path / "new.csv", tmp_path / "scored.csv"
    source.write_text("household,income\n9001,500\n9002,1500.5\n")
    done = night.workspace.run("predict", "income_expenses", "--source", str(source))
    lines = done.stdout.splitlines()
    assert lines[0] == "household,predicted,lower,upper,note,model_id", done.stderr
    assert [line.split(",")[0] for line in lines[1:]] == ["9001", "9002"]
    low, high = (float(line.split(",")[1]) for line in lines[1:])
    assert 0 < low < high
    args = ("predict", "income_expenses", "--source", str(source), "--out", str(out))
    to_file = night.workspace.run(*args)
    assert to_file.returncode == 0
    assert f"2 rows written to {out}" in to_file.stderr
    assert out.read_text() == done.stdout


def test_check_trains_nothing_and_writes_nothing(new_workspace):
    workspace = new_workspace(samples=True)
    done = workspace.run("check", "age_income")
    assert done.returncode == 0, done.stderr
    assert "3,000 rows read" in done.stdout
    assert not workspace.database.exists()


def test_dry_run_stores_nothing(new_workspace):
    workspace = new_workspace()
    shutil.rmtree(workspace.home)  # as before the first night
    workspace.declare("line", LINE, LINE_ROWS)
    done = workspace.run("retrain", "line", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "not stored" in done.stdout
    assert "Warning" not in done.stderr
    assert workspace.sql("SELECT count(*) FROM run") == [(0,)]
