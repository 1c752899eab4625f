"""The Prefect server of a command that runs flows where the user has no server."""

import atexit
import time
from typing import TYPE_CHECKING

from flows.command.prefect_server import is_healthy, unusable_server

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

PORT_TAKEN = 3
"""How uvicorn ends if another program has taken the port meanwhile."""


def start_temporary_server() -> None:
    """Start the server that Prefect would start for the first flow, unless the user has one.

    Prefect itself would go on waiting for two minutes for a server that has ended, killed or for
    want of memory. Raises NoServer if it ends or does not answer in time.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    server = SubprocessASGIServer()  # always the same one
    if settings.api.url is not None or not settings.server.ephemeral.enabled or server.running:
        return
    atexit.register(server.stop)
    server.running = True
    until = time.monotonic() + settings.server.ephemeral.startup_timeout_seconds
    try:
        while not _has_started(server, until):
            pass
    except BaseException:
        server.stop()
        raise


def _has_started(server: "SubprocessASGIServer", until: float) -> bool:
    """Start the server on a new port; return whether it answers, or else the port was taken."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    server.port = server.find_available_port()
    server.server_process = server._run_uvicorn_command()
    while time.monotonic() < until:
        code = server.server_process.poll()
        if code == PORT_TAKEN:
            return False
        if code is not None:
            raise unusable_server(RuntimeError(f"it ended with the exit code {code}"))
        with temporary_settings({PREFECT_API_URL: server.api_url}):
            if is_healthy():
                return True
        time.sleep(0.1)
    raise unusable_server(RuntimeError("it did not answer in time"))
