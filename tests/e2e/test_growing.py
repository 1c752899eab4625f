"""Nights on a growing table: which model serves, what it predicts, and what came true."""

import pytest
from helpers.workspace import growing_rows

DECLARATION = """\
source: {{path: grown.csv}}
key: row
target: y
candidates: {{frameworks: [torch], kinds: [{kind}]}}
promotion: {{min_gain: 0.5, max_loss: 0.01}}
"""


@pytest.fixture(scope="module")
def grown(new_workspace):
    """Return a workspace after two nights; the other candidate of the second gains too little."""
    workspace = new_workspace()
    workspace.declare("grown", DECLARATION.format(kind="least_squares"), growing_rows(200, 5))
    first = workspace.run("retrain", "grown")
    assert first.returncode == 0, first.stderr
    workspace.declare("grown", DECLARATION.format(kind="gradient_descent"), growing_rows(203, 10))
    second = workspace.run("retrain", "grown")
    assert second.returncode == 0, second.stderr
    return workspace


@pytest.fixture(scope="module")
def third_night(grown, tmp_path_factory):
    """Return the workspace after a night with the first candidate again, and what it printed.

    Old data of the earlier nights that nothing needs any more is pruned.
    """
    workspace = grown.copy_to(tmp_path_factory.mktemp("third") / "workspace")
    workspace.declare("grown", DECLARATION.format(kind="least_squares"), growing_rows(203, 10))
    done = workspace.run("nightly", NIGHTFIT_KEEP_RUNS="1")
    assert done.returncode == 0, done.stderr
    return workspace, done


def test_champion_stays_if_the_challenger_gains_too_little(grown):
    (champion,) = grown.query("champion")
    assert champion["kind"] == "least_squares"
    history = grown.query("champion_history")
    assert [row["decision"] for row in history] == ["kept", "promoted"]
    assert "must surely gain more than 50.00%" in history[0]["reason"]
    assert history[0]["gain_low"] < 0.5


def test_incumbent_predicts_every_row_and_those_it_was_trained_on_as_in_its_own_run(grown):
    tonight, own = (
        {
            key: rest
            for key, *rest in grown.sql(
                "SELECT key, actual, predicted, lower, upper, role FROM prediction"
                f" WHERE run_id = {run_id} AND model_id = 1"
            )
        }
        for run_id in (2, 1)
    )
    assert {int(key) for key in tonight} == set(range(213))
    new = {key: rest for key, rest in tonight.items() if rest[-1] == "new"}
    assert {int(key) for key in new} == set(range(200, 213))
    assert sum(actual is not None for actual, *_ in new.values()) == 3
    assert {key: tonight[key] for key in tonight.keys() - new} == {
        key: rest for key, rest in own.items() if rest[-1] != "new"
    }


def test_every_row_has_one_current_prediction_of_the_champion(grown):
    (champion,) = grown.query("champion")
    current = grown.query("current_prediction")
    assert len(current) == len({row["key"] for row in current}) == 213
    assert {row["model_id"] for row in current} == {champion["model_id"]}


def test_actual_values_are_stored_beside_what_was_predicted(grown):
    outcomes = grown.query("prediction_outcome")
    assert sorted(row["key"] for row in outcomes) == ["200", "201", "202"]
    first_night = dict(grown.sql("SELECT key, predicted FROM prediction WHERE run_id = 1"))
    for row in outcomes:
        assert row["predicted"] == first_night[row["key"]]
        assert row["actual"] == 3 * (int(row["key"]) % 11) + int(row["key"]) % 4


def test_champion_is_refreshed_if_it_loses_less_than_is_allowed(third_night):
    workspace, done = third_night
    assert "(promoted)" in done.stdout
    history = workspace.query("champion_history", "--dataset", "grown")
    assert [row["decision"] for row in history] == ["promoted", "kept", "promoted"]
    assert -0.01 < history[0]["gain"] < 0
    assert workspace.run("history", "grown").returncode == 0


def test_night_prunes_what_is_no_longer_needed_and_reports_it(third_night):
    workspace, done = third_night
    assert "grown: pruned 403 predictions, 42 paired errors, 1 model (0.0 MB)" in done.stderr
    left = "SELECT count(*), min(role), max(role) FROM prediction WHERE run_id = 2 AND model_id = 2"
    assert workspace.sql(left) == [(10, "new", "new")]


def test_a_run_whose_refused_winner_was_pruned_is_verified_except_its_predictions(
    third_night,
):
    workspace, _ = third_night
    done = workspace.run("verify", "2")
    assert done.returncode == 0, done.stderr
    assert "since then: predictions that nothing shows any more were pruned on 20" in done.stdout
    assert done.stdout.endswith("All of them are the same to the last digit.\n")


def test_a_pruned_winner_cannot_be_promoted(third_night):
    workspace, _ = third_night
    refused = workspace.run("promote", "grown", "2", "--reason", "I liked it")
    assert refused.returncode == 2
    assert refused.stderr.startswith("nightfit: run 2 of grown has no model that could serve.")


def test_incumbent_that_cannot_score_rows_that_a_person_accepted_is_replaced(grown, tmp_path):
    workspace = grown.copy_to(tmp_path / "workspace")
    renamed = growing_rows(203, 10).replace("row,x,y", "row,z,y")
    workspace.declare("grown", DECLARATION.format(kind="gradient_descent"), renamed)
    refused = workspace.run("retrain", "grown")
    assert refused.returncode == 1
    assert "The feature 'x' is gone" in refused.stderr
    assert workspace.query("champion")[0]["kind"] == "least_squares"
    accepted = workspace.run("accept", "grown")
    assert accepted.returncode == 0, accepted.stderr
    done = workspace.run("retrain", "grown")
    assert done.returncode == 0, done.stderr
    assert "cannot score tonight's rows" in done.stderr
    assert workspace.query("champion")[0]["kind"] == "gradient_descent"
