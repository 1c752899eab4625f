"""Only one process works on a dataset at a time, even where processes are killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.store_nights import change

from data.errors import Busy, StoreError
from data.settings import ROOT
from data.store.database.lock import dataset_lock
from data.store.read.earlier_runs import last_good
from data.store.session import Store

HOLDER = """
import subprocess, sys
from data.store.database.lock import dataset_lock
url, dataset, child = sys.argv[1:]
with dataset_lock(url, dataset, on_wait=lambda: print("waiting", flush=True)):
    if child:
        print(subprocess.Popen(["sleep", "600"]).pid, flush=True)
    print("holding", flush=True)
    sys.stdin.read()
print("ended", flush=True)
"""

Holder = subprocess.Popen[str]


@pytest.fixture
def holder(address: str) -> Iterator[Callable[..., Holder]]:
    """Start a process that takes the lock of a dataset and keeps it until its input ends."""
    started: list[Holder] = []

    def start(dataset: str = "wages", *, child: bool = False) -> Holder:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, address, dataset, "child" if child else ""],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def next_line(process: Holder) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def refuse_to_wait() -> None:
    raise AssertionError("it waits")


def test_the_second_waits_until_the_first_has_ended(holder: Callable[..., Holder]):
    first = holder()
    assert next_line(first) == "holding"
    second = holder()
    assert next_line(second) == "waiting"
    first.stdin.close()
    assert next_line(second) == "holding"
    assert next_line(first) == "ended"
    second.stdin.close()
    assert next_line(second) == "ended"


def test_a_process_that_must_not_wait_is_refused_in_one_sentence(
    address: str, holder: Callable[..., Holder]
):
    assert next_line(holder()) == "holding"
    with (
        pytest.raises(Busy) as caught,
        dataset_lock(address, "wages", wait=False, on_wait=refuse_to_wait),
    ):
        raise AssertionError("two hold one lock")
    assert str(caught.value) == (
        "wages: another process is working on it, so nothing was started. Try again when it has"
        " finished, or leave out --no-wait to wait for it."
    )
    assert caught.value.exit_code == 1


def test_two_datasets_do_not_wait_for_each_other(address: str, holder: Callable[..., Holder]):
    assert next_line(holder("wages")) == "holding"
    with dataset_lock(address, "sales", on_wait=refuse_to_wait):
        pass


def test_a_killed_holder_frees_it_at_once(address: str, holder: Callable[..., Holder]):
    first = holder()
    assert next_line(first) == "holding"
    first.kill()
    assert first.wait() == -signal.SIGKILL
    waited: list[bool] = []
    with dataset_lock(address, "wages", on_wait=lambda: waited.append(True)):
        pass
    assert not waited or address.startswith("postgresql")  # a server sees it a moment later


def test_a_child_that_outlives_a_killed_holder_keeps_nothing(
    address: str, holder: Callable[..., Holder]
):
    first = holder(child=True)
    child = int(next_line(first))
    assert next_line(first) == "holding"
    first.kill()
    first.wait()
    with dataset_lock(address, "wages", on_wait=lambda: None):
        os.kill(child, 0)  # it lives


def test_the_lock_can_be_taken_repeatedly_while_the_store_works(address: str):
    last_runs = []
    for _ in range(2):
        with dataset_lock(address, "wages", wait=False, on_wait=refuse_to_wait):
            last_runs.append(change(Store(address), last_good, "wages"))
    assert last_runs == [None, None]


def test_an_error_while_holding_the_lock_frees_it_and_propagates(address: str):
    with (
        pytest.raises(ZeroDivisionError),
        dataset_lock(address, "wages", wait=False, on_wait=refuse_to_wait),
    ):
        raise ZeroDivisionError
    with dataset_lock(address, "wages"):
        pass


def test_a_lock_file_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "store.db.wages.lock").mkdir()
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with (
        pytest.raises(StoreError, match=r"store\.db\.wages\.lock: the lock file beside the datab"),
        dataset_lock(url, "wages", on_wait=refuse_to_wait),
    ):
        pass


def test_a_server_that_cannot_be_reached_is_named_without_its_password():
    url = "postgresql://ann:pass-w0rd@127.0.0.1:1/shop"
    with (
        pytest.raises(StoreError) as caught,
        dataset_lock(url, "wages", on_wait=refuse_to_wait),
    ):
        pass
    assert "pass-w0rd" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
