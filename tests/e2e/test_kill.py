"""A night that is killed at any moment leaves nothing of itself, and the next one succeeds."""

import signal
import subprocess

import psutil
import pytest
from conftest import COMMAND

DECLARATION = """\
source: {{path: {name}.csv}}
key: row
target: y
ann: {{hidden: [8]}}
split: {{folds: 3}}
candidates: {{frameworks: [torch, theano]}}
"""
ROWS = "row,x,y\n" + "\n".join(f"{i},{i % 17},{2 * (i % 17) + i % 3}" for i in range(400))
COUNTS = " UNION ALL ".join(
    f"SELECT count(*) FROM {table}"
    for table in ("run", "model", "score", "coefficient", "prediction", "promotion")
)


def start(place):
    return subprocess.Popen(
        [str(COMMAND), "nightly"],
        env=place.environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the night ended before it said {text!r}")


def all_gone(processes, seconds=15):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    ("number", "said", "runs"),
    [
        (signal.SIGKILL, "one: divided", 0),
        (signal.SIGKILL, "two: fitted", 1),
        (signal.SIGTERM, "one: fitted", 0),
        (signal.SIGINT, "one: fitted", 0),
    ],
)
def test_killed_night_leaves_whole_runs_and_no_process_and_the_next_succeeds(
    new_place, number, said, runs
):
    place = new_place()
    for name in ("one", "two"):
        place.declare(name, DECLARATION.format(name=name), ROWS)
    process = start(place)
    wait_for(process, said)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(number)
    assert all_gone([*family, psutil.Process(process.pid)])
    process.stderr.close()
    process.wait(timeout=30)
    models = 6 * runs
    counts = [count for (count,) in place.sql(COUNTS)]
    assert counts[0] == runs
    assert counts[1] == models
    assert counts[4] == 400 * runs
    assert counts[5] == runs
    if number is signal.SIGKILL and runs:
        assert place.run("nightly").returncode == 0
        assert place.sql("SELECT DISTINCT status FROM run") == [("succeeded",)]
        assert place.sql("SELECT count(*) FROM run") == [(runs + 2,)]
