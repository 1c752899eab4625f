"""SQLite under Prefect's server, where writers wait for each other instead of failing.

Prefect begins its transactions by reading, without the right to write. Two of them at once then
wait for each other until one fails as "database is locked", which the page shows as an error. Here
a transaction asks for that right first: SQLite lets one in after the other.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import temporary_database_config
from prefect.settings import get_current_settings
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WritersInTurn(AioSqliteConfiguration):
    """Prefect's configuration, except that a transaction may write from its beginning."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Enter a transaction, once no other one writes."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def writers_in_turn() -> AbstractContextManager[object]:
    """Have Prefect's server in this process use it, if its database is one of SQLite."""
    url = get_current_settings().server.database.connection_url
    assert url is not None  # Prefect has a default
    text = url.get_secret_value()
    if make_url(text).get_backend_name() != "sqlite":
        return nullcontext()
    return temporary_database_config(WritersInTurn(text))
