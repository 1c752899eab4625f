"""The rows that a stored model was trained with, also where their predictions are not stored."""

from collections.abc import Set
from pathlib import Path

import numpy as np

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.snapshot import Snapshot
from data.store.read.champions import ServingModel
from data.store.read.earlier_runs import kept_rows
from data.store.session import Store
from regressors.arrays import Values
from tasks.run.rows import Mask, SnapshotRows


def rows_of_run(store: Store, serving: ServingModel, *, home: Path) -> SnapshotRows | None:
    """Return the rows of the run that trained a model; None if they are gone or damaged."""
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


def without_prediction(keys: Values, stored: Set[str], rows_then: SnapshotRows | None) -> Mask:
    """Return which rows (n,) a model's twin was trained with, or may have been, by their keys.

    This is for a model whose own run has `stored` the predictions of its test rows and new rows
    alone: it was trained with the others of that run. Without the rows of that run, any other row
    may have been one of them.
    """
    others = ~is_in(keys, stored)
    return others if rows_then is None else others & is_in(keys, set(rows_then.rows.keys))


def is_in(keys: Values, others: Set[str]) -> Mask:
    """Return which keys (n,) are among others."""
    return np.fromiter((key in others for key in keys), dtype=bool, count=len(keys))
