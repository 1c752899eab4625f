"""Bringing a database to this version of the schema, by Alembic's migrations."""

from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select

from data.errors import StoreError
from data.store.database import engine as database
from data.store.database.engine import (
    VERSION_TABLE,
    engine_for,
    is_postgresql,
    place,
    translated,
    writing,
)
from data.store.database.schema import lock_key, make_schema, refuse_closed_schema
from data.store.tables import metadata
from data.store.views import VIEWS
from data.store.views.comments import write_comments


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did: where, and the version before (None: there was no store) and after."""

    place: str
    before: str | None
    after: str

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.place}: made at version {self.after}."
        if self.before == self.after:
            return f"{self.place}: is at version {self.after} already."
        return f"{self.place}: upgraded from version {self.before} to {self.after}."


def upgrade(url: str) -> Upgrade:
    """Bring the database to this code's version, or make it; return what was done.

    All of it happens in one transaction: a failed upgrade changes nothing. Raises StoreError.
    """
    engine = engine_for(url, reading=False)
    try:
        return _upgrade(engine)
    finally:
        engine.dispose()


def make_ready(engine: Engine, *, reading: bool) -> None:
    """Make the tables of an empty database; raises StoreError for one at another version.

    With `reading` an empty one is refused, too.
    """
    with translated(engine), engine.connect() as connection:
        stored, _ = _versions(connection)
    if stored is None and reading:
        raise StoreError(
            "this database has no store yet.",
            where=place(engine.url),
            next_step="`nightfit nightly` makes it.",
        )
    if stored is None:
        _upgrade(engine)
    elif stored != database.head():
        raise StoreError(
            f"the database is at version {stored}, this nightfit needs {database.head()}.",
            where=place(engine.url),
            next_step="Run `nightfit db upgrade`.",
        )


def _upgrade(engine: Engine) -> Upgrade:
    with writing(engine) as connection:
        if is_postgresql(engine.url):  # a second upgrade waits, as SQLite's does anyway
            key = lock_key(connection, "nightfit upgrades")
            connection.execute(select(func.pg_advisory_xact_lock(key)))
            make_schema(connection, place(engine.url))
        stored, taken = _versions(connection)
        if taken:
            raise StoreError(
                f"the database already has a table or view named {taken[0]!r}, not nightfit's.",
                where=place(engine.url),
                next_step="Name an empty database in NIGHTFIT_DATABASE_URL."
                if stored is None
                else "Rename it, then run `nightfit db upgrade` again.",
            )
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        write_comments(connection)
    return Upgrade(place(engine.url), stored, database.head())


def _versions(connection: Connection) -> tuple[str | None, list[str]]:
    """Return the schema's version, None where there is none, and what an upgrade finds in its way.

    That is tables and views of another program with names that the next versions need.
    """
    if is_postgresql(connection.engine.url):
        refuse_closed_schema(connection, place(connection.engine.url))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    stored = context.get_current_revision()
    scripts = ScriptDirectory.from_config(alembic_config())
    if stored is not None and stored not in {one.revision for one in scripts.walk_revisions()}:
        raise StoreError(
            f"the database was made by a newer nightfit: it is at version {stored},"
            f" and this one knows {database.head()}.",
            where=place(connection.engine.url),
            next_step="Install that nightfit, or name another database in NIGHTFIT_DATABASE_URL.",
        )
    if stored is None:
        needed = {*metadata.tables, *VIEWS}
    else:
        later = scripts.iterate_revisions("head", stored)
        needed = {name for one in later for name in one.module.new_names}
    inspector = inspect(connection)
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    return stored, sorted(there & needed)


def alembic_config() -> Config:
    """Return Alembic's settings of our migrations; a connection goes into its attributes."""
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
