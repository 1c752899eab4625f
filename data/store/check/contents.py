"""Whether what is stored is what was stored: checksums, champions, snapshots."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select, text

from data.checks.findings import counted
from data.connections.table_name import TableName, quoted_name, quoted_table
from data.errors import StoreError
from data.sources.snapshot import is_intact
from data.store.check.finding import RESTORE, Finding
from data.store.read.champions import champion_model
from data.store.read.datasets import stored_datasets
from data.store.read.integrity import damage_of_run
from data.store.results.names import exists
from data.store.results.typed_rows import typed_rows
from data.store.tables import result_table, run
from data.store.write.prune import named_snapshots
from data.store.write.results import columns_shown
from data.store.write.run_table_upkeep import run_tables


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


def results_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the tables of results that do not show what `current_prediction` does."""
    for ours in connection.execute(select(result_table).order_by(result_table.c.dataset)).all():
        name = TableName(ours.table_name, ours.schema_name)
        step = f"'nightfit retrain {ours.dataset} --force' writes it anew."
        if not exists(connection, name):
            what = f"The table of results {str(name)!r} is missing."
            yield Finding("results", what, step, ours.dataset)
        elif count := _other_rows(connection, ours.dataset, name):
            what = (
                f"{counted(count, 'row')} of current_prediction and of the table of results"
                f" {str(name)!r} differ."
            )
            yield Finding("results", what, step, ours.dataset)


def _other_rows(connection: Connection, dataset: str, name: TableName) -> int:
    """Return how many rows only one has: a table of results, or what it should show."""
    shown = columns_shown(connection, dataset)
    if shown is None:
        return 0
    dialect, values = connection.dialect, {"dataset": dataset}
    columns = ", ".join(quoted_name(column, dialect) for column in shown.schema.names)
    rows = typed_rows(connection, shown).partition(" ORDER BY ")[0]
    table = f"SELECT {columns} FROM {quoted_table(name, dialect)}".replace(":", "\\:")  # noqa: S608
    differing = 0
    for one, other in ((rows, table), (table, rows)):
        only_one = f"SELECT count(*) FROM ({one} EXCEPT {other}) AS only_one"  # noqa: S608
        differing += connection.execute(text(only_one), values).scalar_one()
    return differing


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


def table_findings(connection: Connection) -> Iterator[Finding]:
    """Yield the tables with rows of a run that was not stored."""
    for table in run_tables(connection):
        if not table.is_part:
            yield Finding(
                "leftovers",
                f"The table {table.name} has predictions of a run that is not stored.",
                "A run in progress is about to add it to prediction; the next night drops that of a"
                " killed one.",
                table.dataset,
                left_over=True,
            )


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
