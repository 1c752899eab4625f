"""A champion that is damaged in the database: refused, reported, and replaced by the next night."""

import csv
import sqlite3
from contextlib import closing

import pytest

DECLARATION = """\
source: {path: sold.csv}
key: id
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
SOURCE = "id,x,y\n" + "".join(f"{i},{i % 13},{2 * (i % 13) + i % 5}\n" for i in range(160))
BYTES = "its bytes are not those that were stored"


@pytest.fixture(scope="module")
def damaged(new_workspace):
    """Return a workspace after a first night, with one bit of its champion flipped since."""
    workspace = new_workspace()
    workspace.declare("sold", DECLARATION, SOURCE)
    first = workspace.run("retrain", "sold")
    assert first.returncode == 0, first.stderr
    with closing(sqlite3.connect(workspace.database)) as connection, connection:
        (stored,) = connection.execute("SELECT artifact FROM model").fetchone()
        flipped = stored[:-1] + bytes([stored[-1] ^ 1])
        connection.execute("UPDATE model SET artifact = ?", (flipped,))
    return workspace


def test_it_predicts_nothing_and_gives_way_to_the_next_night(damaged):
    source = str(damaged.folder / "datasets" / "sold.csv")
    refused = damaged.run("predict", "sold", "--source", source)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"nightfit: sold: torch/least_squares of run 1 is damaged in the database: {BYTES}."
        " 'nightfit retrain sold' trains a new model.\n"
    )
    status = damaged.run("status", "--format", "json")
    assert status.returncode == 1
    assert BYTES in status.stdout

    verified = damaged.run("verify", "1")
    assert verified.returncode == 1
    assert "torch/least_squares (the model): its bytes differ" in verified.stdout
    assert f"  torch/least_squares: {BYTES}" in verified.stdout

    night = damaged.run("retrain", "sold")  # nothing else has changed: it would be skipped
    assert night.returncode == 0, night.stderr
    assert "The champion until tonight was damaged" in night.stdout
    history = list(
        csv.DictReader(damaged.run("history", "sold", "--format", "csv").stdout.splitlines())
    )
    assert (history[0]["decision"], history[0]["rule"]) == ("promoted", "damaged")
    assert BYTES in history[0]["reason"]
    predicted = damaged.run("predict", "sold", "--source", source)
    assert predicted.returncode == 0, predicted.stderr
    assert damaged.run("retrain", "sold").stdout.count("skipped") == 1
