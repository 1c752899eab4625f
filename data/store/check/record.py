"""When the database was last checked, and what was found: for `status`, and for the next check."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from data.store.check.finding import Finding
from data.store.tables import database_check, run

INTERVAL = timedelta(days=7)
"""How often nights check the database."""


@dataclass(frozen=True)
class LastCheck:
    """The last check of the database."""

    checked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """Return what it found wrong, without what is only left over or has been acknowledged."""
        return tuple(finding for finding in self.findings if finding.is_wrong)


def last_check(connection: Connection) -> LastCheck | None:
    """Return the last check of the database, None if there was none."""
    newest = select(database_check).order_by(database_check.c.check_id.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    if row is None:
        return None
    return LastCheck(row["checked_at"], tuple(Finding(**facts) for facts in row["findings"]))


def is_due(connection: Connection) -> bool:
    """Return whether a week has passed since the last check, or else since the first run."""
    last = connection.execute(select(func.max(database_check.c.checked_at))).scalar()
    since = last or connection.execute(select(func.min(run.c.started_at))).scalar()
    return since is not None and datetime.now(UTC) - since >= INTERVAL


def with_acknowledgements(
    connection: Connection, findings: Iterable[Finding], *, acknowledge: bool
) -> tuple[Finding, ...]:
    """Return the findings of a check, marked where a person has acknowledged the same before.

    With `acknowledge`, all that is wrong is marked.
    """
    last = last_check(connection)
    before = last.findings if last is not None else ()
    known = {(f.area, f.what, f.dataset) for f in before if f.acknowledged}
    return tuple(
        replace(finding, acknowledged=True)
        if not finding.left_over
        and (acknowledge or (finding.area, finding.what, finding.dataset) in known)
        else finding
        for finding in findings
    )


def write_check(connection: Connection, findings: Sequence[Finding]) -> None:
    """Store what a check has just found."""
    values = {
        "checked_at": datetime.now(UTC),
        "findings": [asdict(finding) for finding in findings],
    }
    connection.execute(insert(database_check).values(**values))
