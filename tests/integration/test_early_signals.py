"""A signal in the first second, while libraries are imported, ends the command without a word."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from helpers.workspace import outside

from data.settings import ROOT


@pytest.mark.parametrize(
    ("number", "while_importing"),
    [(signal.SIGINT, "click.core"), (signal.SIGINT, "prefect"), (signal.SIGTERM, "prefect")],
)
def test_a_command_that_is_ended_early_says_nothing_and_leaves_no_process(
    tmp_path: Path, number: signal.Signals, while_importing: str
):
    (tmp_path / "d.yaml").write_text("source: {path: d.csv}\nkey: id\ntarget: y\n")
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "flows.command.start", "nightly"],
        env={
            **outside(),
            "NIGHTFIT_DATASETS": str(tmp_path),
            "NIGHTFIT_HOME": str(tmp_path / "home"),
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}",
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.rpartition("|")[2].strip().startswith(while_importing):
            break
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 128 + number
    assert [line for line in rest.splitlines() if not line.startswith("import time:")] == []
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
