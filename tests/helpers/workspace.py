"""A folder like a user's, in which the command runs as a subprocess."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.warm_command import WARM

ROOT = Path(__file__).parents[2]
LINE = """\
source: {path: line.csv}
key: row
target: y
candidates: {frameworks: [torch], kinds: [least_squares]}
"""
"""The declaration of a dataset `line` that takes little time, and its source."""
LINE_ROWS = "row,x,y\n" + "\n".join(f"{i},{i % 13},{3 * (i % 13) + i % 2}" for i in range(120))


@dataclass(frozen=True)
class Workspace:
    """A folder with declarations, a database and a home; `api` is Prefect's, if a server runs."""

    folder: Path
    api: str | None = None

    @property
    def database(self) -> Path:
        """Return the database file."""
        return self.folder / "store.db"

    @property
    def home(self) -> Path:
        """Return the folder of snapshots and logs."""
        return self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of the commands run here."""
        return {
            **outside(),
            "NIGHTFIT_DATABASE_URL": f"sqlite:///{self.database}",
            "NIGHTFIT_HOME": str(self.home),
            "NIGHTFIT_DATASETS": str(self.folder / "datasets"),
            "NIGHTFIT_SOURCE_RETRY_TIME": "0",  # a test of `serve` need not wait for a missing file
            **({"PREFECT_API_URL": self.api} if self.api else {}),
        }

    def copy_to(self, folder: Path) -> "Workspace":
        """Return a copy in a folder that does not exist yet, for a test that changes it."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return replace(self, folder=folder)

    def run(self, *args: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `nightfit ARGS`; `settings` override the environment."""
        return WARM.run(args, {**self.environment, **settings})

    def raw(self, *args: str, **settings: str) -> bytes:
        """Return the bytes that `nightfit ARGS` prints; it must not fail."""
        done = WARM.raw(args, {**self.environment, **settings})
        done.check_returncode()
        return done.stdout

    def declare(self, name: str, text: str, rows: str | bytes | None = None) -> None:
        """Write a declaration and, if there are rows, its source as `name`.csv."""
        (self.folder / "datasets" / f"{name}.yaml").write_text(text)
        if rows is not None:
            source = self.folder / "datasets" / f"{name}.csv"
            source.write_bytes(rows.encode() if isinstance(rows, str) else rows)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SQL query, as any SQLite client gets them."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(statement).fetchall()

    def change(self, statement: str) -> None:
        """Change the stored data behind nightfit's back."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement)

    def query(self, view: str, *options: str) -> list[dict[str, Any]]:
        """Return what `nightfit query VIEW --format json` prints."""
        done = self.run("query", view, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def growing_rows(labelled: int, new: int) -> str:
    """Return the rows of a growing table as CSV; the `new` ones come last and have no target."""
    lines = ["row,x,y"]
    for i in range(labelled + new):
        y = f"{3 * (i % 11) + i % 4}" if i < labelled else ""
        lines.append(f"{i},{i % 11},{y}")
    return "\n".join(lines) + "\n"


def outside() -> dict[str, str]:
    """Return the environment without the settings that a developer may have made for nightfit."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTFIT_", "PREFECT_"))}


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
