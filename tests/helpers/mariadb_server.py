"""A MariaDB server for the tests, in a temporary folder, for as long as they need it.

Run as a program, this file starts a server, prints its port, and stops it when standard input ends:
at the end of the tests, or when they are killed.
"""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql

PREFIX = "nightfit-mariadb-"
PROGRAMS = ("mariadbd", "mariadb-install-db")
UNPRIVILEGED = ("mysql", "nobody")
PASSWORD = "geheim/wort@1"
SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--skip-log-bin",
    "--performance-schema=0",
)
"""Settings for a quick start; no test needs its data after a power cut."""


def why_absent() -> str | None:
    """Return why there can be no server, None if there can be one."""
    missing = [name for name in PROGRAMS if _program(name) is None]
    return f"{missing[0]} is not installed" if missing else None


@contextmanager
def running() -> Iterator[int]:
    """Start a server, yield its port, and stop it; `tester` may do anything with `PASSWORD`."""
    from helpers.kept_server import kept  # the program itself does not find this folder

    with kept(__file__, "the MariaDB server") as port:
        yield int(port)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _user() -> str:
    """Return the user that runs the server: never root, whom it refuses."""
    if os.geteuid() != 0:
        return getpass.getuser()
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in known)


def _serve() -> None:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    try:
        user, log = _user(), folder / "log"
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        place = [f"--datadir={folder}/data", f"--user={user}"]
        with log.open("w") as output:
            install = ["--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(
                [str(_program("mariadb-install-db")), "--no-defaults", *place, *install],
                stdout=output,
                stderr=output,
                check=True,
            )
            port = _free_port()
            network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket"]
            server = subprocess.Popen(
                [str(_program("mariadbd")), "--no-defaults", *place, *network, *SMALL],
                stdout=output,
                stderr=output,
            )
        try:
            _make_user(folder / "socket", server)
            print(port, flush=True)
            sys.stdin.read()
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _make_user(place: Path, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            root = pymysql.connect(unix_socket=str(place), user="root")
            break
        except pymysql.err.OperationalError:
            time.sleep(0.05)
    else:
        raise RuntimeError("the server has ended")
    with root, root.cursor() as cursor:
        cursor.execute("CREATE USER tester@'%%' IDENTIFIED BY %s", [PASSWORD])
        cursor.execute("GRANT ALL ON *.* TO tester@'%' WITH GRANT OPTION")


if __name__ == "__main__":
    _serve()
