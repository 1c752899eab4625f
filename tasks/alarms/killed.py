"""Runs that ended without storing anything, as Prefect's server knows: killed, or broken off."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import FlowRun, StateType

from data.store.read.alarms import stored_flow_runs
from data.store.session import Store
from tasks.alarms.causes import Killed

LOOKED_BACK = timedelta(hours=48)
"""Older runs are news no more."""

ENDED_BADLY = [StateType.CRASHED, StateType.FAILED]
UNFINISHED = (*ENDED_BADLY, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)

WRONG_CALL = re.compile(r"exception: (CallError|Busy)\b|[Vv]alidation of flow parameters|Parameter")
"""What Prefect says of a run that somebody started with a mistake, and has seen fail."""


def killed_runs(store: Store, now: datetime) -> tuple[Killed, ...]:
    """Return the runs for tonight of the last days that ended badly, and stored nothing.

    A run that a person cancelled, or started with a wrong call, is not among them.
    """
    with get_client(sync_client=True) as client:
        runs = [(run, _parts(client, run)) for run in _ended_badly(client, now)]
    ids = [str(run.id) for night, parts in runs for run in (night, *parts)]
    stored = store.read(lambda connection: stored_flow_runs(connection, ids))
    return tuple(killed for run, parts in runs for killed in _killed(run, parts, stored))


def _ended_badly(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Return the outermost runs of nightfit's flows that ended badly."""
    since = filters.FlowRunFilterEndTime.model_validate({"after_": now - LOOKED_BACK})
    outermost = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=ENDED_BADLY)),
        end_time=since,
        parent_task_run_id=filters.FlowRunFilterParentTaskRunId(is_null_=True),
    )
    ours = filters.FlowFilter(name=filters.FlowFilterName(any_=["nightly", "retrain"]))
    runs = client.read_flow_runs(flow_filter=ours, flow_run_filter=outermost)
    return [run for run in runs if not {"as_of", "dry_run"} & _given(run.parameters)]


def _given(parameters: dict[str, Any]) -> set[str]:
    return {name for name, value in parameters.items() if value}


def _parts(client: SyncPrefectClient, run: FlowRun) -> tuple[FlowRun, ...]:
    """Return the runs of single datasets within a night."""
    within = filters.FlowRunFilterParentFlowRunId(any_=[run.id])
    parts = filters.FlowRunFilter(parent_flow_run_id=within)
    return tuple(client.read_flow_runs(flow_run_filter=parts))


def _killed(run: FlowRun, parts: tuple[FlowRun, ...], stored: frozenset[str]) -> Iterator[Killed]:
    """Yield what became of a run and stored nothing: of its parts, if it is a night that has any.

    A night that has stored how its parts failed is no news; one that was killed between them is.
    """
    if parts:
        lost = [p for p in parts if p.state_type in UNFINISHED and str(p.id) not in stored]
    else:
        lost = [run] if str(run.id) not in stored and not WRONG_CALL.search(_message(run)) else []
    if not lost and run.state_type is StateType.CRASHED and "dataset" not in run.parameters:
        lost = [run]
    for each in lost:
        said = _message(each) or _message(run)
        how = f"Prefect says: {said}" if said else "Prefect does not say why."
        at = each.end_time or run.end_time or run.start_time
        if at is not None:
            dataset = str(each.parameters.get("dataset", ""))
            yield Killed(dataset, at, str(run.id), how, run.state_type is StateType.FAILED)


def _message(run: FlowRun) -> str:
    return (run.state.message if run.state else None) or ""
