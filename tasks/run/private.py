"""Keeping the files of a run to the user that runs it, whatever has started its process."""

from functools import cache
from pathlib import Path

from data.private_files import close_home, make_private, unsafe_places
from data.settings import Settings
from data.store.database.address import sqlite_file, url_of
from tasks.run.progress import LOG


def keep_private(config: Settings) -> None:
    """Let nobody else read what is made from now on; log what was or stays open, once a process.

    Each flow calls this, because a Prefect worker of the user's own runs it without our command.
    """
    make_private()
    _close(config.home, sqlite_file(url_of(config.database_url)))


@cache
def _close(home: Path, database: Path | None) -> None:
    for sentence in (*close_home(home, database), *unsafe_places(home, database)):
        LOG.warning("%s", sentence)
