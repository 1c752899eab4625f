"""Databases with a table for a dataset `shop`, of each kind that a source may be in."""

import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pymysql
import pytest
from helpers import mariadb_server
from sqlalchemy import URL, make_url

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.read import read

KINDS = ("sqlite", "duckdb", "postgresql", "mariadb")

TYPES = {
    "sqlite": {
        pa.string(): "TEXT",
        pa.float64(): "REAL",
        pa.int64(): "INTEGER",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.timestamp("us"): "TIMESTAMP",
    },
    "duckdb": {
        pa.string(): "VARCHAR",
        pa.float64(): "DOUBLE",
        pa.int64(): "BIGINT",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.timestamp("us"): "TIMESTAMP",
    },
    "postgresql": {
        pa.string(): "text",
        pa.float64(): "double precision",
        pa.int64(): "bigint",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.timestamp("us"): "timestamp",
    },
    "mariadb": {
        pa.string(): "VARCHAR(50)",
        pa.float64(): "DOUBLE",
        pa.int64(): "BIGINT",
        pa.bool_(): "BOOLEAN",
        pa.date32(): "DATE",
        pa.timestamp("us"): "DATETIME(6)",
    },
}

SALES = pa.table({"id": ["a", "b", "c"], "y": [1.5, None, 0.1]})


@dataclass(frozen=True)
class Database:
    """An empty database: its URL, and a driver's own connection to it, made anew each time."""

    kind: str
    url: str
    connect: Callable[[], Any]

    def run(self, *statements: str) -> None:
        """Run statements, and commit."""
        connection = self.connect()
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        connection.close()

    def fill(self, name: str, table: pa.Table) -> None:
        """Make a table with these columns and rows."""
        fields = [f"{self.quoted(f.name)} {TYPES[self.kind][f.type]}" for f in table.schema]
        self.run(f"CREATE TABLE {self.quoted(name)} ({', '.join(fields)})")
        rows = [tuple(row.values()) for row in table.to_pylist()]
        if self.kind == "sqlite":
            texts = (pa.date32(), pa.timestamp("us"))
            is_text = [dtype in texts for dtype in table.schema.types]
            rows = [
                tuple(str(v) if v and t else v for v, t in zip(row, is_text, strict=True))
                for row in rows
            ]
        connection = self.connect()
        sign = "?" if self.kind in ("sqlite", "duckdb") else "%s"
        values = ", ".join([sign] * len(fields))
        cursor = connection.cursor()
        cursor.executemany(f"INSERT INTO {self.quoted(name)} VALUES ({values})", rows)
        connection.commit()
        connection.close()

    def quoted(self, name: str) -> str:
        """Return a name as it is written in a statement."""
        sign = "`" if self.kind == "mariadb" else '"'
        return sign + name.replace(sign, sign * 2) + sign


NewDatabase = Callable[[str], Database]


def file_database(kind: str, folder: Path) -> Database:
    """Return an empty database in a file of a folder."""
    path = folder / f"{uuid.uuid4().hex}.{kind}"
    if kind == "sqlite":
        return Database(kind, f"sqlite:///{path}", lambda: sqlite3.connect(path))
    return Database(kind, f"duckdb:///{path}", lambda: duckdb.connect(str(path)))


def postgresql_database(url: str) -> Database:
    """Return the database at a URL of SQLAlchemy."""
    plain = make_url(url).set(drivername="postgresql")
    address = plain.render_as_string(hide_password=False)
    return Database("postgresql", address, lambda: psycopg.connect(address))


def mariadb_database(port: int) -> Database:
    """Return a new database of a server."""
    name = f"shop_{uuid.uuid4().hex}"

    def connect(**more: Any) -> Any:
        user, password = "tester", mariadb_server.PASSWORD
        return pymysql.connect(host="127.0.0.1", port=port, user=user, password=password, **more)

    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    url = URL.create("mysql", "tester", mariadb_server.PASSWORD, "127.0.0.1", port, name)
    text = url.render_as_string(hide_password=False)
    return Database("mariadb", text, lambda: connect(database=name, charset="utf8mb4"))


def shop_of(url: str, *, key: str | list[str] = "id", **more: Any) -> Declaration:
    """Return the declaration of a dataset in a database: `table` or `query` name its rows."""
    source = {name: more.pop(name) for name in ("table", "query") if name in more}
    keys: dict[str, Any] = {
        "name": "shop",
        "source": {"url": url, **source},
        "key": key,
        "target": "y",
        **more,
    }
    return Declaration.model_validate(keys)


def refusal_of(declaration: Declaration, folder: Path) -> str:
    """Return the message with which reading a source ends; nothing is stored then."""
    with pytest.raises(SourceError) as caught:
        read(declaration, folder=folder / "home")
    assert not (folder / "home").exists()
    assert caught.value.where == declaration.source.shown
    assert caught.value.next_step
    return str(caught.value)
