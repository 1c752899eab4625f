"""What a run needs from the runs before it."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, ScalarSelect, func, select, true

from data.errors import DamagedStore
from data.store.database.failures import REPAIR
from data.store.read.integrity import changed_tables
from data.store.tables import is_good, model, rejected_row, run
from data.vocabulary import Candidate


@dataclass(frozen=True)
class LastGood:
    """What a dataset's last good run read: the latest that succeeded and was no backfill.

    `declaration` is JSON, as it was dumped.
    """

    run_id: int
    finished_at: datetime
    rows_read: int | None
    fingerprint: str | None
    setup_fingerprint: str | None
    snapshot: str | None
    declaration: str | None = field(repr=False)
    library_versions: dict[str, str] | None = field(repr=False)


def last_good(connection: Connection, dataset: str, *, as_of: str | None = None) -> LastGood | None:
    """Return the last good run of a dataset, or None if there was none.

    With `as_of`, the latest that succeeded for this past night, a backfill or not.
    """
    which = _last_good_id(dataset) if as_of is None else _last_id_of_night(dataset, as_of)
    return what_was_read(connection, which)


def what_was_read(connection: Connection, run_id: int | ScalarSelect[int]) -> LastGood | None:
    """Return what a run read that was the last good one when it ended."""
    columns = [run.c[column.name] for column in fields(LastGood)]
    row = connection.execute(select(*columns).where(run.c.run_id == run_id)).mappings().first()
    return None if row is None else LastGood(**row)


def last_details(
    connection: Connection, dataset: str, *, before_run: int | None = None
) -> dict[Candidate, dict[str, Any]]:
    """Return the details of each candidate of a dataset's last good run.

    With `before_run`, those of the last good run before that one. Without such a run the result is
    empty; so are the details of a candidate that failed. Raises DamagedStore where they are not
    what was stored.
    """
    latest = connection.execute(select(_last_good_id(dataset, before_run))).scalar()
    if latest is not None and changed_tables(connection, latest, (model,)):
        raise DamagedStore(
            f"what is stored of the models of run {latest} is not what was stored then.",
            where=dataset,
            next_step=REPAIR,
        )
    statement = (
        select(model.c.framework, model.c.kind, model.c.details)
        .where(model.c.run_id == latest)
        .order_by(model.c.model_id)
    )
    rows = connection.execute(statement).all()
    return {Candidate(framework, kind): details for framework, kind, details in rows}


def same_run(connection: Connection, dataset: str, fingerprint: str, setup: str) -> int | None:
    """Return the latest run that succeeded on the same rows with the same setup, if any.

    Unlike elsewhere, a backfill counts.
    """
    statement = select(func.max(run.c.run_id)).where(
        run.c.dataset == dataset,
        run.c.status == "succeeded",
        run.c.fingerprint == fingerprint,
        run.c.setup_fingerprint == setup,
    )
    return connection.execute(statement).scalar()


def kept_rows(connection: Connection, run_id: int, rows: int) -> NDArray[np.bool_]:
    """Return which of the `rows` rows of a run's source were not quarantined, as (rows,) bools."""
    kept = np.ones(rows, dtype=bool)
    statement = select(rejected_row.c.row_number).where(rejected_row.c.run_id == run_id)
    kept[[number - 1 for number in connection.execute(statement).scalars()]] = False
    return kept


def _last_id_of_night(dataset: str, as_of: str) -> ScalarSelect[int]:
    of_night = (run.c.dataset == dataset) & (run.c.as_of == as_of)
    succeeded = select(func.max(run.c.run_id)).where(of_night, run.c.status == "succeeded")
    return succeeded.scalar_subquery()


def _last_good_id(dataset: str, before_run: int | None = None) -> ScalarSelect[int]:
    earlier = true() if before_run is None else run.c.run_id < before_run
    good = select(func.max(run.c.run_id)).where(run.c.dataset == dataset, is_good(run), earlier)
    return good.scalar_subquery()
