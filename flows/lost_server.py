"""Carrying on when Prefect's server is lost: the work does not depend on the page that shows it."""

import functools
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

import httpx
from prefect import Flow
from prefect._internal.concurrency.cancellation import shield
from prefect.client.orchestration import SyncPrefectClient
from prefect.context import FlowRunContext
from prefect.exceptions import Abort

from data.called_from import called_from_page
from tasks.run.progress import LOG

P = ParamSpec("P")
R = TypeVar("R")

ANSWER_SECONDS = 5.0
"""How long the server may take to answer a ping; a busy one takes less than a second."""

PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each ping until the server counts as lost: a restart takes as long."""


@dataclass
class _Outcome(Generic[R]):
    """What has become of a flow's own function, apart from what Prefect knows of it."""

    began: bool = False
    ended: bool = False
    value: R | None = None
    error: BaseException | None = None

    def result(self) -> R:
        """Return what the function returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


class NotBegun(Exception):
    """Prefect could not even begin the outermost flow; the cause says why."""


class _ServerLost(Abort):
    """Ends a flow whose function has ended, without asking a server that does not answer."""


_of_this_flow: ContextVar[_Outcome[Any] | None] = ContextVar("outcome", default=None)

_losses: list[str] = []
"""Why the server was lost, each time that it was."""


def server_was_lost() -> bool:
    """Return whether Prefect's server was lost since this process began."""
    return bool(_losses)


def outlasting(work: Callable[P, R]) -> Callable[P, R]:
    """Let the function of a flow end with its result, whether or not Prefect's server is there."""

    @functools.wraps(work)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        outcome = _of_this_flow.get()
        if outcome is None:  # Prefect's own worker has started it, and sees to its end
            # Its end by force would come amid the work if the worker could not renew a lease.
            with shield(), called_from_page():
                return work(*args, **kwargs)
        outcome.began = True
        try:
            outcome.value = work(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - it is raised by `result`
            outcome.error = error
        outcome.ended = True
        interrupted = not isinstance(outcome.error, Exception | None)
        if not _answers(at_once=interrupted):
            raise _ServerLost
        result: R = outcome.result()
        return result

    function.without_server = work  # type: ignore[attr-defined]
    return function


def finished(flow: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a flow returns, or raise what its function raises.

    If the server is lost before a flow that is part of another one, its function is called within
    that one; if it is lost later, the function ends all the same. Raises NotBegun if Prefect cannot
    begin the outermost flow.
    """
    outcome: _Outcome[R] = _Outcome()
    inside = FlowRunContext.get() is not None
    if inside and not _answers():
        return _without_server(flow, *args, **kwargs)
    token = _of_this_flow.set(outcome)
    try:
        return flow(*args, **kwargs)
    except (Exception, _ServerLost) as error:
        if error is outcome.error:
            raise
        if outcome.ended:
            _note_loss(error)
            return outcome.result()
        if outcome.began:
            raise
        if not inside:
            raise NotBegun from error
        _note_loss(error)
    finally:
        _of_this_flow.reset(token)
    return _without_server(flow, *args, **kwargs)


def _without_server(flow: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    function: Callable[P, R] = flow.fn.without_server  # type: ignore[attr-defined]
    return function(*args, **kwargs)


def _answers(*, at_once: bool = False) -> bool:
    """Return whether the server of the current flow answers; report the first time it does not.

    It is asked once if it was lost before, or if somebody waits for the end (`at_once`).
    """
    context = FlowRunContext.get()
    client = None if context is None else context.client
    if not isinstance(client, SyncPrefectClient):
        return True
    error: Exception | None = None
    for pause in PAUSES[:1] if _losses or at_once else PAUSES:
        time.sleep(pause)
        error = _ping(client)
        if error is None:
            return True
    assert error is not None
    _note_loss(error)
    return False


def _ping(client: SyncPrefectClient) -> Exception | None:
    """Return why the server does not answer, None if it does. Prefect's own way would try again."""
    own = client._client
    try:
        request = own.build_request("GET", "/health", timeout=ANSWER_SECONDS)
        response = httpx.Client.send(own, request)
        if response.is_server_error:
            response.raise_for_status()
    except httpx.HTTPError as error:
        return error
    return None


def _note_loss(error: BaseException) -> None:
    if isinstance(error, _ServerLost):
        return
    why = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    if not _losses:
        LOG.warning(
            "Prefect's server does not answer any more (%s): the work goes on without it, but the"
            " page will not show how this run ended",
            why,
        )
    _losses.append(why)
