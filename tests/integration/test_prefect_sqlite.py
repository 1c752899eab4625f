"""Transactions of Prefect's server that read and then write: all are kept, one after the other."""

import asyncio
from pathlib import Path

import pytest
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import provide_database_interface
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings
from sqlalchemy import text

from flows.command.prefect_sqlite import WritersInTurn, writers_in_turn


async def written(configuration: AioSqliteConfiguration, seconds: float) -> list[str]:
    """Return what went wrong with two transactions that begin at the same time.

    Each waits for so many seconds until the second one reads, before it writes.
    """
    engine = await configuration.engine()
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS noted (row INTEGER)"))
    reading = asyncio.Event()

    async def write(row: int) -> None:
        session = await configuration.session(engine)
        async with session, configuration.begin_transaction(session):
            await session.execute(text("SELECT count(*) FROM noted"))
            if row == 2:
                reading.set()
            await asyncio.wait([asyncio.create_task(reading.wait())], timeout=seconds)
            await session.execute(text(f"INSERT INTO noted VALUES ({row})"))

    outcomes = await asyncio.gather(write(1), write(2), return_exceptions=True)
    await engine.dispose()
    return [str(outcome) for outcome in outcomes if outcome is not None]


def test_both_transactions_are_kept(tmp_path: Path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"
    assert asyncio.run(written(WritersInTurn(url), 0.3)) == []


def test_prefect_itself_refuses_one_of_them(tmp_path: Path):
    """As long as it does, `prefect_sqlite.py` is needed."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'prefect.db'}"
    (failure,) = asyncio.run(written(AioSqliteConfiguration(url), 30.0))
    assert "database is locked" in failure


@pytest.mark.parametrize(
    ("url", "replaced"),
    [("sqlite+aiosqlite:///{}/p.db", True), ("postgresql+asyncpg://ann@host/prefect", False)],
    ids=["sqlite", "postgresql"],
)
def test_only_sqlite_needs_it(tmp_path: Path, url: str, replaced: bool):
    settings = {PREFECT_API_DATABASE_CONNECTION_URL: url.format(tmp_path)}
    with temporary_settings(settings), writers_in_turn():
        if replaced:
            used = provide_database_interface().database_config
            assert isinstance(used, WritersInTurn)
            assert used.connection_url == url.format(tmp_path)
        else:
            from prefect.server.database.dependencies import MODELS_DEPENDENCIES

            assert not isinstance(MODELS_DEPENDENCIES["database_config"], WritersInTurn)
