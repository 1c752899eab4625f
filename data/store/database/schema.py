"""A schema of the store's own on PostgreSQL, named by `schema` in the query of its URL.

Two schemas of one database are two stores: neither sees the other, nor waits for it.
"""

from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Function,
    Text,
    cast,
    column,
    event,
    func,
    select,
    table,
)
from sqlalchemy.schema import CreateSchema

from data.errors import StoreError
from data.store.database.address import SCHEMA_KEY, schema_of

USUAL = "public"


def connect_in_schema(engine: Engine) -> None:
    """Let every connection of an engine see its URL's schema, and nothing else."""
    if schema_of(engine.url):
        event.listen(engine, "do_connect", _connect)


def lock_key(connection: Connection, words: str) -> Function[Any]:
    """Return the number of an advisory lock of this store, other than those of other schemas."""
    here = func.coalesce(cast(func.current_schema(), Text), schema_of(connection.engine.url))
    return func.hashtextextended(func.concat(words, " in ", here), 0)


def refuse_closed_schema(connection: Connection, where: str) -> None:
    """Raise StoreError where the schema is there, and this role may not look into it."""
    named = schema_of(connection.engine.url)
    if named is None and connection.execute(select(func.current_schema())).scalar() is not None:
        return
    name = named or USUAL
    allowed = select(func.has_schema_privilege(name, "USAGE"))
    if _is_there(connection, name) and not connection.execute(allowed).scalar_one():
        role = _quoted(connection, connection.execute(select(func.current_user())).scalar_one())
        raise StoreError(
            f"this role may not use the schema {name!r}.",
            where=where,
            next_step="Have its owner run"
            f" `GRANT USAGE ON SCHEMA {_quoted(connection, name)} TO {role}`.",
        )


def make_schema(connection: Connection, where: str) -> None:
    """Make the schema that the URL names, if it is missing; raises StoreError where it may not."""
    name = schema_of(connection.engine.url)
    if name is None or _is_there(connection, name):
        return
    here = func.current_database()
    if not connection.execute(select(func.has_database_privilege(here, "CREATE"))).scalar_one():
        role = _quoted(connection, connection.execute(select(func.current_user())).scalar_one())
        raise StoreError(
            f"there is no schema {name!r}, and this role may not make it.",
            where=where,
            next_step="Have the database's owner run"
            f" `CREATE SCHEMA {_quoted(connection, name)} AUTHORIZATION {role}`.",
        )
    connection.execute(CreateSchema(name))


def _connect(dialect: Dialect, _record: object, arguments: Any, options: dict[str, Any]) -> Any:
    schema = options.pop(SCHEMA_KEY)
    connection = dialect.connect(*arguments, **options)
    cursor = connection.cursor()
    cursor.execute("SELECT set_config('search_path', quote_ident(%s), false)", (schema,))
    cursor.close()
    connection.commit()
    return connection


def _is_there(connection: Connection, name: str) -> bool:
    schemas = table("pg_namespace", column("nspname"))
    found = select(schemas.c.nspname).where(schemas.c.nspname == name)
    return connection.execute(found).first() is not None


def _quoted(connection: Connection, name: str) -> str:
    return str(connection.execute(select(func.quote_ident(name))).scalar_one())
