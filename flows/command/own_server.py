"""What Prefect's server of `nightfit serve` and its clients are set to: who is let in, and how."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.errors import CallError
from flows.command.prefect_login import LOGIN_VARIABLE, Login, server_login
from flows.command.prefect_origins import Address


@dataclass(frozen=True)
class OwnServer:
    """A server to be started: where it listens already, and the login that it asks for."""

    address: Address
    login: Login
    listener: socket.socket

    @property
    def page(self) -> str:
        """Return the address of the web page, as people open it."""
        return self.address.origins[0]

    @property
    def client(self) -> dict[str, str]:
        """Return the variables of Prefect's programs that use the server."""
        login = {"PREFECT_API_AUTH_STRING": self.login.text} if self.login.text else {}
        page = {"NIGHTFIT_PAGE_URL": self.page}  # for the links in alarms
        return {"PREFECT_API_URL": self.address.api, **login, **page}

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of the server itself; what the user has set for Prefect stays."""
        from prefect.settings import get_current_settings

        server = get_current_settings().server
        values = {LOGIN_VARIABLE: self.login.text} if self.login.text else {}
        if "csrf_protection_enabled" not in server.api.model_fields_set:
            values["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] = "true"
        if "cors_allowed_origins" not in server.api.model_fields_set:
            origins = ",".join(self.address.origins)
            values["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] = origins
        if "api_url" not in server.ui.model_fields_set:
            values["PREFECT_SERVER_UI_API_URL"] = f"{self.page}/api"
        return values

    @contextmanager
    def as_client(self) -> Iterator[None]:
        """Have Prefect's clients in this process use the server."""
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        updates = {PREFECT_API_URL: self.address.api, PREFECT_API_AUTH_STRING: self.login.text}
        with temporary_settings(updates):
            yield


def own_server(address: Address, home: Path, report: Callable[[str], object]) -> OwnServer:
    """Return the server to start at an address, which is taken; `report` gets what to know.

    Raises CallError if the user has switched the login off and others could reach the address.
    """
    login = server_login(home, report)
    if login.text is None:
        if not address.is_private:
            raise CallError(
                f"there is no login, because {LOGIN_VARIABLE} is empty: everybody who reaches"
                f" {address.origins[0]} could run commands here.",
                next_step="Unset it, or leave out --host and --behind-tls.",
            )
        os.environ.pop(LOGIN_VARIABLE, None)  # to Prefect, an empty login is one that never fits
        report(f"{LOGIN_VARIABLE} is empty: every user of this machine can start runs.")
    return OwnServer(address, login, address.listen())
