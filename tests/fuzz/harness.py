"""Runs trials one by one, each in a fork of a process that has imported everything already.

Starting Python and importing the command's libraries takes seconds; forking takes milliseconds. The
child calls the command's own entry, `flows.command.cli.main`, with the arguments of a user.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Set
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NoReturn

import psutil
from fuzz.trial import MAX_MB, MAX_SECONDS, Generator, Outcome, Trial, faults_of

LIBRARIES = (
    "data.checks.check",
    "data.sources.read",
    "data.store.read.contract",
    "flows.command.check",
    "flows.command.query",
    "flows.command.status",
    "flows.command.predict",
    "flows.command.promote",
    "flows.command.history",
    "flows.command.gate",
    "flows.command.prune",
    "great_expectations",
    "pandas",
    "psycopg",
    "pyarrow.csv",
    "pyarrow.parquet",
    "tasks.score",
)
"""What the commands import when they are called."""

PR_SET_CHILD_SUBREAPER = 36
"""From Linux's sys/prctl.h: processes whose parent ends become children of this one."""

GRACE_SECONDS = 5.0
"""Processes that a command started get this long to end after it."""

MAX_WAITS = 6
"""How often a command that has hardly used a processor may take `MAX_SECONDS` again."""

FOLDERS = ("datasets", "home", "tmp", "here")
"""A trial's folders: the declarations, the home, TMPDIR, and where the command is called."""


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, so that they can be counted."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def warm_up() -> None:
    """Import what the commands need, once for all trials."""
    adopt_orphans()
    for name in LIBRARIES:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        _check_once(Path(folder))
    gc.freeze()  # the children share these pages as long as nobody writes to them


def _check_once(folder: Path) -> None:
    """Check a small dataset, so that what is made at the first use is made before the forks."""
    from data.checks.check import check
    from data.declarations.model import Declaration
    from data.sources.read import read
    from data.sources.snapshot import load, readings_of

    (folder / "a.csv").write_text("row,x,y\n" + "".join(f"{i},{i % 7},{i}\n" for i in range(50)))
    between = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "x", "min_value": 0},
    }
    declaration = Declaration.model_validate(
        {
            "name": "a",
            "source": {"path": folder / "a.csv"},
            "key": "row",
            "target": "y",
            "expectations": [between],
        }
    )
    snapshot = read(declaration, folder=folder)
    check(declaration, load(snapshot.path), readings_of(snapshot.path))


def tried(
    generate: Generator, kind: str, seed: int, folder: Path, databases: dict[str, str]
) -> tuple[Trial, Outcome, dict[str, str]]:
    """Make the trial of a seed in an empty folder and run it; return what is wrong with it.

    `databases` has a store with runs of each kind: SQLite's file, which is copied for each trial
    that needs it, and PostgreSQL's URL.
    """
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    trial = generate(Random(f"{kind} {seed}"), folder)
    if trial.store == "sqlite":
        shutil.copy(databases["sqlite"], folder / "store.db")
    before = _files(folder)
    outcome = _outcome(trial, folder, databases)
    left = tuple(name for name in sorted(_files(folder) - before) if not _is_expected(name))
    outcome = Outcome(**{**vars(outcome), "leftovers": left})
    return trial, outcome, faults_of(trial, outcome)


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _is_expected(name: str) -> bool:
    """Return whether a command may leave a file of this name: a snapshot, the store, its output."""
    path = Path(name)
    in_home = path.match("home/snapshots/*/*.parquet") or path.match("home/*.lock")
    ours = name in ("output", "messages", "store.db") or path.match("*.lock")
    return in_home or ours or (path.parts[0] == "here" and path.suffix != ".part")


def _outcome(trial: Trial, folder: Path, databases: dict[str, str]) -> Outcome:
    spared = children()
    pid = os.fork()
    if pid == 0:
        _become(trial, folder, databases)
    ended = _ends_in_time(pid)
    if not ended:
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    orphans = end_children(spared=spared)
    output, messages = (
        (folder / name).read_bytes().decode(errors="replace") for name in ("output", "messages")
    )
    code = os.waitstatus_to_exitcode(status) if ended else None
    return Outcome(code, output, messages, usage.ru_maxrss // 1024, orphans)


def _ends_in_time(pid: int) -> bool:
    """Wait for a process; return whether it ended before it used too much of its time.

    On a busy machine it may get little of a processor, and then it may take longer.
    """
    process = os.pidfd_open(pid)
    try:
        for _ in range(MAX_WAITS):
            if select.select([process], [], [], MAX_SECONDS)[0]:
                return True
            if sum(psutil.Process(pid).cpu_times()[:2]) > MAX_SECONDS / 2:
                return False
        return False
    finally:
        os.close(process)


def children() -> set[int]:
    """Return the processes whose parent we are, also those that we have adopted."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in listed.split()}


def end_children(seconds: float = GRACE_SECONDS, *, spared: Set[int] = frozenset()) -> int:
    """Wait for the processes that a command left, then kill them; return how many had to be.

    `spared` are those that we had before the command.
    """
    left = []
    for pid in children() - spared:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.append(psutil.Process(pid))
    _, alive = psutil.wait_procs(left, timeout=seconds)
    for child in alive:
        child.kill()
    psutil.wait_procs(alive, timeout=GRACE_SECONDS)
    return len(alive)


def _become(trial: Trial, folder: Path, databases: dict[str, str]) -> NoReturn:
    """Be the command of a trial, as a shell would have started it."""
    code = 70
    try:
        os.setsid()
        for number, name in ((0, os.devnull), (1, folder / "output"), (2, folder / "messages")):
            opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, number)
        _limit_memory()
        _set_environment(trial, folder, databases)
        os.chdir(folder / "here")
        tempfile.tempdir = None
        sys.argv = ["nightfit", *trial.command]
        code = _exit_code()
    except BaseException:  # noqa: BLE001 - a fork must never return to its parent's loop
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _exit_code() -> int:
    """Run the command; return its exit code, as Python itself would make it."""
    from flows.command.cli import main

    try:
        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001 - this is what we are looking for
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()  # os._exit would leave what is removed at the end
    return code


def _limit_memory() -> None:
    """Let an input that asks for gigabytes fail, rather than take the machine's memory."""
    most = psutil.Process().memory_info().vms + 2 * MAX_MB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _set_environment(trial: Trial, folder: Path, databases: dict[str, str]) -> None:
    for name in list(os.environ):
        if name.startswith(("NIGHTFIT_", "PREFECT_")):
            del os.environ[name]
    database = f"sqlite:///{folder / 'store.db'}"
    if trial.store == "postgresql":
        database = databases["postgresql"]
    os.environ.update(
        {
            "NIGHTFIT_DATASETS": str(folder / "datasets"),
            "NIGHTFIT_HOME": str(folder / "home"),
            "NIGHTFIT_DATABASE_URL": database,
            "PREFECT_API_URL": "http://127.0.0.1:9/api",  # no server of Prefect is started
            "TMPDIR": str(folder / "tmp"),
            **trial.settings,
        }
    )


def in_parallel(
    generate: Generator,
    kind: str,
    seeds: Iterable[int],
    work: Path,
    saved: Path,
    databases: dict[str, str],
    *,
    workers: int,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each seed with the faults of its trial; keep the files of those that have any."""
    attempt = partial(_kept_if_faulty, generate, kind, work, saved, databases)
    with get_context("fork").Pool(workers, initializer=adopt_orphans) as pool:
        yield from pool.imap_unordered(attempt, seeds, chunksize=10)


def _kept_if_faulty(
    generate: Generator,
    kind: str,
    work: Path,
    saved: Path,
    databases: dict[str, str],
    seed: int,
) -> tuple[int, dict[str, str]]:
    folder = work / f"{kind}-{seed}"
    trial, _, faults = tried(generate, kind, seed, folder, databases)
    if faults:
        _save(trial, faults, folder, saved / folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    return seed, faults


def _save(trial: Trial, faults: dict[str, str], folder: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, symlinks=True)
    settings = "".join(f"{name}={value!r}\n" for name, value in trial.settings.items())
    sentences = "".join(f"{name}: {sentence}\n" for name, sentence in faults.items())
    text = f"nightfit {' '.join(map(repr, trial.command))}\n{settings}\n{sentences}"
    (target / "trial.txt").write_text(text, errors="backslashreplace")
