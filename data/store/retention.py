"""How long a dataset's runs stay: what is past goes from the store, then its snapshots."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import StoreError
from data.settings import settings
from data.store.database.engine import open_store
from data.store.database.lock import dataset_lock
from data.store.write.prune import Pruned, prune


@dataclass(frozen=True)
class Removed:
    """What was removed of a dataset, or would be, in numbers; sizes are in bytes."""

    dataset: str
    predictions: int
    paired_errors: int
    models: int
    model_bytes: int
    snapshots: int
    snapshot_bytes: int

    def __str__(self) -> str:
        told = [
            f"{count:,} {word}{'s' * (count != 1)}{size}"
            for count, word, size in (
                (self.predictions, "prediction", ""),
                (self.paired_errors, "paired error", ""),
                (self.models, "model", f" ({self.model_bytes / 1e6:,.1f} MB)"),
                (self.snapshots, "snapshot", f" ({self.snapshot_bytes / 1e6:,.1f} MB)"),
            )
            if count
        ]
        return ", ".join(told) or "nothing"


def remove_past(dataset: str, *, wait: bool, told: Callable[[], None]) -> Removed:
    """Remove what no view, rollback or coming night of a dataset needs; return it in numbers.

    The store's part is one transaction; the snapshots go after it, and those that a killed call
    left go with the next. Another process at work on the dataset is waited for, after a call of
    `told`, or without `wait` raises Busy. Raises StoreError where the database or a file cannot be
    changed.
    """
    with dataset_lock(settings().database_url, dataset, wait=wait, told=told):
        found = _pruned(dataset, dry_run=False)
        files = dict(_files(found))
        for file in files:
            _unlink(file)
    return _removed(found, files)


def past(dataset: str) -> Removed:
    """Return what `remove_past` would remove, and remove nothing. Raises StoreError."""
    found = _pruned(dataset, dry_run=True)
    return _removed(found, dict(_files(found)))


def _pruned(dataset: str, *, dry_run: bool) -> Pruned:
    engine = open_store(settings().database_url, reading=dry_run)
    try:
        return prune(engine, dataset, keep_runs=settings().keep_runs, dry_run=dry_run)
    finally:
        engine.dispose()


def _removed(found: Pruned, files: dict[Path, int]) -> Removed:
    return Removed(
        dataset=found.dataset,
        predictions=found.predictions,
        paired_errors=found.paired_errors,
        models=found.models,
        model_bytes=found.model_bytes,
        snapshots=len(files),
        snapshot_bytes=sum(files.values()),
    )


def _files(found: Pruned) -> Iterator[tuple[Path, int]]:
    """Yield the snapshots that are there, with their sizes; nothing outside of their folder."""
    home = Path(os.path.normpath(settings().home))
    for name in found.snapshots:
        path = Path(os.path.normpath(home / name))
        if path.is_relative_to(home / "snapshots") and path.is_file():
            yield path, path.stat().st_size


def _unlink(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"the snapshot cannot be removed ({error.strerror}).",
            where=str(file),
            next_step="Allow changing its folder, and prune again.",
        ) from None
