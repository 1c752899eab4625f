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
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_CLIENT_MAX_RETRIES,
        temporary_settings,
    )

    patience = {PREFECT_API_REQUEST_TIMEOUT: seconds, PREFECT_CLIENT_MAX_RETRIES: retries}
    with temporary_settings(patience), get_client(sync_client=True) as client:
        yield client
