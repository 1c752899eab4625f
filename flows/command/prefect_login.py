"""The login of the Prefect servers that nightfit starts: who has it may start runs.

It goes from process to process in the environment, which only the same user can read; never on a
command line, which all can read, and never into a log.
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data.errors import CallError, HomeError
from data.private_files import LOGIN_FILE

LOGIN_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"

USER = "nightfit"


@dataclass(frozen=True)
class Login:
    """What the page and the API ask for, as `user:password`; `file` has it unless the user set it.

    `text` is None if the user has switched the login off.
    """

    text: str | None
    file: Path | None = None


def server_login(home: Path, report: Callable[[str], object]) -> Login:
    """Return the login of the server that `nightfit serve` starts.

    It is the one that the user has set for Prefect (empty: none at all), or that of the home, made
    at the first start. One that others may have read is replaced, which is reported. Raises
    CallError or HomeError if it cannot be used.
    """
    chosen = chosen_login()
    if chosen is not None:
        return Login(chosen or None)
    path = home / LOGIN_FILE
    try:
        text = _private_text(path)
        if text is None:
            if path.exists():
                report(f"{path} was damaged, or others could read it: the login has been replaced.")
            text = new_login()
            _write_private(path, text)
    except OSError as error:
        raise HomeError(
            f"the login of Prefect's server cannot be kept there ({error.strerror}).",
            where=str(path),
            next_step="Make the folder writable for this user, or remove what is in the way.",
        ) from None
    return Login(text, path)


def chosen_login() -> str | None:
    """Return the login that the user has set for Prefect's server; None if he has not set any."""
    from prefect.settings import get_current_settings

    auth = get_current_settings().server.api.auth_string
    if auth is None:
        return None
    text = auth.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise CallError(
            "the login may only have ASCII characters, without line breaks.",
            where=LOGIN_VARIABLE,
            next_step="Set another one.",
        )
    return text


def new_login() -> str:
    """Return a login that nobody can guess."""
    return f"{USER}:{secrets.token_urlsafe(32)}"


def _private_text(path: Path) -> str | None:
    """Return the login in a file; None if there is none, or if others may have had a hand in it."""
    with suppress(FileNotFoundError), path.open(encoding="ascii", errors="replace") as file:
        state = os.fstat(file.fileno())
        if state.st_uid == os.geteuid() and not stat.S_IMODE(state.st_mode) & 0o077:
            text = file.read(1000).strip()
            return text if text.isascii() and text.isprintable() and text else None
    return None


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, also for a moment."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{text}\n")
    fresh.replace(path)


@contextmanager
def private_server() -> Iterator[None]:
    """Let nobody else use the server that Prefect starts for a flow where the user has none.

    It listens on a port of this machine while the flow runs. Only this process and those that it
    starts know its login.
    """
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_SERVER_API_AUTH_STRING,
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED,
        get_current_settings,
        temporary_settings,
    )

    if get_current_settings().api.url is not None:
        yield
        return
    login = new_login()
    settings = {
        PREFECT_SERVER_API_AUTH_STRING: login,
        PREFECT_API_AUTH_STRING: login,
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS: "",
        PREFECT_SERVER_CSRF_PROTECTION_ENABLED: True,
    }
    with temporary_settings(settings):
        yield
