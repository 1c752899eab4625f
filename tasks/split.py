"""Prepare the rows of a run and split them into training, test and new rows."""

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot
from data.split import ROLES
from tasks.run import progress
from tasks.run.memory import give_back
from tasks.run.prepared import Prepared
from tasks.run.row_work import RowWork
from tasks.run.splitting import prepared
from tasks.run.step import step


@step()
def split(
    declaration: Declaration, snapshot: Snapshot, checked: Checked, work: RowWork | None = None
) -> Prepared:
    """Return the rows that passed their checks, in the order of their keys, each with its role.

    With `work`, a cluster sorts and splits them, and arranges the columns that fits need.
    """
    report = progress.Progress(declaration.name, "splitting")
    rows = prepared(declaration, snapshot, checked, report, work)
    give_back()
    parts = (rows.train, rows.test, rows.new)
    text = ", ".join(f"{len(p.keys):,} {role}" for role, p in zip(ROLES, parts, strict=True))
    progress.log(declaration.name, f"split into {text} rows")
    return rows
