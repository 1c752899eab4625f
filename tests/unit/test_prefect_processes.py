"""A part of `nightfit serve` that ends by itself is started again, unless it ends too often."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.errors import UserError
from flows.command import prefect_processes
from flows.command.prefect_processes import PrefectProcesses, Program


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectProcesses]:
    monkeypatch.setattr(prefect_processes, "RESTART_PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(prefect_processes, "start_keeper", lambda _: "no mark of ours")
    started = PrefectProcesses({}, tmp_path)
    yield started
    started.running.pop("server", None)  # it is none of Prefect's
    started.stop()


def fail(processes: PrefectProcesses) -> None:
    processes.running["worker"].wait()
    assert processes.ended() == ["worker"]


def test_it_is_started_again_with_the_same_command_and_said_to_be(processes: PrefectProcesses):
    said: list[str] = []
    processes.start("worker", Program([sys.executable, "-c", "print('began'); exit(7)"]))
    fail(processes)
    processes.restart("worker", said.append)
    processes.running["worker"].wait()
    log = processes.logs / "prefect-worker.log"
    assert log.read_text() == "began\nbegan\n"
    assert "Prefect's worker ended by itself, with exit code 7. It is started again" in said[0]
    assert str(log) in said[0]


def test_the_fourth_end_in_ten_minutes_is_the_last(processes: PrefectProcesses):
    processes.start("worker", Program([sys.executable, "-c", "exit(7)"]))
    for _ in range(3):
        fail(processes)
        processes.restart("worker", lambda _: None)
    fail(processes)
    with pytest.raises(
        UserError, match="4 times in 10 minutes, the last time with exit code 7"
    ) as caught:
        processes.restart("worker", lambda _: None)
    assert "prefect-worker.log" in str(caught.value)


def test_ends_of_long_ago_do_not_count(
    processes: PrefectProcesses, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(prefect_processes, "RESTART_WINDOW", 0.0)
    processes.start("worker", Program([sys.executable, "-c", "print('began'); exit(7)"]))
    for _ in range(5):
        fail(processes)
        processes.restart("worker", lambda _: None)
    assert processes.running["worker"].wait() == 7
    assert (processes.logs / "prefect-worker.log").read_text() == 6 * "began\n"


def test_a_run_finds_the_python_of_this_project_first(processes: PrefectProcesses):
    code = "import os; print(os.environ['PATH'])"
    processes.start("worker", Program([sys.executable, "-c", code]))
    processes.running["worker"].wait()
    path = (processes.logs / "prefect-worker.log").read_text()
    assert path.startswith(f"{Path(sys.executable).parent}:")
