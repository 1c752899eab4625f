"""Nights whose runs store the predictions of test rows and new rows alone."""

import pytest
from helpers.workspace import growing_rows

DECLARATION = """\
source: {{path: grown.csv}}
key: row
target: y
candidates: {{frameworks: [torch], kinds: [least_squares, gradient_descent]}}
promotion: {{min_gain: 0.5, max_loss: 0.0, max_point_loss: 0.0}}
split: {{test: {test}}}
predictions: {predictions}
"""
CHAMPION = "SELECT key, actual, predicted, role FROM prediction WHERE model_id = 1 AND run_id = "


def retrained(workspace, *arguments):
    done = workspace.run("retrain", "grown", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def roles(workspace, run_id):
    """Return the roles of the rows that the first champion's predictions of a run are of."""
    return {key: role for key, _, _, role in workspace.sql(f"{CHAMPION}{run_id}")}


@pytest.fixture(scope="module")
def nights(new_workspace):
    """Return a workspace after two nights; in the second, a person pinned the first champion.

    In the second night, targets are known and rows are test rows that were not in the first.
    """
    workspace = new_workspace()
    declared = DECLARATION.format(test=0.2, predictions="new")
    workspace.declare("grown", declared, growing_rows(200, 5))
    retrained(workspace)
    pin = workspace.run("promote", "grown", "1", "--reason", "keep it", "--pin")
    assert pin.returncode == 0, pin.stderr
    declared = DECLARATION.format(test=0.4, predictions="new")
    workspace.declare("grown", declared, growing_rows(203, 10))
    retrained(workspace)
    return workspace


def test_a_run_stores_no_prediction_of_a_training_row(nights):
    counted = "SELECT DISTINCT role FROM prediction ORDER BY role"
    assert nights.sql(counted) == [("new",), ("test",)]
    first, second = roles(nights, 1), roles(nights, 2)
    test = {key for key, role in first.items() if role == "test"}
    assert 20 < len(test) < 60
    assert first.keys() - test == {str(number) for number in range(200, 205)}
    assert second.keys() == first.keys() | {str(number) for number in range(205, 213)}
    shown = {row["key"]: row["role"] for row in nights.query("current_prediction")}
    assert shown == second


def test_a_champion_is_not_compared_on_rows_that_it_was_trained_with(nights):
    tonight = "SELECT key FROM paired_error WHERE run_id = 2"
    compared = {key for (key,) in nights.sql(tonight)}
    assert compared
    assert compared <= roles(nights, 1).keys()
    history = nights.query("champion_history")
    assert history[0]["rows"] == len(compared)


def test_what_came_true_of_training_rows_is_stored_beside_what_was_predicted(nights):
    outcomes = {row["key"]: row for row in nights.query("prediction_outcome")}
    assert outcomes.keys() == {"200", "201", "202"}
    before = {key: predicted for key, _, predicted, _ in nights.sql(f"{CHAMPION}1")}
    for key, outcome in outcomes.items():
        assert outcome["predicted"] == before[key]
        assert outcome["actual"] == 3 * (int(key) % 11) + int(key) % 4


def test_such_a_run_is_verified_digit_by_digit(nights):
    done = nights.run("verify", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("All of them are the same to the last digit.\n")


def test_another_model_of_such_a_run_can_serve_and_all_predictions_come_with_a_new_champion(
    nights, tmp_path
):
    workspace = nights.copy_to(tmp_path / "workspace")
    other, why = "torch/gradient_descent", ("--reason", "why not", "--pin")
    serve = workspace.run("promote", "grown", "1", other, *why)
    assert serve.returncode == 0, serve.stderr
    assert "is fitted again" in serve.stderr
    shown = {row["key"]: row["role"] for row in workspace.query("current_prediction")}
    assert shown == roles(workspace, 2)
    workspace.declare(
        "grown", DECLARATION.format(test=0.4, predictions="all"), growing_rows(203, 10)
    )
    kept = retrained(workspace)
    assert f"rows that {other} of run 1 was trained with have no prediction" in kept.stdout
    serve = workspace.run("promote", "grown", "3", "--reason", "with all of its predictions")
    assert serve.returncode == 0, serve.stderr
    assert len(workspace.query("current_prediction")) == 213
