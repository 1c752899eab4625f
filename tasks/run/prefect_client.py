"""Prefect's server asked by a client that does not wait for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@contextmanager
def hasty_client(seconds: float, *, retries: int) -> Iterator["SyncPrefectClient"]:
    """Yield a client that gives an answer so many seconds, and asks so many times again."""
    from prefect.client.orchestration import get_client  # which takes seconds to import
    from prefect.context import SettingsContext, get_settings_context

    now = get_settings_context()
    changed = {
        "api": now.settings.api.model_copy(update={"request_timeout": seconds}),
        "client": now.settings.client.model_copy(update={"max_retries": retries}),
    }  # Prefect's temporary_settings would read all of its settings anew, several times a run
    settings = now.settings.model_copy(update=changed)
    with (
        SettingsContext(profile=now.profile, settings=settings),
        get_client(sync_client=True) as client,
    ):
        yield client
