"""The rows that a stored model was trained with, also where their predictions are not stored."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.snapshot import Snapshot
from data.store.read.champions import ServingModel
from data.store.read.earlier_runs import kept_rows
from data.store.session import Store
from data.texts import Texts
from tasks.run.rows import Mask, SnapshotRows

RowsThen = Callable[[], SnapshotRows | None]
"""Returns the rows of the run that trained a model; None if they are gone or damaged."""


def rows_of_run(store: Store, serving: ServingModel, *, home: Path) -> RowsThen:
    """Return what reads the rows of the run that trained a model, once and only if it is needed."""
    return cache(lambda: _rows_of_run(store, serving, home=home))


def _rows_of_run(store: Store, serving: ServingModel, *, home: Path) -> SnapshotRows | None:
    path = home / (serving.snapshot or "")
    if serving.declaration is None or serving.rows_read is None or not path.is_file():
        return None
    snapshot = Snapshot(path, serving.fingerprint or "", serving.rows_read)
    with store.reading() as connection:
        kept = kept_rows(connection, serving.run_id, snapshot.rows)
    try:
        declaration = Declaration.model_validate_json(serving.declaration)
        return SnapshotRows(declaration, snapshot, kept, ())
    except (ValueError, SourceError):  # of a version that declared other things, or damaged
        return None


def without_prediction(keys: Texts, stored: Texts, rows_then: SnapshotRows | None) -> Mask:
    """Return which rows (n,) a model's twin was trained with, or may have been, by their keys.

    This is for a model whose own run has `stored` the predictions of its test rows and new rows
    alone: it was trained with the others of that run. Without the rows of that run, any other row
    may have been one of them.
    """
    others = ~keys.is_in(stored)
    return others if rows_then is None else others & keys.is_in(rows_then.rows.keys)
