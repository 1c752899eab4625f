"""What `nightfit serve` asks Prefect's server, and what it reports to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError
from typing import TYPE_CHECKING

from data.errors import NoServer, library_message, shortened

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POOL = "nightfit"
"""The work pool that prefect.yaml names."""

MAX_QUOTED = 200
"""Characters of what a library says about a server."""

ANSWER_SECONDS = 15.0
"""How long a server may take to answer; it is asked twice."""


def page_url(api: str) -> str:
    """Return the address of the server's web page."""
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}):
        return PREFECT_UI_URL.value() or api.removesuffix("/api")


def is_healthy(api: str) -> bool:
    """Return whether the server answers and is healthy."""
    with _client(api) as client:
        return client.api_healthcheck() is None


def refuse_unusable_server() -> None:
    """Raise NoServer if the user's Prefect names a server that does not answer or does not fit.

    Without such a server, Prefect starts one of its own for each flow.
    """
    from prefect.settings import (
        PREFECT_API_REQUEST_TIMEOUT,
        PREFECT_CLIENT_MAX_RETRIES,
        get_current_settings,
        temporary_settings,
    )

    api = get_current_settings().api.url
    if api is None:
        return
    soon = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 1}
    try:
        with temporary_settings(soon), _client(api) as client:
            client.raise_for_api_version_mismatch()
    except Exception as error:  # noqa: BLE001 - whatever it is, this server cannot be used
        raise unusable_server(error) from None


def unusable_server(error: BaseException) -> NoServer:
    """Return the error for a server that cannot be used."""
    from httpx import URL, HTTPStatusError, InvalidURL, TimeoutException
    from prefect.settings import get_current_settings

    cause = error.__cause__ or error
    why = str(cause) or type(cause).__name__
    if isinstance(cause, HTTPStatusError):
        why = f"it answers with the status {cause.response.status_code}"
    elif isinstance(cause, TimeoutException):
        why = "it does not answer in time"
    elif isinstance(cause, JSONDecodeError):
        why = "what answers there is no Prefect server"
    api = get_current_settings().api.url
    if api is None:
        return NoServer(
            f"Prefect's own server did not start: {shortened(library_message(why), MAX_QUOTED)}",
            where=str(get_current_settings().home),
            next_step="Make room there and in memory, or name another folder in NIGHTFIT_HOME.",
        )
    try:
        where = str(URL(api).copy_with(userinfo=b""))
    except InvalidURL:
        where = "PREFECT_API_URL"
    return NoServer(
        f"Prefect's server cannot be used: {shortened(library_message(why), MAX_QUOTED)}",
        where=where,
        next_step="Start it, or correct PREFECT_API_URL or your Prefect profile, which name it; or"
        " unset them, or set NIGHTFIT_PREFECT=auto: nightfit then starts a server of its own.",
    )


def has_worker(api: str) -> bool:
    """Return whether a worker is polling our work pool."""
    from prefect.client.schemas.objects import WorkPoolStatus
    from prefect.exceptions import ObjectNotFound

    with _client(api) as client:
        try:
            return client.read_work_pool(POOL).status is WorkPoolStatus.READY
        except ObjectNotFound:  # the worker makes the pool
            return False


def mark_lost_runs(api: str) -> None:
    """Mark as crashed the runs of our work pool that the server still believes to be running.

    Call it only while no worker runs. Prefect 3.8 does not notice by itself: a night that was
    killed with its worker would stay "running" for ever, and since only one may run at a time,
    every later night would be cancelled.
    """
    from prefect.client.schemas import filters
    from prefect.states import Crashed

    our_pool = filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[POOL]))
    state = filters.FlowRunFilterState(
        type=filters.FlowRunFilterStateType.model_validate(
            {"any_": ["RUNNING", "PENDING", "CANCELLING"]}
        )
    )
    with _client(api) as client:
        lost = [
            run.id
            for run in client.read_flow_runs(
                flow_run_filter=filters.FlowRunFilter(state=state), work_pool_filter=our_pool
            )
        ]
        if lost:
            parent = filters.FlowRunFilterParentFlowRunId(any_=list(lost))
            subflows = filters.FlowRunFilter(state=state, parent_flow_run_id=parent)
            lost += [run.id for run in client.read_flow_runs(flow_run_filter=subflows)]
        for run_id in lost:
            message = "It ended together with the `nightfit serve` that ran it."
            client.set_flow_run_state(run_id, Crashed(message=message), force=True)


@contextmanager
def _client(api: str) -> "Iterator[SyncPrefectClient]":
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        yield client
