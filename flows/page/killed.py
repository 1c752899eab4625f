"""Runs whose process was killed, which Prefect's server goes on showing as running."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import filters
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from data.run_notes import RunNote

AT_WORK = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
"""Types of Prefect's states, in which a run has begun and not ended."""


def show_killed(client: SyncPrefectClient, notes: Iterable[RunNote]) -> None:
    """Mark as crashed the killed runs that a server believes to be at work, with their tasks.

    Those that it does not know are another server's.
    """
    for note in notes:
        if note.flow_run is None:
            continue
        try:
            run = client.read_flow_run(UUID(note.flow_run))
        except ObjectNotFound:
            continue
        why = f"It was killed ({note.where})."
        if runs := crash(client, [run] if run.state_type in AT_WORK else [], why):
            ids = filters.FlowRunFilterId(any_=[each.id for each in runs])
            crash_tasks(client, filters.FlowRunFilter(id=ids), why)


def crash(client: SyncPrefectClient, runs: Sequence[FlowRun], why: str) -> list[FlowRun]:
    """Mark runs and their parts at work as crashed, and return all; `why` is on their page."""
    marked = [*runs, *parts_at_work(client, runs)]
    for run in marked:
        client.set_flow_run_state(run.id, Crashed(message=why), force=True)
    return marked


def parts_at_work(client: SyncPrefectClient, runs: Sequence[FlowRun]) -> list[FlowRun]:
    """Return the runs that are parts of others and at work, as a server knows."""
    if not runs:
        return []
    within = filters.FlowRunFilterParentFlowRunId(any_=[run.id for run in runs])
    state = filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=AT_WORK))
    parts = filters.FlowRunFilter(parent_flow_run_id=within, state=state)
    return list(client.read_flow_runs(flow_run_filter=parts))


def crash_tasks(client: SyncPrefectClient, of: filters.FlowRunFilter, why: str) -> None:
    """Mark the tasks at work of some runs as crashed."""
    at_work = filters.TaskRunFilterStateType(any_=AT_WORK)
    tasks = client.read_task_runs(
        flow_run_filter=of,
        task_run_filter=filters.TaskRunFilter(state=filters.TaskRunFilterState(type=at_work)),
    )
    for task in tasks:
        client.set_task_run_state(task.id, Crashed(message=why), force=True)
