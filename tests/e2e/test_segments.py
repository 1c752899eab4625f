"""Two nights of a dataset with segments, some of which a line of their own serves."""

import csv
import json
import random
import sqlite3
from contextlib import closing

import pytest

DECLARATION = """\
source: {path: sales.csv}
key: row
target: y
segment: shop
candidates: {frameworks: [torch], kinds: [least_squares, segment_least_squares]}
"""
COMMON = [f"{number}" for number in range(30)]
"""Shops, by numbers, on one line: so many that a line for each is worse over all rows."""
OWN = ["90", "91"]
"""Shops whose slope has the other sign."""


def sales(shops, rows=70):
    """Return rows of shops, of which every tenth has no target yet; two rows have no shop."""
    lines = ["row,shop,x,n1,n2,n3,n4,n5,n6,y"]
    lines += ["lost-1,,0.5,0,0,0,0,0,0,1.0", "lost-2,,0.1,0,0,0,0,0,0,"]
    for shop in shops:
        drawn = random.Random(f"shop {shop}")
        for number in range(5 if shop == "small" else rows):
            x, *noise, error = (drawn.gauss(0, 0.6), *(drawn.random() for _ in range(7)))
            y = 10 + (-1.5 * x if shop in OWN else 1.5 * x) + 3 * error
            values = [x, *noise, "" if number % 10 == 9 else y]
            lines.append(f"{shop}-{number},{shop},{','.join(map(str, values))}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def nights(new_workspace):
    """Return a workspace after two nights; before the second a shop has gone, and one is new."""
    workspace, summaries = new_workspace(), []
    for shops in ([*COMMON, *OWN, "small"], [*COMMON, OWN[1], "small", "new"]):
        workspace.declare("sales", DECLARATION, sales(shops))
        done = workspace.run("retrain", "sales", "--format", "json")
        assert done.returncode == 0, done.stderr
        summaries += json.loads(done.stdout)
    return workspace, summaries


def test_summary_says_what_serves_the_segments_and_which_moved(nights):
    _, (first, second) = nights
    assert first["champion"] == "torch/least_squares"
    assert first["segments"][0] == (
        "of 33 segments, 31 are served by the champion (torch/least_squares; 1 of these have too"
        " few rows to be compared), 2 by their own line (torch/segment_least_squares)"
    )
    assert first["segments"][1].startswith(
        "2 moved tonight to torch/segment_least_squares, because"
    )
    assert second["segments"][1] == "none moved tonight"
    assert any(note.startswith("2 rows have no segment") for note in second["remarks"])
    assert any("had no row tonight: 90." in note for note in second["remarks"])


def test_store_has_what_serves_each_segment_and_shows_its_predictions(nights):
    workspace, _ = nights
    served = {row["segment"]: row for row in workspace.query("segment_champion")}
    assert served.keys() == {*COMMON, OWN[1], "small", "new"}
    assert {name for name, row in served.items() if row["own"]} == {OWN[1]}
    assert served["small"]["reason"].endswith("and 30 are needed")
    own, champion = served[OWN[1]], served["new"]
    assert own["validation_rmse"] < 0.8 * own["champion_validation_rmse"]
    shown = workspace.query("current_prediction")
    assert {row["model_id"] for row in shown if row["segment"] == OWN[1]} == {own["model_id"]}
    others = {row["model_id"] for row in shown if row["segment"] != OWN[1]}
    assert others == {champion["model_id"]}
    assert len(shown) == len({row["key"] for row in shown}) == 2 + 32 * 70 + 5


def test_exported_query_predicts_each_row_by_what_serves_its_segment(nights, tmp_path):
    workspace, _ = nights
    rows = [*csv.reader(sales([*COMMON, OWN[1], "small", "unknown"]).splitlines())]
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"CREATE TABLE sales ({', '.join(rows[0])})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO sales VALUES ({marks})", rows[1:])
        connection.commit()
    install = ("--format", "sql", "--install", f"sqlite:///{database}", "--table", "sales")
    done = workspace.run("export", "sales", *install)
    assert done.returncode == 0, done.stderr
    assert "1 by torch/segment_least_squares; all other rows" in done.stderr
    (tmp_path / "new.csv").write_text("\n".join(map(",".join, rows)))
    scored = workspace.run(
        "predict", "sales", "--source", str(tmp_path / "new.csv"), "--format", "csv"
    )
    made = [*csv.DictReader(scored.stdout.splitlines())]
    expected = {row[0]: own for row, own in zip(rows[1:], made, strict=True)}
    with closing(sqlite3.connect(database)) as connection:
        seen = connection.execute("SELECT * FROM nightfit_sales").fetchall()
    assert len(seen) == len(expected) == len(rows) - 1
    for key, *_inputs, predicted, lower, upper in seen:
        values = predicted, lower, upper
        for value, name in zip(values, ("predicted", "lower", "upper"), strict=True):
            assert value == pytest.approx(float(expected[key][name]), rel=1e-11)


def test_new_rows_are_predicted_by_what_serves_their_segment(nights):
    workspace, _ = nights
    source = workspace.folder / "datasets" / "sales.csv"
    done = workspace.run("predict", "sales", "--source", str(source), "--format", "csv")
    assert done.returncode == 0, done.stderr
    made = {row["row"]: row for row in csv.DictReader(done.stdout.splitlines())}
    stored = {row["key"]: row for row in workspace.query("current_prediction")}
    news = [key for key, row in stored.items() if row["role"] == "new"]
    assert len(news) > 200
    for key in news:
        assert float(made[key]["predicted"]) == stored[key]["predicted"]
        assert int(made[key]["model_id"]) == stored[key]["model_id"]
        assert made[key]["segment"] == (stored[key]["segment"] or "")


def test_night_is_verified_digit_by_digit(nights):
    workspace, _ = nights
    done = workspace.run("verify", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_report_has_the_worst_segments_and_the_moves(nights):
    workspace, _ = nights
    report = (workspace.home / "reports" / "sales" / "1.html").read_text()
    assert "Segments that moved in this run: 2" in report
    assert "Segments with the largest errors" in report
