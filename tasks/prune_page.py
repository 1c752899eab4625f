"""Remove old runs of nightfit from Prefect's server: their logs, tasks and artifacts with them."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tasks.run import progress
from tasks.run.prefect_client import hasty_client

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.filters import FlowRunFilter

DAYS_ON_PAGE = 90
"""Prefect's page shows a run for so long after its end."""

TAG = "nightfit"
"""What the deployments of prefect.yaml give their runs: nobody else's are removed."""

MAX_A_NIGHT = 500
"""A night removes no more, so that it ends soon also where a server has years of runs."""

ANSWER_SECONDS = 15.0

BATCH = 100


def prune_page() -> None:
    """Remove runs from the server of the current flow; one that cannot is a warning."""
    try:
        removed = remove_old_runs(most=MAX_A_NIGHT)
    except Exception as error:  # noqa: BLE001 - whatever the server says, the night is stored
        reason = str(error).partition("\n")[0] or type(error).__name__
        progress.LOG.warning("old runs are still on Prefect's page: %s", reason)
        return
    if removed:
        progress.LOG.info("%s", in_words(removed))


def in_words(count: int, *, dry_run: bool = False) -> str:
    """Return how many runs were removed, or would be."""
    runs = f"{count:,} run{'s' * (count != 1)}"
    return f"Prefect's page: {runs} {'would be ' if dry_run else ''}removed"


def remove_old_runs(*, most: int | None = None, dry_run: bool = False) -> int:
    """Remove runs that ended more than `DAYS_ON_PAGE` days ago, the oldest first; return how many.

    No more than `most` are removed. A dry run only counts them.
    """
    with hasty_client(ANSWER_SECONDS, retries=3) as client:
        old = _older_than(datetime.now(UTC) - timedelta(days=DAYS_ON_PAGE))
        if dry_run:
            return client.count_flow_runs(flow_run_filter=old)
        removed = 0
        while ids := _oldest(client, old, most=BATCH):
            ids = ids if most is None else ids[: most - removed]
            if not ids:
                break
            _remove(client, ids)
            removed += len(ids)
        return removed


def _older_than(time: datetime) -> "FlowRunFilter":
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import TERMINAL_STATES

    return filters.FlowRunFilter(
        tags=filters.FlowRunFilterTags(all_=[TAG]),
        state=filters.FlowRunFilterState(
            type=filters.FlowRunFilterStateType(any_=sorted(TERMINAL_STATES))
        ),
        end_time=filters.FlowRunFilterEndTime.model_validate({"before_": time}),
    )


def _oldest(client: "SyncPrefectClient", old: "FlowRunFilter", *, most: int) -> "list[UUID]":
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(flow_run_filter=old, sort=FlowRunSort.START_TIME_ASC, limit=most)
    return [run.id for run in runs]


def _remove(client: "SyncPrefectClient", ids: "list[UUID]") -> None:
    """Remove runs and, since the server keeps those, their artifacts."""
    from prefect.client.schemas import filters

    ours = filters.FlowRunFilter(id=filters.FlowRunFilterId(any_=ids))
    while artifacts := client.read_artifacts(flow_run_filter=ours, limit=BATCH):
        for artifact in artifacts:
            client.delete_artifact(artifact.id)
    for run_id in ids:
        client.delete_flow_run(run_id)
