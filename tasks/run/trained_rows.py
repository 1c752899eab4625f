"""The rows that a stored model was trained with, also where their predictions are not stored."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from data.calls import Do, done_here
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


def rows_of_run(store: Store, serving: ServingModel, *, home: Path, do: Do = done_here) -> RowsThen:
    """Return what reads the rows of the run that trained a model, once and only if it is needed."""
    return cache(lambda: _rows_of_run(store, serving, home, do))


def _rows_of_run(store: Store, serving: ServingModel, home: Path, do: Do) -> SnapshotRows | None:
    path = home / (serving.snapshot or "")
    if serving.declaration is None or serving.rows_read is None or not path.is_file():
        return None
    snapshot = Snapshot(path, serving.fingerprint or "", serving.rows_read)
    with store.reading() as connection:
        kept = kept_rows(connection, serving.run_id, snapshot.rows)
    try:
        declaration = Declaration.model_validate_json(serving.declaration)
        return SnapshotRows(declaration, snapshot, kept, (), do=do)
    except (ValueError, SourceError):  # of a version that declared other things, or damaged
        return None


def without_prediction(keys: Texts, stored: Texts, keys_then: Texts | None) -> Mask:
    """Return which rows (n,) a model's twin was trained with, or may have been, by their keys.

    This is for a model whose own run has `stored` the predictions of its test rows and new rows
    alone: it was trained with the others of that run. Without the keys of that run, any other row
    may have been one of them.
    """
    others = ~keys.is_in(stored)
    return others if keys_then is None else others & keys.is_in(keys_then)
