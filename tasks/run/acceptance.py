"""A person accepts how a source looks now, and the next nights are compared with that."""

from collections.abc import Iterator

from data.checks.contract import NEW, Contract
from data.checks.profile import LEFT_OUT, is_feature
from data.sources.columns import PLURAL
from data.store.read.contract import Proposal, proposal
from data.store.records import SourceColumnRecord
from data.store.session import Store
from data.store.write.acceptance import write_acceptance
from tasks.run.decisions import user_name


def accept(store: Store, dataset: str, *, reason: str | None) -> list[str]:
    """Accept the columns, rows and labels of the newest run; return what was done, in lines.

    Raises CallError for an unknown dataset, and where there is nothing to accept.
    """
    with store.reading() as connection:
        proposed = proposal(connection, dataset)
    with store.writing() as connection:
        write_acceptance(
            connection, dataset, proposed.after.run_id, accepted_by=user_name(), reason=reason
        )
    return lines_of(dataset, proposed)


def lines_of(dataset: str, proposed: Proposal) -> list[str]:
    """Return what is accepted, column by column, and what happens next."""
    after = proposed.after
    lines = [f"{dataset}: accepted what run {after.run_id} read, as compared with before:"]
    lines += [f"  {name}: {change}" for name, change in differences(proposed.before, after)]
    if proposed.obstacles:
        others = ", ".join(proposed.obstacles)
        lines.append(f"That run also failed {others}, which has to be corrected in the source.")
    lines.append(
        "From the next run on, the source is compared with this. If it has not changed further, it"
        f" is trained on: run 'nightfit retrain {dataset}', or wait for the night."
    )
    return lines


def differences(before: Contract, after: Contract) -> Iterator[tuple[str, str]]:
    """Yield the name of each column that differs, or `rows` and the target, with how it does."""
    if before.rows != after.rows:
        yield "rows", f"{after.rows:,}, before {before.rows:,}"
    if before.labelled != after.labelled:
        yield "rows with a target", f"{after.labelled:,}, before {before.labelled:,}"
    for name, now in after.columns.items():
        changes = _changes(before.columns.get(name), now, before, after)
        if changes:
            yield name, "; ".join(changes)
    for name in before.columns:
        if name not in after.columns:
            yield name, "gone; the models do without it"


def _changes(
    then: SourceColumnRecord | None, now: SourceColumnRecord, before: Contract, after: Contract
) -> list[str]:
    if then is None:
        known = f"new, with {_kind(now)}"
        return [f"{known}; used from now on" if now.role in (NEW, "feature") else known]
    changes = []
    if now.kind != then.kind and now.kind is not None:
        changes.append(f"{_kind(now)}, before {_kind(then)}")
    left_out = LEFT_OUT in (now.enters or "")
    if is_feature(now) and left_out and LEFT_OUT not in (then.enters or ""):
        changes.append(now.enters or "")
    if now.missing != then.missing and now.missing is not None and then.missing is not None:
        changes.append(
            f"missing in {now.missing:,} of {after.rows:,} rows, before in {then.missing:,} of"
            f" {before.rows:,}"
        )
    sizes = now.typical_size, then.typical_size
    if sizes[0] and sizes[1] and not 0.5 <= sizes[0] / sizes[1] <= 2 and now.kind == then.kind:
        changes.append(f"typically {sizes[0]:.6g}, before {sizes[1]:.6g}")
    return changes


def _kind(column: SourceColumnRecord) -> str:
    kind = PLURAL[column.kind] if column.kind else "nothing"  # type: ignore[index]
    return kind if column.example is None else f"{kind} such as {column.example}"
