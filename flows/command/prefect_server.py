"""What `nightfit serve` asks Prefect's server, and what it reports to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from data.errors import NoServer, library_message, shortened
from data.settings import ROOT
from tasks.run.prefect_client import hasty_client

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import StateType

POOL = "nightfit"
"""The work pool that prefect.yaml names."""

RECENT = 50
"""So many of the runs that ended last are looked at for parts that have not."""

MAX_QUOTED = 200
"""Characters of what a library says about a server."""

ANSWER_SECONDS = 15.0
"""How long a server may take to answer before it is asked again, or counts as lost."""

TEMPORARY: list[str] = []
"""The URL of the server that this process has started for its flows, if it has."""

POOL_TEMPLATE = ROOT / "deploy" / "work-pool.json"
"""The pool's template for a run's process, in which a run can change nothing.

Prefect's own lets every run bring its command, environment and folder. There must be no "env" here:
into an empty one, Prefect's worker merges that of the run, although no variable allows for it.
The command is the one that Prefect would choose. Where it chooses itself, it writes the worker's
environment to a file, and starts a process of 15 seconds to look for what a cancelled run calls.
"""


def jobs() -> dict[str, Any]:
    """Return our pool's template for a run's process."""
    return json.loads(POOL_TEMPLATE.read_text())  # type: ignore[no-any-return]


def server_client() -> "SyncPrefectClient":
    """Return a client of the server that Prefect's settings name."""
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)


def api_url() -> str:
    """Return the URL of the server's API, without a user or password."""
    from httpx import URL
    from prefect.settings import get_current_settings

    return str(URL(get_current_settings().api.url or "").copy_with(userinfo=b""))


def page_url() -> str:
    """Return the address of the server's web page."""
    from prefect.settings import PREFECT_UI_URL

    return PREFECT_UI_URL.value() or api_url().removesuffix("/api")


def is_healthy() -> bool:
    """Return whether the server answers, soon, and is healthy."""
    with hasty_client(ANSWER_SECONDS, retries=0) as client:
        return client.api_healthcheck() is None


def refuse_unusable_server() -> None:
    """Raise NoServer if the user's Prefect names a server that does not answer or does not fit.

    Without such a server, Prefect starts one of its own for each flow.
    """
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is None:
        return
    try:
        with hasty_client(ANSWER_SECONDS, retries=1) as client:
            client.raise_for_api_version_mismatch()
    except Exception as error:  # noqa: BLE001 - whatever it is, this server cannot be used
        raise unusable_server(error) from None


def unusable_server(error: BaseException) -> NoServer:
    """Return the error for a server that cannot be used."""
    from httpx import HTTPStatusError, InvalidURL, TimeoutException
    from prefect.settings import get_current_settings

    cause = error.__cause__ or error
    why = str(cause) or type(cause).__name__
    if isinstance(cause, HTTPStatusError):
        why = f"it answers with the status {cause.response.status_code}"
        if cause.response.status_code == HTTPStatus.UNAUTHORIZED:
            why += ", because PREFECT_API_AUTH_STRING is not its login"
    elif isinstance(cause, TimeoutException):
        why = "it does not answer in time"
    elif isinstance(cause, JSONDecodeError):
        why = "what answers there is no Prefect server"
    if get_current_settings().api.url in (None, *TEMPORARY):
        next_step = "Make room there and in memory, or name another folder in NIGHTFIT_HOME."
        if isinstance(cause, TimeoutException | TimeoutError):
            next_step = (
                "The machine may be busy: try again, or allow it more seconds in"
                " PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS."
            )
        return NoServer(
            f"Prefect's own server did not start: {shortened(library_message(why), MAX_QUOTED)}",
            where=str(get_current_settings().home),
            next_step=next_step,
        )
    try:
        where = api_url()
    except InvalidURL:
        where = "PREFECT_API_URL"
    return NoServer(
        f"Prefect's server cannot be used: {shortened(library_message(why), MAX_QUOTED)}",
        where=where,
        next_step="Start it, or correct PREFECT_API_URL or your Prefect profile, which name it; or"
        " unset them, or set NIGHTFIT_PREFECT=auto: nightfit then starts a server of its own.",
    )


@contextmanager
def server_errors() -> Iterator[None]:
    """Turn what Prefect's client raises for a server that cannot be used into NoServer."""
    from httpx import HTTPStatusError, TransportError

    try:
        yield
    except (TransportError, HTTPStatusError) as error:
        raise unusable_server(error) from None


def set_up_pool() -> bool:
    """Make our work pool, whose runs bring no command and no variables.

    Return whether there was a pool that let them.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    template = jobs()
    with server_client() as client:
        try:
            pool = client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(
                WorkPoolCreate(name=POOL, type="process", base_job_template=template)
            )
            return False
        if pool.base_job_template == template:
            return False
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))
        return True


def has_worker() -> bool:
    """Return whether a worker is polling our work pool."""
    from prefect.client.schemas.objects import WorkPoolStatus

    with server_client() as client:
        return client.read_work_pool(POOL).status is WorkPoolStatus.READY


def mark_lost_runs(why: str) -> list[str]:
    """Mark as crashed the runs of our work pool that the server still believes to be running.

    So are the tasks of runs that have ended, where the server was not told of their end. `why` is
    what their page says. Returns their names. Call it only while no worker runs. Prefect
    3.8 does not notice by itself: a night that was killed with its worker would stay "running" for
    ever, and since only one may run at a time, every later night would be cancelled.
    """
    from prefect.client.schemas import filters, sorting
    from prefect.client.schemas.objects import TERMINAL_STATES

    from flows.page.killed import AT_WORK, crash, crash_tasks, parts_at_work

    our_pool = filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[POOL]))
    newest, have_ended = sorting.FlowRunSort.END_TIME_DESC, _in_state(*TERMINAL_STATES)
    with server_client() as client:
        lost = client.read_flow_runs(flow_run_filter=_in_state(*AT_WORK), work_pool_filter=our_pool)
        # The worker may have reported the end of a night, but not that of its parts.
        ended = client.read_flow_runs(
            flow_run_filter=have_ended, work_pool_filter=our_pool, sort=newest, limit=RECENT
        )
        crash(client, [*lost, *parts_at_work(client, ended)], why)
        crash_tasks(client, have_ended, why)
    return [run.name for run in lost]


def _in_state(*types: "StateType") -> "FlowRunFilter":
    from prefect.client.schemas import filters

    chosen = filters.FlowRunFilterStateType(any_=[*types])
    return filters.FlowRunFilter(state=filters.FlowRunFilterState(type=chosen))
