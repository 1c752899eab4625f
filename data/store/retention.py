"""How long a dataset's runs stay: old data goes from the store first, then its snapshots."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.errors import StoreError
from data.store.database.lock import dataset_lock
from data.store.session import Store
from data.store.write.prune import Coming, Pruned, prune


@dataclass(frozen=True)
class Removed:
    """What was removed from a dataset, or would be, in numbers; sizes are in bytes."""

    dataset: str
    predictions: int
    paired_errors: int
    models: int
    model_bytes: int
    figures: int
    snapshots: int
    snapshot_bytes: int

    def __str__(self) -> str:
        counts = (
            (self.predictions, "prediction", ""),
            (self.paired_errors, "paired error", ""),
            (self.models, "model", f" ({self.model_bytes / 1e6:,.1f} MB)"),
            (self.figures, "set", " of figures"),
            (self.snapshots, "snapshot", f" ({self.snapshot_bytes / 1e6:,.1f} MB)"),
        )
        parts = [f"{n:,} {word}{'s' * (n != 1)}{size}" for n, word, size in counts if n]
        return ", ".join(parts) or "nothing"


def remove_old_data(
    store: Store,
    dataset: str,
    *,
    home: Path,
    keep_runs: int,
    wait: bool,
    on_wait: Callable[[], None],
) -> Removed:
    """Remove what no view, rollback or coming run of a dataset needs; return it in numbers.

    The store is pruned in one transaction; then the snapshots are deleted, and any that a killed
    process left behind are deleted the next time. While another process works on the dataset, this
    calls `on_wait` and waits, or without `wait` raises Busy. Raises StoreError where the database
    or a file cannot be changed.
    """
    with dataset_lock(store.url, dataset, wait=wait, on_wait=on_wait):
        with store.writing() as connection:
            pruned = prune(connection, dataset, keep_runs=keep_runs)
        files = dict(_snapshots_with_sizes(pruned, home))
        for file in files:
            _unlink(file)
    return _removed(pruned, files)


def old_data(
    store: Store, dataset: str, *, home: Path, keep_runs: int, coming: Coming | None = None
) -> Removed:
    """Return what `remove_old_data` would remove, and remove nothing. Raises StoreError.

    With a `coming` run, what it would remove once that is stored.
    """
    with store.reading() as connection:
        pruned = prune(connection, dataset, keep_runs=keep_runs, dry_run=True, coming=coming)
    return _removed(pruned, dict(_snapshots_with_sizes(pruned, home)))


def _removed(pruned: Pruned, files: dict[Path, int]) -> Removed:
    return Removed(
        dataset=pruned.dataset,
        predictions=pruned.predictions,
        paired_errors=pruned.paired_errors,
        models=pruned.models,
        model_bytes=pruned.model_bytes,
        figures=pruned.figures,
        snapshots=len(files),
        snapshot_bytes=sum(files.values()),
    )


def _snapshots_with_sizes(pruned: Pruned, home: Path) -> Iterator[tuple[Path, int]]:
    """Yield the snapshots that still exist, with their sizes; none outside their folder."""
    home = Path(os.path.normpath(home))
    for name in pruned.snapshots:
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
            next_step="Allow changes to its folder, then prune again.",
        ) from None
