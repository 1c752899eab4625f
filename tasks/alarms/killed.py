"""Runs that ended without storing anything, as Prefect's server knows: killed, or broken off."""

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
UNFINISHED = (StateType.CRASHED, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


def killed_runs(store: Store, now: datetime) -> tuple[Killed, ...]:
    """Return the runs for tonight of the last days that ended badly, and stored nothing.

    A run that a person cancelled, or started with a wrong call, is not among them.
    """
    with get_client(sync_client=True) as client:
        runs = [(run, _parts(client, run)) for run in _ended_badly(client, now)]
    ids = [str(run.id) for night, parts in runs for run in (night, *parts)]
    known = store.read(lambda connection: stored_flow_runs(connection, ids)) if ids else ()
    stored = frozenset(known)
    found = (_killed(run, parts, stored) for run, parts in runs)
    return tuple(killed for killed in found if killed is not None)


def _ended_badly(client: SyncPrefectClient, now: datetime) -> list[FlowRun]:
    """Return the outermost runs of nightfit's flows that ended badly."""
    outermost = filters.FlowRunFilter(
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=ENDED_BADLY)),
        end_time=filters.FlowRunFilterEndTime.model_validate({"after_": now - LOOKED_BACK}),
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


def _killed(run: FlowRun, parts: tuple[FlowRun, ...], stored: frozenset[str]) -> Killed | None:
    """Return what became of a run, None if it, or what failed within it, is stored."""
    if str(run.id) in stored:
        return None
    dataset = str(run.parameters.get("dataset", ""))
    if run.state_type is StateType.FAILED and (parts or (dataset and not run.auto_scheduled)):
        return None
    unfinished = [p for p in parts if p.state_type in UNFINISHED and str(p.id) not in stored]
    if not dataset and unfinished:
        dataset = str(unfinished[-1].parameters.get("dataset", ""))
    said = run.state.message if run.state else None
    how = f"Prefect says: {said}" if said else "Prefect does not say why."
    at = run.end_time or run.start_time
    return None if at is None else Killed(dataset, at, str(run.id), how)
