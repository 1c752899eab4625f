"""Check the whole database, and the snapshots that belong to it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from data.errors import DamagedStore, StoreError
from data.store.check.contents import (
    champion_findings,
    checksum_findings,
    results_findings,
    snapshot_findings,
    table_findings,
)
from data.store.check.finding import RESTORE, Finding
from data.store.check.record import is_due, with_acknowledgements, write_check
from data.store.check.structure import integrity_findings, reference_findings, value_findings
from data.store.column_types import UnreadableValue
from data.store.read.integrity import FACTS, damaged_bytes
from data.store.session import Store
from data.store.tables import model, run
from regressors.candidate import Candidate
from regressors.model import Model
from tasks.run import progress

Check = Callable[[Connection], Iterator[Finding]]


def check_database(
    store: Store, *, home: Path, keep_runs: int, acknowledge: bool = False
) -> tuple[Finding, ...]:
    """Return all that is wrong, and store it for `status`.

    With `acknowledge`, a person goes on with what is wrong: from now on, only what is found beside
    it counts. A part of the database that cannot be read ends only the check of that part. Raises
    StoreError where there is no database, or it is at another version.
    """
    findings: list[Finding] = []
    checks: tuple[Check, ...] = (
        integrity_findings,
        reference_findings,
        value_findings,
        checksum_findings,
        model_findings,
        champion_findings,
        results_findings,
        partial(snapshot_findings, home=home, keep_runs=keep_runs),
        table_findings,
    )
    for check in checks:
        try:
            with store.reading() as connection:
                for finding in check(connection):
                    findings.append(finding)
        except DamagedStore as error:
            findings.append(Finding("integrity", error.what, RESTORE))
    unique = tuple(dict.fromkeys(findings))
    try:
        with store.writing() as connection:
            unique = with_acknowledgements(connection, unique, acknowledge=acknowledge)
            write_check(connection, unique)
    except (StoreError, DBAPIError, UnreadableValue):
        progress.LOG.warning("what the check has found could not be stored for 'nightfit status'")
    return unique


def check_if_due(store: Store, *, home: Path, keep_runs: int) -> None:
    """Check the database once a week, and report what is wrong."""
    try:
        with store.reading() as connection:
            due = is_due(connection)
        findings = check_database(store, home=home, keep_runs=keep_runs) if due else ()
    except StoreError as error:
        progress.LOG.warning("the database was not checked: %s", error)
        return
    for finding in findings:
        if finding.is_wrong:
            progress.LOG.warning("the database is damaged: %s", finding)


def model_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the stored models that cannot be loaded, although they are what was stored."""
    columns = (model.c[name] for name in FACTS)
    stored = select(run.c.dataset, *columns).join(run, run.c.run_id == model.c.run_id)
    ids = connection.execute(select(model.c.model_id).order_by(model.c.model_id)).scalars().all()
    for model_id in ids:
        row = connection.execute(stored.where(model.c.model_id == model_id)).one()
        if damaged_bytes(dict(row._mapping)):  # the checksums report it
            continue
        for content in (row.artifact, row.twin):
            try:
                if content is not None:
                    Model.from_bytes(content)
            except Exception as error:  # noqa: BLE001 - damaged bytes may raise anything
                name = f"{Candidate(row.framework, row.kind)} of run {row.run_id}"
                yield Finding(
                    "models",
                    f"{name} cannot be loaded ({type(error).__name__}).",
                    f"{RESTORE} Until then, it cannot serve.",
                    row.dataset,
                )
                break
