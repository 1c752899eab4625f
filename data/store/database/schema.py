"""A schema of the store's own on PostgreSQL, named by `schema` in the query of its URL.

Two schemas of one database are two stores: neither sees the other or waits for it.
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

DEFAULT_SCHEMA = "public"


def connect_in_schema(engine: Engine) -> None:
    """Make every connection of an engine see the schema that its URL names, and nothing else."""
    if schema_of(engine.url):
        event.listen(engine, "do_connect", _connect)


def lock_key(connection: Connection, purpose: str) -> Function[Any]:
    """Return the number of this store's advisory lock for a purpose; each schema has its own."""
    here = func.coalesce(cast(func.current_schema(), Text), schema_of(connection.engine.url))
    return func.hashtextextended(func.concat(purpose, " in ", here), 0)


def refuse_closed_schema(connection: Connection, where: str) -> None:
    """Raise StoreError where the schema exists but this role may not look into it."""
    named = schema_of(connection.engine.url)
    if named is None and connection.execute(select(func.current_schema())).scalar() is not None:
        return
    name = named or DEFAULT_SCHEMA
    allowed = select(func.has_schema_privilege(name, "USAGE"))
    if _exists(connection, name) and not connection.execute(allowed).scalar_one():
        raise StoreError(
            f"this role may not use the schema {name!r}.",
            where=where,
            next_step="Ask its owner to run"
            f" `GRANT USAGE ON SCHEMA {_quoted(connection, name)} TO {_quoted_role(connection)}`.",
        )


def make_schema(connection: Connection, where: str) -> None:
    """Create the schema that the URL names, if it is missing; raises StoreError if it may not."""
    name = schema_of(connection.engine.url)
    if name is None or _exists(connection, name):
        return
    here = func.current_database()
    if not connection.execute(select(func.has_database_privilege(here, "CREATE"))).scalar_one():
        raise StoreError(
            f"there is no schema {name!r}, and this role may not create it.",
            where=where,
            next_step="Ask the database's owner to run `CREATE SCHEMA"
            f" {_quoted(connection, name)} AUTHORIZATION {_quoted_role(connection)}`.",
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


def _exists(connection: Connection, name: str) -> bool:
    schemas = table("pg_namespace", column("nspname"))
    of_that_name = select(schemas.c.nspname).where(schemas.c.nspname == name)
    return connection.execute(of_that_name).first() is not None


def _quoted_role(connection: Connection) -> str:
    return _quoted(connection, connection.execute(select(func.current_user())).scalar_one())


def _quoted(connection: Connection, name: str) -> str:
    return str(connection.execute(select(func.quote_ident(name))).scalar_one())
