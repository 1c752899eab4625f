"""Bringing a database to this version of the schema, by Alembic's migrations."""

from collections.abc import Sequence
from dataclasses import dataclass

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, inspect, select

from data.errors import NoStore, StoreError
from data.private_files import close_database
from data.store.database import version
from data.store.database.address import display_url, is_postgresql, sqlite_file
from data.store.database.engine import engine_on
from data.store.database.failures import translated
from data.store.database.schema import lock_key, make_schema, refuse_closed_schema
from data.store.database.sqlite import WRITES
from data.store.tables import metadata
from data.store.views import VIEWS
from data.store.views.comments import write_comments
from data.store.write.checksums import store_missing_checksums

UNRELEASED = tuple(f"{number:04}" for number in range(1, 8))
"""Versions that existed only before 0.1.0, the first release; no migration leads on from them."""

WITHOUT_CHECKSUMS = ("0100",)
"""Versions that stored no checksums; an upgrade computes those of the models and runs there are."""


FIRST_PRIVATE = "0101"
"""From this version on, only its owner may use an SQLite database, unless a person opens it. Who
may use an older one, its user's umask has decided."""


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade did: where, and from which version to which (from None: it was empty)."""

    display_url: str
    before: str | None
    after: str
    remarks: Sequence[str] = ()

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.display_url}: created at version {self.after}."
        if self.before == self.after:
            return f"{self.display_url}: already at version {self.after}."
        done = f"{self.display_url}: upgraded from version {self.before} to {self.after}."
        return " ".join((done, *self.remarks))


def upgrade(url: str) -> Upgrade:
    """Bring the database to this code's version, or create it; return what was done.

    All of it happens in one transaction: an upgrade that fails changes nothing. Raises StoreError.
    """
    return _upgrade(engine_on(url, read_only=False))


def make_ready(engine: Engine, *, read_only: bool) -> None:
    """Make the tables of an empty database; raises StoreError for one at another version.

    With `read_only` an empty one is refused too.
    """
    with translated(engine), engine.connect() as connection:
        stored, _ = _stored_version_and_names_taken(connection)
    if stored is None and read_only:
        raise NoStore(
            "this database has no store yet.",
            where=display_url(engine.url),
            next_step="`nightfit nightly` creates it.",
        )
    if stored is None:
        _upgrade(engine)
    elif stored != version.head():
        raise StoreError(
            f"the database is at version {stored}, but this nightfit needs {version.head()}.",
            where=display_url(engine.url),
            next_step="Run `nightfit db upgrade`.",
        )


def _upgrade(engine: Engine) -> Upgrade:
    writer = engine.execution_options(**{WRITES: True})
    with translated(engine), writer.begin() as connection:
        if is_postgresql(engine.url):  # a second upgrade waits, as SQLite's does anyway
            key = lock_key(connection, "nightfit upgrades")
            connection.execute(select(func.pg_advisory_xact_lock(key)))
            make_schema(connection, display_url(engine.url))
        stored, taken = _stored_version_and_names_taken(connection)
        if taken:
            raise StoreError(
                f"the database already has a table or view named {taken[0]!r} that is not"
                " nightfit's.",
                where=display_url(engine.url),
                next_step="Name an empty database in NIGHTFIT_DATABASE_URL."
                if stored is None
                else "Rename it, then run `nightfit db upgrade` again.",
            )
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if stored in WITHOUT_CHECKSUMS:
            store_missing_checksums(connection)
        write_comments(connection)
    file = sqlite_file(engine.url)
    remarks = close_database(file) if file and stored and stored < FIRST_PRIVATE else []
    return Upgrade(display_url(engine.url), stored, version.head(), remarks)


def _stored_version_and_names_taken(connection: Connection) -> tuple[str | None, list[str]]:
    """Return the version of the schema, None where there is none, and what is in an upgrade's way.

    That is tables and views of other programs with names that the next versions need.
    """
    if is_postgresql(connection.engine.url):
        refuse_closed_schema(connection, display_url(connection.engine.url))
    options = {"version_table": version.VERSION_TABLE}
    stored = MigrationContext.configure(connection, opts=options).get_current_revision()
    scripts = ScriptDirectory.from_config(alembic_config())
    if stored is None:
        needed = {*metadata.tables, *VIEWS}
    elif stored in {script.revision for script in scripts.walk_revisions()}:
        later = scripts.iterate_revisions("head", stored)
        needed = {name for script in later for name in script.module.new_names}
    else:
        raise _unknown_version(stored, display_url(connection.engine.url))
    inspector = inspect(connection)
    existing = {*inspector.get_table_names(), *inspector.get_view_names()}
    return stored, sorted(existing & needed)


def _unknown_version(stored: str, where: str) -> StoreError:
    if stored in UNRELEASED:
        return StoreError(
            f"the database was made before nightfit's first release (it is at version {stored}),"
            " and cannot be upgraded.",
            where=where,
            next_step="Name another database in NIGHTFIT_DATABASE_URL. This one is unchanged: its"
            " views can still be queried with SQL.",
        )
    return StoreError(
        f"the database was made by a newer nightfit: it is at version {stored}, and this nightfit"
        f" only knows versions up to {version.head()}.",
        where=where,
        next_step="Install the newer nightfit, or name another database in NIGHTFIT_DATABASE_URL.",
    )


def alembic_config() -> Config:
    """Return Alembic's settings for our migrations; a connection goes into its attributes."""
    config = Config()
    config.set_main_option("script_location", str(version.MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
