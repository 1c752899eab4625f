"""What Prefect's page shows beside a run's states: sent if its server answers, or left out."""

from collections.abc import Callable
from typing import TypeVar

from prefect.client.orchestration import SyncPrefectClient
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings

from flows.command.prefect_server import TEMPORARY
from flows.lost_server import server_was_lost
from tasks.run.prefect_client import hasty_client
from tasks.run.progress import LOG

T = TypeVar("T")

ANSWER_SECONDS = 5.0
"""How long the server may take for one request."""

_failures: list[str] = []


def has_page() -> bool:
    """Return whether this is a run that somebody can look at on Prefect's page.

    The server that a command starts for itself has no page.
    """
    api = get_current_settings().api.url
    return FlowRunContext.get() is not None and api is not None and api not in TEMPORARY


def sent_to_page(request: Callable[[SyncPrefectClient], T]) -> T | None:
    """Return what Prefect's server answers to a request that no run depends on.

    After the first one that fails, which is a warning, this process sends no more.
    """
    if _failures or server_was_lost() or not has_page():
        return None
    try:
        with hasty_client(ANSWER_SECONDS, retries=1) as client:
            return request(client)
    except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on
        why = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        if not _failures:
            LOG.warning("Prefect's page does not show all of this run: %s", why)
        _failures.append(why)
        return None
