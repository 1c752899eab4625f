"""`nightfit status`: how each dataset is doing."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from data.connections.table_name import TableName
from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError
from data.settings import settings
from data.store.check.record import LastCheck, last_check
from data.store.read.champions import champion_model
from data.store.read.datasets import DatasetStatus, dataset_statuses, results_tables
from data.store.session import Store
from data.store.write.delivery import undelivered
from flows.command.screen import Screen, print_json

BAD = ("failed", "rejected")
STYLE = {"succeeded": "green", "skipped": "dim", "never run": "yellow"}


def run_status(*, as_json: bool) -> int:
    """Print how each dataset is doing; return 1 if the last run of any failed or was rejected.

    A declaration with mistakes, with which the next run would fail, counts as well, and so do a
    champion that is damaged in the database, results that have not reached their output, and
    anything else that the last check of the database found wrong. A dataset that is declared no
    more does not count for how its last run ended.
    """
    config = settings()
    with Store(config.database_url).reading() as connection:
        stored = {status.dataset: status for status in dataset_statuses(connection)}
        damage = {n: what for n in stored if (what := _damage(connection, n)) is not None}
        checked = last_check(connection)
        pending = {each.dataset: each for each in undelivered(connection)}
        tables = results_tables(connection)
    declared = declared_datasets(config.datasets)
    mistakes = {name: mistake for name in declared if (mistake := _mistake(name, config.datasets))}
    gone = {name: _gone(tables.get(name)) for name in stored if name not in declared}
    names = sorted({*declared, *stored})
    late = {name: str(pending[name]) for name in declared if name in pending}
    lines = [
        _line(name, stored.get(name), [each.get(name) for each in (damage, mistakes, late, gone)])
        for name in names
    ]
    if as_json:
        print_json(lines, default=datetime.isoformat)
    else:
        Screen(sys.stdout).print(_table(lines))
    wrong = checked.wrong if checked is not None else ()
    if checked is not None and wrong:
        _print_check(checked)
    bad = mistakes or damage or wrong or late
    ran_badly = any(line["last_run"] in BAD for line in lines if line["dataset"] not in gone)
    return 1 if bad or ran_badly else 0


def _gone(table: TableName | None) -> str:
    """Return what there still is of a dataset that is declared no more."""
    left = f" Its results stay in the table {table} until you drop it." if table else ""
    return f"It is declared no more, so no night runs it.{left}"


def _mistake(name: str, folder: Path) -> str | None:
    """Return what is wrong with a declaration, None if nothing is."""
    try:
        load_dataset(name, folder)
    except CallError as error:
        return str(error)
    return None


def _print_check(checked: LastCheck) -> None:
    """Print what the last check of the database found wrong, apart from the table's lines."""
    screen = Screen(stderr=True)
    screen.print(
        f"The check of the database on {checked.checked_at:%Y-%m-%d %H:%M} UTC found"
        f" {len(checked.wrong):,} wrong; after mending, run 'nightfit db check':",
        soft_wrap=True,
    )
    for finding in checked.wrong:
        screen.print(f"  {finding}", soft_wrap=True)


def _damage(connection: Connection, dataset: str) -> str | None:
    """Return what is damaged of a dataset's champion, None if nothing is."""
    champion = champion_model(connection, dataset)
    if champion is None or champion.damage is None:
        return None
    damage = champion.damage
    return f"{champion.name_and_run} is damaged in the database: {damage.what}. {damage.next_step}"


def _line(
    name: str, status: DatasetStatus | None, problems: Sequence[str | None]
) -> dict[str, Any]:
    problem = " ".join(filter(None, problems))
    if status is None:
        return {
            "dataset": name,
            "last_run": "never run",
            "last_good": None,
            "champion": None,
            "wrong": problem or f"run 'nightfit retrain {name}'",
        }
    wrong = status.reason if status.status in BAD else " ".join(status.warnings) or None
    return {
        "dataset": name,
        "last_run": status.status,
        "last_good": status.last_succeeded_at,
        "champion": status.champion,
        "wrong": problem or wrong,
    }


def _table(lines: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("dataset", "last run", "last good (UTC)", "champion", "problem"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(
            line["dataset"],
            Text(line["last_run"], style=STYLE.get(line["last_run"], "red")),
            f"{line['last_good']:%Y-%m-%d %H:%M}" if line["last_good"] else "never",
            line["champion"] or "none",
            line["wrong"] or "",
        )
    return table
