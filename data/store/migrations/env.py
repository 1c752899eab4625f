"""Runs the migrations on the connection, and in the transaction, that the caller gives."""

from alembic import context

from data.store.database.version import VERSION_TABLE
from data.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
