"""Real nights that are killed at a moment, in a process and by a signal that a seed chooses.

Several kills follow each other in one workspace, as they would on an unlucky machine; then a night
that nobody kills must work, and leave no more files than the first one did.
"""

import os
import shutil
import signal
import subprocess
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

import psutil
from fuzz.dataset import csv_text, declaration
from fuzz.harness import adopt_orphans, children, end_children
from fuzz.report import Row
from fuzz.trial import MAX_MB
from fuzz.wholeness import Commits, half_written, runs
from helpers import postgres_server
from helpers.warm_command import COMMAND
from helpers.workspace import outside
from sqlalchemy import make_url

from data.store.session import Store

KINDS = ("kills-sqlite", "kills-postgresql")
COUNT = 50
"""Kills on each database."""

BETWEEN_NIGHTS = 10
"""Kills before a night that nobody kills."""

MAX_NIGHT = 300.0
"""Seconds that a night of one small dataset may take on a busy machine."""

MAX_AFTER_KILL = 90.0
"""Seconds within which a night that has lost a process, or got a signal, must end."""

MAX_ORPHANED = 30.0
"""Seconds within which the processes of a killed night must be gone."""

TARGETS = {
    "main": (signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
    "group": (signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
    "worker": (signal.SIGKILL, signal.SIGTERM),
    "server": (signal.SIGKILL, signal.SIGTERM),
}
"""What is killed: the command, its process group, the framework's process, Prefect's server."""

COMMAND_LINES = {"worker": "multiprocessing.spawn", "server": "prefect.server"}
"""How a process of a night is recognised."""

MOMENTS = ("first second", "any time", "any time", "any time", "commit")

ENDS = {
    signal.SIGKILL: {-signal.SIGKILL},
    signal.SIGTERM: {128 + signal.SIGTERM, -signal.SIGTERM},
    signal.SIGINT: {128 + signal.SIGINT, -signal.SIGINT},
}
"""The exit codes of a command that was ended by a signal; a shell shows both as the same number."""


@dataclass
class Workspace:
    """Where nights are killed: a folder, a database, and what the first whole night was like."""

    folder: Path
    url: str
    length: float = 0.0
    files: frozenset[str] = frozenset()

    def start(self, output: str) -> subprocess.Popen[bytes]:
        """Start a night as a shell starts a job; a file of this name gets what it prints."""
        settings = {
            "NIGHTFIT_DATABASE_URL": self.url,
            "NIGHTFIT_DATASETS": str(self.folder / "datasets"),
            "NIGHTFIT_HOME": str(self.folder / "home"),
            "NIGHTFIT_KEEP_RUNS": "1000",
            "TMPDIR": str(self.folder / "tmp"),
        }
        with (self.folder / output).open("wb") as messages:
            return subprocess.Popen(
                [str(COMMAND), "nightly", "--force"],
                env={**outside(), **settings},
                stdout=messages,
                stderr=messages,
                start_new_session=True,
            )

    def messages(self, output: str) -> str:
        """Return what a night has printed."""
        return (self.folder / output).read_text(errors="replace")

    def left(self) -> frozenset[str]:
        """Return the files in the home and the temporary folder."""
        names = (
            path.relative_to(self.folder).as_posix()
            for top in ("home", "tmp")
            for path in (self.folder / top).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        )
        return frozenset(name for name in names if not name.endswith(("-wal", "-shm", ".lock")))


def run(kind: str, arguments: Namespace, folder: Path) -> Row:
    """Kill as many nights as asked for, in several workspaces side by side."""
    count = arguments.count or COUNT
    seeds = range(arguments.first, arguments.first + count)
    chains = [seeds[worker :: arguments.workers] for worker in range(arguments.workers)]
    found: Counter[str] = Counter()
    start = time.monotonic()
    with _database(kind) as server, get_context("fork").Pool(arguments.workers, adopt_orphans) as p:
        killed = partial(_killed, kind, folder, arguments.save, server)
        for faults_by_seed in p.imap_unordered(killed, [chain for chain in chains if chain]):
            for seed, faults in faults_by_seed.items():
                found.update(faults.keys())
                for name, sentence in faults.items():
                    print(f"{kind} {seed}: {name}: {sentence!a}", flush=True)
    return Row(kind, count, found, time.monotonic() - start)


def repeated(kind: str, seed: int, folder: Path) -> dict[str, str]:
    """Kill one night and let another one pass; return what was wrong."""
    adopt_orphans()
    with _database(kind) as server:
        faults = _killed(kind, folder, folder / "saved", server, [seed])
    return faults[seed]


@contextmanager
def _database(kind: str) -> Iterator[str | None]:
    with postgres_server.running() if "postgresql" in kind else nullcontext() as server:
        yield server


def _killed(
    kind: str, folder: Path, saved: Path, server: str | None, seeds: Sequence[int]
) -> dict[int, dict[str, str]]:
    """Kill a night per seed in a new workspace; return what was wrong with each."""
    workspace = _workspace(folder / f"{kind}-{seeds[0]}", server)
    first = _whole_night(workspace)
    faults: dict[int, dict[str, str]] = {seed: {} for seed in seeds}
    if first:
        faults[seeds[0]]["wrong"] = f"before any kill, {first}"
        return faults
    workspace.files = workspace.left()
    for number, seed in enumerate(seeds, start=1):
        faults[seed] = _kill(workspace, Random(f"{kind} {seed}"))
        if number % BETWEEN_NIGHTS == 0 or seed == seeds[-1]:
            faults[seed].update(_after(workspace))
        if faults[seed]:
            target = saved / f"{kind}-{seed}"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(workspace.folder, target, symlinks=True)
    shutil.rmtree(workspace.folder, ignore_errors=True)
    return faults


def _workspace(folder: Path, server: str | None) -> Workspace:
    for name in ("datasets", "home", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "datasets" / "small.csv").write_text(csv_text(400))
    (folder / "datasets" / "small.yaml").write_text(declaration())
    url = f"sqlite:///{folder / 'store.db'}"
    if server:
        schema = f"fuzz_{folder.name.rpartition('-')[2]}"
        address = make_url(server).set(drivername="postgresql")
        url = address.update_query_dict({"schema": schema}).render_as_string(hide_password=False)
    return Workspace(folder, url)


def _whole_night(workspace: Workspace) -> str:
    """Run a night that nobody kills; return what was wrong with it, or ""."""
    start, spared = time.monotonic(), children()
    night = workspace.start("whole.txt")
    try:
        code = night.wait(MAX_NIGHT)
    except subprocess.TimeoutExpired:
        os.killpg(night.pid, signal.SIGKILL)
        night.wait()
        end_children(MAX_ORPHANED, spared=spared)
        return f"a night took more than {MAX_NIGHT:.0f} seconds"
    workspace.length = workspace.length or time.monotonic() - start
    orphans = end_children(MAX_ORPHANED, spared=spared)
    newest = runs(Store(workspace.url))[-1:]
    if code or [status for _, status in newest] != ["succeeded"]:
        return f"a night ended with exit code {code}: {workspace.messages('whole.txt')[-300:]}"
    return f"a night left {orphans} processes" if orphans else ""


def _after(workspace: Workspace) -> dict[str, str]:
    """Return what is wrong with the night after some kills, and with the files in the home."""
    faults = {}
    if wrong := _whole_night(workspace):
        faults["wrong"] = f"after the kills, {wrong}"
    if left := sorted(workspace.left() - workspace.files):
        faults["leftover"] = f"{len(left)} files: {', '.join(left[:5])}"
    return faults


def _kill(workspace: Workspace, chance: Random) -> dict[str, str]:
    """Start a night and kill it; return what is wrong with what is left of it."""
    target = chance.choice(list(TARGETS))
    number = chance.choice(TARGETS[target])
    moment = chance.choice(MOMENTS)
    share = chance.random()
    spared = children()
    night = workspace.start("killed.txt")
    ended_before = not _wait_for_moment(workspace, night, moment, share)
    megabytes = _megabytes(night.pid)
    hit = _send(night, target, number)
    faults = {}
    what = f"{number.name} to {hit or 'nothing'}, {moment} ({share:.3f})"
    try:
        code = night.wait(MAX_AFTER_KILL)
        if wrong := _wrong_end(code, hit if not ended_before else None, number):
            faults["wrong"] = f"{what}: {wrong}: {workspace.messages('killed.txt')[-200:]}"
    except subprocess.TimeoutExpired:
        faults["hang"] = f"{what}: still running after {MAX_AFTER_KILL:.0f} seconds"
        os.killpg(night.pid, signal.SIGKILL)
        night.wait()
    if orphans := end_children(MAX_ORPHANED, spared=spared):
        faults["orphan"] = f"{what}: {orphans} processes were left"
    messages = workspace.messages("killed.txt")
    if "Traceback (most recent call last)" in messages:
        faults["traceback"] = f"{what}: {messages.strip().splitlines()[-1][:300]}"
    if megabytes > MAX_MB:
        faults["memory"] = f"{what}: {megabytes:,} MB"
    if halves := half_written(Store(workspace.url)):
        faults["half-written"] = f"{what}: {halves}"
    return faults


def _wait_for_moment(
    workspace: Workspace, night: subprocess.Popen[bytes], moment: str, share: float
) -> bool:
    """Wait until a night is to be killed; return whether it is still running."""
    if moment != "commit":
        seconds = share if moment == "first second" else share * workspace.length
        try:
            night.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False
    with Commits(workspace.url) as commits:
        while night.poll() is None:
            if commits.is_storing():
                time.sleep(share * 0.02)
                return True
            time.sleep(0.002)
    return False


def _send(night: subprocess.Popen[bytes], target: str, number: signal.Signals) -> str | None:
    """Send a signal to a process of a night; return which one, or None if all have ended."""
    if night.poll() is not None:
        return None
    if target in COMMAND_LINES:
        for child in psutil.Process(night.pid).children(recursive=True):
            try:
                if COMMAND_LINES[target] in " ".join(child.cmdline()):
                    child.send_signal(number)
                    return target
            except psutil.Error:
                continue
        target = "main"  # it has not started yet, or has ended
    if target == "group":
        os.killpg(night.pid, number)
    else:
        night.send_signal(number)
    return target


def _wrong_end(code: int, hit: str | None, number: signal.Signals) -> str | None:
    """Say what is wrong with the exit code of a night that got a signal."""
    if hit in ("main", "group"):
        return None if code in {0, *ENDS[number]} else f"exit code {code}"
    return None if code in (0, 1) else f"exit code {code}"


def _megabytes(pid: int) -> int:
    """Return the memory of the largest process of a night."""
    try:
        night = psutil.Process(pid)
        sizes = [process.memory_info().rss for process in (night, *night.children(recursive=True))]
    except psutil.Error:
        return 0
    return max(sizes) // 2**20
