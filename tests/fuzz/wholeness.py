"""Whether a store has only whole runs, and the moment when one is being stored."""

from pathlib import Path
from types import TracebackType

from sqlalchemy import create_engine, make_url, text

from data.store.session import Store

PARTS = ("model", "score", "coefficient", "prediction", "expectation_result", "promotion")
"""Tables of which a run that succeeded has rows."""

OF_MODELS = ("score", "coefficient")
"""Those whose rows belong to a model of the run."""


def runs(store: Store) -> list[tuple[int, str]]:
    """Return the id and the status of each run, in order."""
    with store.reading() as connection:
        rows = connection.execute(text("SELECT run_id, status FROM run ORDER BY run_id"))
        return [(row[0], row[1]) for row in rows]


def half_written(store: Store) -> str:
    """Say what is missing in a store that was written by nights that were killed, or ""."""
    counts: dict[int, dict[str, int]] = {run: {} for run, _ in runs(store)}
    with store.reading() as connection:
        for table in PARTS:
            of_run = "JOIN model USING (model_id)" if table in OF_MODELS else ""
            column = "model.run_id" if table in OF_MODELS else "run_id"
            rows = connection.execute(
                text(f"SELECT {column}, count(*) FROM {table} {of_run} GROUP BY 1")
            )
            for run, number in rows:
                counts.setdefault(run, {})[table] = number
        if connection.dialect.name == "sqlite":
            if broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall():
                return f"{len(broken)} rows point to nothing"
            check = connection.execute(text("PRAGMA quick_check")).scalar_one()
            if check != "ok":
                return f"the file is damaged: {check}"
    return _missing(runs(store), counts)


def _missing(stored: list[tuple[int, str]], counts: dict[int, dict[str, int]]) -> str:
    whole = [run for run, status in stored if status == "succeeded"]
    for run, status in stored:
        parts = counts[run]
        if status != "succeeded":
            if any(parts.get(table) for table in ("model", "prediction", "promotion")):
                return f"run {run} {status}, but has results"
        elif missing := [table for table in PARTS if not parts.get(table)]:
            return f"run {run} succeeded, but has no rows in {', '.join(missing)}"
        elif parts["coefficient"] != counts[whole[0]]["coefficient"]:
            return f"run {run} has {parts['coefficient']} coefficients, unlike run {whole[0]}"
    if lost := sorted(set(counts) - {run for run, _ in stored}):
        return f"there are results of runs that there are not: {lost}"
    return ""


class Commits:
    """Notices when a night writes to its database, by the file of changes or the transaction.

    `is_storing` takes a millisecond at most, and is asked again and again.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self._changes = Path(f"{address.database}-wal")
        self._size = self._changes_size()
        self._engine = None
        if address.get_backend_name() == "postgresql":
            plain = address.set(drivername="postgresql+psycopg", query={})
            query = {k: v for k, v in address.query.items() if k != "schema"}
            self._engine = create_engine(plain.update_query_dict(query)).connect()

    def __enter__(self) -> "Commits":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine.engine.dispose()

    def is_storing(self) -> bool:
        """Return whether something is being written now."""
        if self._engine is None:
            return self._changes_size() > self._size
        writers = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
        number: int = self._engine.execute(text(writers)).scalar_one()
        self._engine.rollback()
        return number > 0

    def _changes_size(self) -> int:
        try:
            return self._changes.stat().st_size
        except FileNotFoundError:  # SQLite removes it when nobody uses the database
            return 0
