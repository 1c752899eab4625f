"""Stores made as released versions made them, with rows, and what their views then show."""

import json
import re
from typing import Any

from alembic import command
from sqlalchemy import Connection, text

from data.settings import ROOT
from data.store.database.engine import engine_on
from data.store.database.upgrades import alembic_config
from data.store.database.version import VERSION_TABLE
from data.store.read.view_rows import rows_of
from data.store.session import Store
from data.store.views import VIEWS

RELEASES = {"0.1.0": "0100"}
"""The version of the schema of each release."""

FOLDER = ROOT / "tests" / "data" / "releases"


def make(address: str, *, release: str, empty: bool = False) -> None:
    """Make a store as a release did, with the rows kept for testing upgrades.

    On SQLite the release's own statements make it, so that the tests notice if a migration was
    changed after its release.
    """
    with engine_on(address, read_only=False).begin() as connection:
        if connection.dialect.name == "sqlite":
            _run(connection, (FOLDER / release / "sqlite.sql").read_text(encoding="utf-8"))
            _run(connection, f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
            _run(connection, f"INSERT INTO {VERSION_TABLE} VALUES ('{RELEASES[release]}')")
        else:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, RELEASES[release])
            _run(connection, "SET LOCAL TIME ZONE 'UTC'")
        if not empty:
            _run(connection, (FOLDER / release / "rows.sql").read_text(encoding="utf-8"))


def _run(connection: Connection, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";\n")):
        connection.execute(text(statement))


def answers(address: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every view in a fixed order, each value as JSON would hold it."""
    return {name: sorted(_rows(address, name), key=str) for name in VIEWS}


def _rows(address: str, view: str) -> list[dict[str, Any]]:
    with Store(address).reading() as connection:
        rows = rows_of(connection, view)
        return [
            {name: _plain(value) for name, value in zip(rows.columns, row, strict=True)}
            for batch in rows.batches
            for row in batch
        ]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def views_of(release: str) -> list[str]:
    """Return the names of the views that a release made."""
    text = (FOLDER / release / "sqlite.sql").read_text(encoding="utf-8")
    return re.findall(r"^CREATE VIEW (\w+)", text, flags=re.MULTILINE)


def kept_answers(release: str) -> dict[str, list[dict[str, Any]]]:
    """Return what the views of a release showed of its rows."""
    text = (FOLDER / release / "answers.json").read_text(encoding="utf-8")
    kept: dict[str, list[dict[str, Any]]] = json.loads(text)
    return kept


def assert_same_answers(address: str, release: str) -> None:
    """Compare the columns that the views had then: later versions only add some at the end."""
    now, then = answers(address), kept_answers(release)
    assert {name: len(now[name]) for name in then} == {name: len(then[name]) for name in then}
    for name, rows in then.items():
        for old_row, new_row in zip(rows, now[name], strict=True):
            assert list(new_row.items())[: len(old_row)] == list(old_row.items()), name
