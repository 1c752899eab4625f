"""Past nights, trained later on the rows that existed then according to the time column."""

import datetime
import math
import platform
from importlib.metadata import version

import pytest

DECLARATION = """\
source: {path: sales.csv}
key: day
target: y
time: day
features: [x]
split: {folds: 3}
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
FIRST = datetime.date(2024, 1, 1)


def rows(count):
    lines = ["day,x,y"]
    for i in range(count):
        day = FIRST + datetime.timedelta(days=i)
        lines.append(f"{day},{i % 11},{2 * (i % 11) + math.sin(3.0 * i * i):.6f}")
    return "\n".join(lines) + "\n"


def day(number):
    return str(FIRST + datetime.timedelta(days=number - 1))


@pytest.fixture(scope="module")
def backfilled(new_workspace):
    """Return a workspace with three past nights, one of today, and one more past night."""
    workspace = new_workspace()
    workspace.declare("sales", DECLARATION, rows(120))
    done = [
        workspace.run("nightly", "--from", day(100), "--to", day(102)),
        workspace.run("retrain", "sales"),
        workspace.run("retrain", "sales", "--as-of", day(110)),
        workspace.run("nightly", "sales", "--from", day(101), "--to", day(101)),
    ]
    for command in done:
        assert command.returncode == 0, command.stderr
    return workspace, done


@pytest.fixture(scope="module")
def workspace(backfilled):
    return backfilled[0]


def test_each_past_night_reads_the_rows_up_to_it_in_order(workspace):
    runs = workspace.query("run_history")[::-1]
    assert [run["as_of"] for run in runs[:5]] == [day(100), day(101), day(102), None, day(110)]
    assert [run["rows_read"] for run in runs[:5]] == [100, 101, 102, 120, 110]
    assert [run["status"] for run in runs] == ["succeeded"] * 5 + ["skipped"]


def test_model_card_shows_what_trained_the_champion_and_on_which_rows(workspace):
    (card,) = workspace.query("model_card")
    (champion,) = workspace.query("champion")
    assert {name: card[name] for name in ("run_id", "model_id", "since", "test_rmse")} == {
        name: champion[name] for name in ("run_id", "model_id", "since", "test_rmse")
    }
    assert (card["period_from"], card["period_until"]) == (day(1), day(120))
    assert (card["target"], card["features"], card["rows_read"]) == ("y", "x", 120)
    assert card["n_train"] == 120 > card["n_test"] > 0
    assert (card["interval_level"], card["hidden_layers"]) == (0.9, None)
    assert 0 <= card["coverage"] <= 1
    assert card["python_version"] == platform.python_version()
    assert card["framework_version"] == version("torch")
    assert card["numpy_version"] == version("numpy")


def test_backfill_never_replaces_a_champion_with_later_data(workspace):
    decisions = workspace.query("champion_history")
    assert [row["rule"] for row in decisions[1:]] == ["too_few", "too_few", "too_few", "first"]
    assert (decisions[0]["decision"], decisions[0]["rule"]) == ("kept", "backfill")
    assert "later data" in decisions[0]["reason"]
    (champion,) = workspace.query("champion")
    assert champion["run_id"] == 4


def test_current_views_are_those_of_the_latest_data(workspace):
    current = workspace.query("current_prediction")
    assert len(current) == 120
    assert {row["role"] for row in current} <= {"train", "test", "warmup"}
    assert {row["run_id"] for row in workspace.query("leaderboard")} == {4}


def test_past_night_that_was_trained_before_is_skipped(workspace, backfilled):
    assert "skipped" in backfilled[1][-1].stdout


def test_backfill_that_a_person_promotes_predicts_the_latest_rows_too(workspace, tmp_path):
    workspace = workspace.copy_to(tmp_path / "workspace")
    done = workspace.run("promote", "sales", "5", "--reason", "an audit")
    assert done.returncode == 0, done.stderr
    assert workspace.query("champion")[0]["run_id"] == 5
    assert len(workspace.query("current_prediction")) == 120
