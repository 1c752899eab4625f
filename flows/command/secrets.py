"""Secrets for commands that read or write outside a night: the environment's, or Prefect's."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from data.connections.secrets import block_name, secrets_from
from data.errors import NoServer, SourceError, quoted
from flows.command.prefect_defaults import set_prefect_defaults
from flows.command.prefect_server import refuse_unusable_server
from flows.command.prefect_settings import import_prefect
from flows.command.session import impatient_prefect


@contextmanager
def secrets_as_at_night(home: Path) -> Iterator[None]:
    """Let secrets that the environment does not have come from the user's Prefect server, if any.

    No server is started. Prefect is imported, which takes seconds, only where a secret is missing.
    """
    with secrets_from(partial(_value, home)):
        yield


def _value(home: Path, name: str) -> str | None:
    """Return the value of a Secret block; raise SourceError where no server can be asked."""
    what = f"The secret {quoted(name)} has no value in the environment"
    step = f"Set the environment variable {name}"
    set_prefect_defaults(home)
    try:
        import_prefect()
        from prefect.settings import get_current_settings

        if not get_current_settings().api.url:
            raise SourceError(
                f"{what}, and no server of Prefect is named.",
                next_step=f"{step}, or let PREFECT_API_URL or a Prefect profile name the server"
                f" that has a Secret block {block_name(name)!r}.",
            )
        refuse_unusable_server()
    except NoServer as error:
        place = f"{error.where}: " if error.where else ""
        raise SourceError(
            f"{what}, and Prefect cannot be asked: {place}{error.what}", next_step=f"{step}."
        ) from None
    from tasks.run.secrets import prefect_secret

    with impatient_prefect():
        return prefect_secret(name)
