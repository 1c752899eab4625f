"""A champion that stays predicts the rows of tonight, and scores files as it was trained."""

import json
import sqlite3
from contextlib import closing

import pyarrow.parquet as pq
import pytest

DECLARATION = """\
source: {path: sold.csv}
key: id
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
DELETED, CORRECTED, CHANGED = "3", "7", "9"


def source(*, tonight=False):
    lines = ["id,x,shop,y"]
    for i in range(160):
        key, x, y = str(i), f"{i % 13}", "" if i >= 155 else f"{2 * (i % 13) + i % 5}"
        if tonight and key == DELETED:
            continue
        if tonight and key == CORRECTED:
            y = "99"
        if tonight and key == CHANGED:
            x = "5.5"
        lines.append(f"{key},{x},{'abc'[i % 3]},{y}")
    if tonight:
        lines.append("new,4,a,")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def pinned(new_workspace):
    """Return a workspace after a first night, a pin, and a night with other rows."""
    workspace = new_workspace()
    workspace.declare("sold", DECLARATION, source())
    first = workspace.run("retrain", "sold")
    assert first.returncode == 0, first.stderr
    pin = workspace.run("promote", "sold", "1", "--reason", "keep it", "--pin")
    assert pin.returncode == 0, pin.stderr
    workspace.declare("sold", DECLARATION, source(tonight=True))
    second = workspace.run("retrain", "sold")
    assert second.returncode == 0, second.stderr
    assert "1 row has changed since torch/least_squares of run 1 was trained" in second.stdout
    assert f"(x; the first has key {CHANGED})" in second.stdout
    return workspace


def test_a_pinned_champion_predicts_exactly_the_rows_of_tonight(pinned):
    (champion,) = pinned.query("champion")
    assert (champion["run_id"], champion["pinned"]) == (1, True)
    shown = {row["key"]: row for row in pinned.query("current_prediction")}
    lines = [line.split(",") for line in source(tonight=True).splitlines()[1:]]
    targets = {key: float(y) if y else None for key, _, _, y in lines}
    assert {key: row["actual"] for key, row in shown.items()} == targets
    before = {
        key: (predicted, role)
        for key, predicted, role in pinned.sql(
            "SELECT key, predicted, role FROM prediction WHERE run_id = 1 AND role <> 'new'"
        )
    }
    unchanged = {k for k in before if k not in (DELETED, CHANGED)}
    assert {k: (shown[k]["predicted"], shown[k]["role"]) for k in unchanged} == {
        k: before[k] for k in unchanged
    }
    assert shown[CHANGED]["predicted"] != before[CHANGED][0]
    assert shown[CHANGED]["note"] == "x changed since the model was trained"
    assert (shown["new"]["role"], shown["new"]["note"]) == ("new", None)


def test_a_run_in_which_the_champion_stayed_is_verified_to_the_last_digit(pinned):
    done = pinned.run("verify", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_is_scored_with_notes_on_its_rows_and_warnings_beside_them(pinned, tmp_path):
    rows, out = tmp_path / "rows.csv", tmp_path / "scored.parquet"
    rows.write_text("id,x,shop,colour\na,4,a,red\nb,x,a,red\nc,4,okapi,red\na,4,a,red\n")
    args = ("predict", "sold", "--source", str(rows))
    done = pinned.run(*args, "--format", "json")
    assert done.returncode == 0, done.stderr
    scored = json.loads(done.stdout)
    assert [row["id"] for row in scored] == ["a", "b", "c", "a"]
    assert scored[0] == scored[3]
    assert [row["note"] for row in scored] == [
        None,
        "x is not a number; x is missing, which training never had",
        "unseen level 'okapi' of shop",
        None,
    ]
    for warning in ("'x' in row 2", "'colour'", "The key 'a' repeats, in rows 1, 4", "okapi"):
        assert warning in done.stderr
    assert pinned.run(*args, "--out", str(out)).returncode == 0
    assert pq.read_table(out).to_pylist() == scored
    table = tmp_path / "scored.db"
    done = pinned.run(*args, "--out", str(table), "--out-table", "scored")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(table)) as connection:
        stored = connection.execute("SELECT id, predicted, model_id FROM scored").fetchall()
    assert stored == [(row["id"], row["predicted"], row["model_id"]) for row in scored]
    rows.write_text("id,x,shop\na,4,a\n")
    alone = json.loads(pinned.run(*args, "--format", "json").stdout)
    assert alone == scored[:1]


def test_check_compares_with_the_last_good_run(pinned):
    done = pinned.run("check", "sold", "--format", "json")
    report = json.loads(done.stdout)
    assert report["compared_with_run"] == 2
    assert [column["name"] for column in report["columns"]] == ["id", "x", "shop", "y"]
