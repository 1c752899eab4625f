"""What `nightfit serve` asks Prefect's server, and tells it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POOL = "nightfit"
"""The work pool that prefect.yaml names."""


def page(api: str) -> str:
    """Return the address of the server's page."""
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}):
        return PREFECT_UI_URL.value() or api.removesuffix("/api")


def answers(api: str) -> bool:
    """Return whether the server is there and well."""
    with _client(api) as client:
        return client.api_healthcheck() is None


def has_worker(api: str) -> bool:
    """Return whether a worker asks for the runs of our pool."""
    from prefect.client.schemas.objects import WorkPoolStatus
    from prefect.exceptions import ObjectNotFound

    with _client(api) as client:
        try:
            return client.read_work_pool(POOL).status is WorkPoolStatus.READY
        except ObjectNotFound:  # the worker makes it
            return False


def tell_lost(api: str) -> None:
    """Tell the server that what it takes for running, of our pool, is running no more.

    Prefect 3.8 does not find out: a night that was killed with its worker would run forever on the
    page, and as only one may run at a time, every later one would be cancelled.
    """
    from prefect.client.schemas import filters
    from prefect.states import Crashed

    of_pool = filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[POOL]))
    state = filters.FlowRunFilterState(
        type=filters.FlowRunFilterStateType.model_validate(
            {"any_": ["RUNNING", "PENDING", "CANCELLING"]}
        )
    )
    with _client(api) as client:
        lost = [
            run.id
            for run in client.read_flow_runs(
                flow_run_filter=filters.FlowRunFilter(state=state), work_pool_filter=of_pool
            )
        ]
        if lost:
            parent = filters.FlowRunFilterParentFlowRunId(any_=list(lost))
            within = filters.FlowRunFilter(state=state, parent_flow_run_id=parent)
            lost += [run.id for run in client.read_flow_runs(flow_run_filter=within)]
        for run in lost:
            client.set_flow_run_state(
                run, Crashed(message="It ended with the `nightfit serve` that ran it."), force=True
            )


@contextmanager
def _client(api: str) -> "Iterator[SyncPrefectClient]":
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        yield client
