"""Four nights on a growing table whose relation changes once, and a person's decisions after."""

import json
import math

import pytest

DECLARATION = """\
source: {path: grown.csv}
key: row
target: y
ann: {hidden: [16]}
candidates: {frameworks: [torch], kinds: [least_squares, ann]}
"""
BEFORE, AFTER = 200, 480
NIGHTS = (180, BEFORE, AFTER, AFTER + 20)
"""Rows with a target on each night; those after the first 200 follow another relation."""


def rows(labelled, new=5):
    lines = ["row,x,y"]
    for i in range(labelled + new):
        x = 6 * (i * 0.6180339887498949 % 1) - 3
        y = 3 * x if i < BEFORE else 2 * x * x - 5
        target = f"{y + math.sin(7.0 * i * i):.6f}" if i < labelled else ""
        lines.append(f"{i},{x:.6f},{target}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def four_nights(new_workspace):
    """Return a workspace after the nights, which no test changes, and what each night printed."""
    workspace = new_workspace()
    printed = []
    for labelled in NIGHTS:
        workspace.declare("grown", DECLARATION, rows(labelled))
        done = workspace.run("retrain", "grown")
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return workspace, printed


@pytest.fixture(scope="module")
def workspace(four_nights):
    return four_nights[0]


@pytest.fixture
def copy(workspace, tmp_path):
    """Return a copy of the workspace after the four nights, for a test that goes on from there."""
    return workspace.copy_to(tmp_path / "workspace")


@pytest.fixture(scope="module")
def pinned(workspace, tmp_path_factory):
    """Return a workspace where a person has promoted and pinned a candidate that did not win."""
    workspace = workspace.copy_to(tmp_path_factory.mktemp("pinned") / "workspace")
    done = workspace.run(
        "promote", "grown", "3", "torch/least_squares", "--reason", "an audit", "--pin"
    )
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture(scope="module")
def pinned_night(pinned, tmp_path_factory):
    """Return the workspace with the pinned champion after one more night."""
    workspace = pinned.copy_to(tmp_path_factory.mktemp("pinned_night") / "workspace")
    done = workspace.run("retrain", "grown", "--force")
    assert done.returncode == 0, done.stderr
    return workspace


def history(workspace):
    return workspace.query("champion_history", "--dataset", "grown")


def test_champion_changes_when_the_relation_does_and_not_before(workspace):
    decisions = history(workspace)[::-1]
    assert [row["rule"] for row in decisions] == ["first", "refresh", "switch", "refresh"]
    assert [row["champion"] for row in decisions] == [
        "torch/least_squares",
        "torch/least_squares",
        "torch/ann",
        "torch/ann",
    ]
    assert [row["champion_run_id"] for row in decisions] == [1, 2, 3, 4]
    assert all(row["decision"] == "promoted" for row in decisions)


def test_each_decision_is_stored_with_both_errors_and_the_interval_of_the_gain(workspace):
    first, *later = history(workspace)[::-1]
    assert first["gain"] is None
    for row in later:
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
        ratio = row["challenger_rmse"] ** 2 / row["previous_rmse"] ** 2
        assert row["gain"] == pytest.approx(1 - ratio, abs=1e-12)
        assert row["confidence"] == 0.95
        assert row["rows"] >= 30
    switch = later[1]
    assert switch["gain_low"] > 0
    assert "torch/ann" in switch["reason"] and "torch/least_squares" in switch["reason"]


def test_summary_reports_the_decision_and_what_the_gate_can_detect(four_nights):
    _, printed = four_nights
    assert "first champion" in printed[0]
    for text in printed[1:]:
        assert "  decision " in text
        assert "four times out of five" in text
        assert "every night uses the same test rows" in text


def test_gate_reports_what_it_can_detect(workspace):
    done = workspace.run("gate", "grown", "--format", "json")
    assert done.returncode == 0, done.stderr
    power = json.loads(done.stdout)
    assert 0 < power["smallest_gain"] < 1
    assert 0 < power["switch_to_equal"] < 0.15
    assert power["switch_to_worse"] <= power["switch_to_equal"]
    text = workspace.run("gate", "grown").stdout
    assert "four times out of five" in text


def test_unchanged_night_is_skipped_and_with_force_gives_the_same_digits(copy):
    skipped = copy.run("retrain", "grown")
    assert skipped.returncode == 0, skipped.stderr
    assert "skipped" in skipped.stdout
    assert "--force" in skipped.stdout
    assert copy.query("run_history", "--limit", "1")[0]["status"] == "skipped"
    before = copy.query("current_coefficient")
    forced = copy.run("retrain", "grown", "--force", "--format", "json")
    assert forced.returncode == 0, forced.stderr
    assert json.loads(forced.stdout)[0]["status"] == "succeeded"
    assert copy.query("current_coefficient") == before


def test_stored_run_is_verified_to_the_last_digit(workspace):
    done = workspace.run("verify", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same to the last digit" in done.stdout


def test_verify_finds_a_changed_digit(copy):
    copy.change(
        "UPDATE coefficient SET estimate = estimate + 1e-12 WHERE term = 'x' AND model_id ="
        " (SELECT model_id FROM model WHERE run_id = 2 AND kind = 'least_squares')"
    )
    done = copy.run("verify", "2", "--format", "json")
    assert done.returncode == 1, done.stderr
    verified = json.loads(done.stdout)
    assert verified["different"] == 1
    assert verified["differences"][0].startswith("torch/least_squares x: estimate was ")


def test_promoting_a_candidate_that_did_not_win_makes_its_predictions_current(pinned):
    (champion,) = pinned.query("champion")
    assert (champion["run_id"], champion["kind"], champion["pinned"]) == (3, "least_squares", True)
    current = pinned.query("current_prediction")
    assert len(current) == len({row["key"] for row in current}) == NIGHTS[-1] + 5
    assert {row["model_id"] for row in current} == {champion["model_id"]}
    last = history(pinned)[0]
    assert (last["decision"], last["reason"]) == ("forced", "an audit")
    assert last["decided_by"]


def test_pinned_champion_stays_and_the_challenger_is_recorded(pinned_night):
    last = history(pinned_night)[0]
    assert (last["decision"], last["rule"]) == ("kept", "pinned")
    assert last["champion"] == "torch/least_squares"
    assert last["challenger"] == "torch/ann"
    assert last["gain"] is not None
    assert pinned_night.query("champion")[0]["pinned"]


def test_unpinned_champion_can_be_rolled_back_twice(pinned_night, tmp_path):
    workspace = pinned_night.copy_to(tmp_path / "workspace")
    assert workspace.run("unpin", "grown", "--reason", "the audit is over").returncode == 0
    assert not workspace.query("champion")[0]["pinned"]
    again = workspace.run("unpin", "grown")
    assert again.returncode == 2
    assert "not pinned" in again.stderr
    done = workspace.run("rollback", "grown")
    assert done.returncode == 0, done.stderr
    assert workspace.query("champion")[0]["kind"] == "ann"
    assert len(workspace.query("current_prediction")) == NIGHTS[-1] + 5
    to = workspace.run("rollback", "grown", "--to", "1", "--reason", "as in the beginning")
    assert to.returncode == 0, to.stderr
    assert workspace.query("champion")[0]["run_id"] == 1
    assert len(workspace.query("current_prediction")) == NIGHTS[-1] + 5
    shown = workspace.run("history", "grown").stdout
    assert "rolled back" in shown
    assert "as in the beginning" in shown


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (("promote", "grown", "99", "--reason", "x"), 2, "99"),
        (("promote", "grown", "3", "torch/tree", "--reason", "x"), 2, "torch/tree"),
        (("promote", "grown", "3", "--reason", " "), 2, "--reason"),
        (("promote", "grown", "3"), 2, "--reason"),
        (("rollback", "grown", "--to", "99"), 2, "99"),
        (("rollback", "groan"), 2, "grown"),
        (("gate", "groan"), 2, "grown"),
        (("history", "groan"), 2, "grown"),
        (("unpin", "groan"), 2, "grown"),
        (("verify", "99"), 2, "99"),
        (("retrain", "grown", "--as-of", "2024-03-31"), 2, "time"),
        (("nightly", "--from", "2024-03-31"), 2, "--to"),
        (("nightly", "--from", "2024-03-31", "--to", "2024-03-01"), 2, "--to"),
        (("nightly", "grown", "--from", "2024-03-01", "--to", "2024-03-31"), 2, "time"),
    ],
)
def test_wrong_call_is_refused_with_the_reason_and_changes_nothing(workspace, call, code, message):
    before = workspace.sql("SELECT * FROM promotion")
    done = workspace.run(*call)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert workspace.sql("SELECT * FROM promotion") == before
