"""The events of runs, for Prefect's automations: each is about a dataset, and names the run."""

from typing import Any

from prefect import runtime
from prefect.events import emit_event

from data.errors import Busy, RunFailed, UserError
from data.settings import Settings
from data.store.read.alarms import BAD
from data.store.read.last_status import status_before
from data.store.session import Store
from flows.lost_server import server_was_lost
from flows.page.sending import has_page
from flows.page.states import run_message
from tasks.run.summary import Summary

PROMOTED, KEPT = "nightfit.champion.promoted", "nightfit.champion.kept"
REJECTED, FAILED = "nightfit.data.rejected", "nightfit.run.failed"
RECOVERED = "nightfit.run.recovered"


def emit_ending(dataset: str, ended: Summary | UserError, config: Settings) -> None:
    """Say what became of a run; a dry run says nothing, nor does one that another kept away."""
    if isinstance(ended, UserError):
        if isinstance(ended, Busy):
            return
        status = ended.status if isinstance(ended, RunFailed) else "failed"
        why = ended.what if isinstance(ended, RunFailed) else str(ended)
        emit(REJECTED if status == "rejected" else FAILED, dataset, reason=why)
        return
    if ended.run_id is None:
        return
    facts = {"run_id": ended.run_id, "as_of": ended.as_of, "message": run_message(ended)}
    if ended.as_of is None and _was_bad(dataset, ended.run_id, config):
        emit(RECOVERED, dataset, **facts)
    if ended.status == "succeeded":
        event = PROMOTED if ended.change in ("promoted", "first champion") else KEPT
        emit(event, dataset, champion=ended.champion, rmse=ended.rmse, **facts)


def emit(event: str, dataset: str, **facts: Any) -> None:
    """Send an event about a dataset, and a run of it; Prefect does so in a thread of its own."""
    if server_was_lost() or not has_page():
        return
    run = {
        "prefect.resource.id": f"prefect.flow-run.{runtime.flow_run.id}",
        "prefect.resource.role": "flow-run",
        "prefect.resource.name": runtime.flow_run.name,
    }
    emit_event(
        event=event,
        resource={
            "prefect.resource.id": f"nightfit.dataset.{dataset}",
            "prefect.resource.name": dataset,
        },
        related=[run],
        payload=facts,
    )


def _was_bad(dataset: str, run_id: int, config: Settings) -> bool:
    store = Store(config.database_url)
    try:
        return store.read(lambda connection: status_before(connection, dataset, run_id)) in BAD
    except UserError:
        return False
