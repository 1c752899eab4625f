"""The contract of a dataset: how its source looked in the last run that counts."""

import json
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, RowMapping, false, func, select

from data.checks.catalogue import ACCEPTABLE
from data.checks.contract import NEW, Contract
from data.errors import CallError
from data.store.read.datasets import refuse_unknown_dataset
from data.store.records import SourceColumnRecord
from data.store.tables import acceptance, expectation_result, is_good, run, source_column


def contract_of(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> Contract | None:
    """Return what tonight's source is compared with, or None if there was no good run yet.

    It is the source of the last good run, or of a later one that a person accepted. With
    `before_run`, it is the contract that this run was compared with.
    """
    good_runs = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, is_good(run))
    acceptances = select(func.max(acceptance.c.run_id)).where(acceptance.c.dataset == dataset)
    if before_run is not None:
        good_runs = good_runs.where(run.c.run_id < before_run)
        acceptances = acceptances.where(
            acceptance.c.run_id < before_run, _was_accepted_before(before_run)
        )
    good = connection.execute(good_runs).scalar() or 0
    accepted = connection.execute(acceptances).scalar() or 0
    if not good and not accepted:
        return None
    return _contract(connection, max(good, accepted), accepted=accepted >= good)


def acceptance_since(
    connection: Connection, dataset: str, run_id: int, *, before_run: int | None = None
) -> str | None:
    """Return who accepted how the source looked after a run, None if nobody did.

    With `before_run`, only what had been accepted when that run started counts.
    """
    later = select(acceptance.c.accepted_by).where(
        acceptance.c.dataset == dataset, acceptance.c.run_id > run_id
    )
    if before_run is not None:
        later = later.where(_was_accepted_before(before_run))
    newest = later.order_by(acceptance.c.acceptance_id.desc()).limit(1)
    return connection.execute(newest).scalar()


def _was_accepted_before(run_id: int) -> ColumnElement[bool]:
    """Return which acceptances there were when a run started."""
    started = select(run.c.started_at).where(run.c.run_id == run_id).scalar_subquery()
    return acceptance.c.accepted_at <= started


@dataclass(frozen=True)
class Proposal:
    """What a person may accept: how the source looked in the newest run that read and checked it.

    `before` is what that run was compared with. `obstacles` are the critical checks that it failed
    and that no acceptance meets.
    """

    before: Contract
    after: Contract
    rejected: bool
    obstacles: tuple[str, ...]


def proposal(connection: Connection, dataset: str) -> Proposal:
    """Return what can be accepted of a dataset; raise CallError if there is nothing."""
    refuse_unknown_dataset(connection, dataset)
    checked = run.c.status.in_(("succeeded", "rejected"))
    newest = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, checked)
    run_id = connection.execute(newest).scalar()
    before = None if run_id is None else contract_of(connection, dataset, before_run=run_id)
    if run_id is None or before is None:
        raise CallError(
            "its source has not been compared with an earlier one yet, so nothing has changed.",
            where=dataset,
            next_step=f"Run 'nightfit retrain {dataset}'.",
        )
    accepted = select(acceptance.c.accepted_by).where(acceptance.c.run_id == run_id)
    who = connection.execute(accepted).scalar()
    if who is not None:
        raise CallError(
            f"what run {run_id} read is accepted already, by {who}.",
            where=dataset,
            next_step=f"Run 'nightfit retrain {dataset}'.",
        )
    failed = select(expectation_result.c.expectation, expectation_result.c.severity).where(
        expectation_result.c.run_id == run_id, expectation_result.c.success == false()
    )
    checks = connection.execute(failed).all()
    if not any(check.expectation in ACCEPTABLE for check in checks):
        raise CallError(
            f"run {run_id} found no change of its source that could be accepted.",
            where=dataset,
            next_step="'nightfit status' shows how it went.",
        )
    status = connection.execute(select(run.c.status).where(run.c.run_id == run_id)).scalar_one()
    return Proposal(
        before=before,
        after=_contract(connection, run_id, accepted=True),
        rejected=status == "rejected",
        obstacles=tuple(
            check.expectation
            for check in checks
            if check.severity == "critical" and check.expectation not in ACCEPTABLE
        )
        if status == "rejected"
        else (),
    )


def _contract(connection: Connection, run_id: int, *, accepted: bool) -> Contract:
    """Return how the source looked in a run; unless it was accepted, without its new columns."""
    row = connection.execute(select(run).where(run.c.run_id == run_id)).mappings().one()
    columns = {
        column.name: column
        for column in source_columns(connection, run_id)
        if accepted or column.role != NEW
    }
    return Contract(
        run_id=run_id,
        rows=row["rows_read"] or 0,
        labelled=_labelled(row, columns.get(row["target"])),
        columns=columns,
        declaration=json.loads(row["declaration"] or "{}"),
        accepted=accepted,
    )


def _labelled(row: RowMapping, target: SourceColumnRecord | None) -> int:
    """Return how many rows of a run have a target; one that was rejected was not split."""
    if row["rows_labelled"] is not None:
        return int(row["rows_labelled"])
    if target is None or target.missing is None:
        return 0
    return max(int(row["rows_read"] or 0) - target.missing, 0)


def source_columns(connection: Connection, run_id: int) -> list[SourceColumnRecord]:
    """Return what was stored of each column of a run's source, in its order."""
    statement = (
        select(source_column)
        .where(source_column.c.run_id == run_id)
        .order_by(source_column.c.position)
    )
    others = {"run_id", "position"}
    return [
        SourceColumnRecord(**{name: value for name, value in row.items() if name not in others})
        for row in connection.execute(statement).mappings()
    ]
