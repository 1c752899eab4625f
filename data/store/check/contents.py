"""Whether what is stored is what was stored: checksums, champions, snapshots."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from data.errors import StoreError
from data.sources.snapshot import is_intact
from data.store.check.finding import RESTORE, Finding
from data.store.read.champions import champion_model
from data.store.read.datasets import stored_datasets
from data.store.read.integrity import damage_of_run
from data.store.tables import run
from data.store.write.prune import named_snapshots


def checksum_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the runs of which something is not what was stored."""
    runs = select(run.c.run_id, run.c.dataset).order_by(run.c.run_id)
    for run_id, dataset in connection.execute(runs).all():
        if clauses := damage_of_run(connection, run_id):
            yield Finding(
                "checksums",
                f"Of run {run_id}, this is not what was stored: {'; '.join(clauses)}.",
                f"{RESTORE} Without one, do not rely on these values; the next night stores new"
                " ones.",
                dataset,
            )


def champion_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the datasets whose champion is missing or damaged."""
    for dataset in stored_datasets(connection):
        try:
            champion = champion_model(connection, dataset)
        except StoreError as error:
            yield Finding("champions", error.what, RESTORE, dataset)
            continue
        if champion is not None and champion.damage is not None:
            what = f"{champion.name_and_run}, which serves, is damaged: {champion.damage.what}."
            yield Finding("champions", what, champion.damage.next_step, dataset)


def snapshot_findings(connection: Connection, home: Path, keep_runs: int) -> Iterator[Finding]:
    """Yield the snapshots that a stored run needs but that are missing or damaged, and leftovers.

    Runs older than the last `keep_runs` need none, unless they trained a champion.
    """
    named: set[Path] = set()
    for dataset in stored_datasets(connection):
        old, needed = named_snapshots(connection, dataset, keep_runs)
        named |= {home / name for name in old | needed}
        for name in sorted(needed):
            if flaw := _flaw(home / name):
                yield Finding(
                    "snapshots",
                    f"The snapshot {home / name}, which a run has read, {flaw}.",
                    f"'nightfit check {dataset}' writes it anew while the source still has the same"
                    " rows; otherwise restore it from a backup. Until then, the runs that read it"
                    " can be neither verified nor promoted.",
                    dataset,
                )
    yield from _leftovers(home / "snapshots", named)


def _flaw(path: Path) -> str | None:
    if not path.is_file():
        return "is missing"
    return None if is_intact(path) else "is damaged"


def _leftovers(folder: Path, named: set[Path]) -> Iterator[Finding]:
    """Yield the files in the folder of snapshots that no stored run names, per folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path not in named)
    for parent in sorted({path.parent for path in files}):
        own = [path for path in files if path.parent == parent]
        size = sum(path.stat().st_size for path in own) / 1e6
        names = ", ".join(path.name for path in own[:3]) + (", ..." if len(own) > 3 else "")
        yield Finding(
            "leftovers",
            f"No stored run has read {len(own):,} of the files in {parent} ({names}; {size:,.1f}"
            " MB).",
            "They come from checks, dry runs and killed runs; delete them if no other database uses"
            " this home.",
            parent.name if parent != folder else None,
            left_over=True,
        )
