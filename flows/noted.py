"""Flows that leave a note while they work, so that others know of it if their process is killed."""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from prefect import runtime

from data.declarations.file import declared_datasets
from data.run_notes import RunNote, forget, killed_runs, noted
from data.settings import Settings, settings
from data.store.session import Store
from flows.alarm import FOR_NO_TONIGHT
from flows.page.killed import show_killed
from flows.page.sending import sent_to_page

P = ParamSpec("P")
R = TypeVar("R")

NIGHT = "nightly"

_in_a_flow: ContextVar[bool] = ContextVar("in a flow", default=False)


def leaving_a_note(work: Callable[P, R]) -> Callable[P, R]:
    """Leave a note of a flow's run while its function works.

    The outermost flow first has Prefect's server show as crashed the runs that were killed, and
    forgets those in the end of which no later run of their dataset will tell.
    """
    signature = inspect.signature(work)

    @functools.wraps(work)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        given, config = signature.bind(*args, **kwargs).arguments, settings()
        note = RunNote(
            work.__name__,
            store=Store(config.database_url).display_url,
            dataset=given.get("dataset"),
            flow_run=runtime.flow_run.id,
            for_tonight=not any(given.get(name) for name in ("run_id", *FOR_NO_TONIGHT)),
        )
        with noted(config.home, note):
            if _in_a_flow.get():
                return work(*args, **kwargs)
            killed = killed_runs(config.home)
            if killed:
                sent_to_page(lambda client: show_killed(client, killed.values()))
            token = _in_a_flow.set(True)
            try:
                return work(*args, **kwargs)
            finally:
                _in_a_flow.reset(token)
                forget(path for path, of in killed.items() if _is_settled(of, note, config))

    return function


def leave_killed_to_night() -> None:
    """Have the flows of this process leave killed runs to the night that they are parts of."""
    _in_a_flow.set(True)


def _is_settled(killed: RunNote, now: RunNote, config: Settings) -> bool:
    """Return whether nobody else will tell of a killed run, once another one has ended."""
    if not killed.for_tonight:
        return True
    if now.flow != NIGHT or not now.for_tonight or now.store != killed.store:
        return False
    return killed.flow == NIGHT or killed.dataset not in declared_datasets(config.datasets)
