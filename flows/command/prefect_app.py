"""Prefect's server as `nightfit serve` runs it: for its own page, and the reports.

Prefect checks the login and the CSRF token, but not which name it was called by, nor which page
opens a websocket. Run it as `python -m flows.command.prefect_app SOCKET ORIGIN...`: the number of a
socket that listens already, and the origins of the server's own page.
"""

import socket
import sys
from pathlib import Path

import prefect
import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from data.settings import settings
from flows.command.own_page import OwnPageOnly
from flows.command.prefect_origins import host_headers
from flows.command.prefect_sqlite import writers_in_turn
from flows.command.report_pages import ReportPages


def main() -> None:
    """Serve until a signal."""
    listener, *origins = sys.argv[1:]
    server = get_current_settings().server
    allowed = {origin.strip() for origin in server.api.cors_allowed_origins.split(",")}
    login = server.api.auth_string
    if not server.ui.v2_enabled:  # which decides only where one begins: the menu leads to both
        prefect.__ui_v2_static_path__ = Path("no such folder")  # and so Prefect has one page alone
    reports = ReportPages(
        create_app(final=True), settings().home, login.get_secret_value() if login else None
    )
    app = OwnPageOnly(reports, host_headers(origins), allowed.union(origins))
    config = uvicorn.Config(
        app,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )
    with socket.socket(fileno=int(listener)) as bound, writers_in_turn():
        uvicorn.Server(config).run(sockets=[bound])


if __name__ == "__main__":
    main()
