"""The Prefect server of a command that runs flows where the user has no server."""

import atexit
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.command.prefect_server import TEMPORARY, is_healthy, unusable_server
from flows.command.process_keeper import end

PORT_TAKEN = 3
"""How uvicorn ends if another program has taken the port meanwhile."""

STOP_SECONDS = 5.0
"""How long a server may take to end before it is killed."""

QUIET_UVICORN = """
import logging
from uvicorn.main import main

logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)
main()
"""
"""SQLAlchemy minds no level but its own, and would print a traceback where Ctrl-C ends a query."""

APP = "prefect.server.api.server:create_app"

SERVER = (
    *("-c", QUIET_UVICORN),
    *("--factory", APP, "--host", "127.0.0.1"),
    *("--log-level", "error", "--lifespan", "on"),
)
ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
"""What Prefect sets for such a server."""


@contextmanager
def temporary_server(meanwhile: Callable[[], None]) -> Iterator[None]:
    """Start the server that Prefect would start for the first flow, unless the user has one.

    It ends with this process. Prefect itself would import the whole server here before it starts
    one, which takes seconds, and go on waiting for two minutes for a server that has ended, killed
    or for want of memory. While ours starts, which takes seconds, too, `meanwhile` is called.
    Raises NoServer if it ends or does not answer in time.
    """
    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    settings = get_current_settings()
    if settings.api.url is not None or not settings.server.ephemeral.enabled:
        yield
        return
    seconds = settings.server.ephemeral.startup_timeout_seconds
    server, url = _started()
    meanwhile()
    until = time.monotonic() + seconds
    while not _answers(server, url, until, seconds):
        server, url = _started()
    TEMPORARY.append(url)
    with temporary_settings({PREFECT_API_URL: url}):
        yield


def _started() -> "tuple[subprocess.Popen[bytes], str]":
    """Start the server on a free port; return its process and its URL."""
    import prefect
    from prefect.settings import get_current_settings

    port, library = _free_port(), Path(prefect.__file__).parents[1]
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    server = subprocess.Popen(
        [sys.executable, *SERVER, "--app-dir", str(library), "--port", str(port)],
        env={**os.environ, **ENVIRONMENT, **settings},
    )
    atexit.register(end, server, STOP_SECONDS)
    return server, f"http://127.0.0.1:{port}/api"


def _answers(server: "subprocess.Popen[bytes]", url: str, until: float, seconds: int) -> bool:
    """Wait for the server's first answer; return False if its port was taken meanwhile.

    Raises NoServer if it does not answer `until` then, which was `seconds` away.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        while time.monotonic() < until and server.poll() is None:
            if is_healthy():
                return True
            time.sleep(0.1)
    code = server.poll()
    if code == PORT_TAKEN:
        return False
    if code is not None:
        raise unusable_server(RuntimeError(f"it ended with the exit code {code}"))
    raise unusable_server(TimeoutError(f"it did not answer within {seconds} seconds"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
