"""Prefect's settings, which come from the user's environment and files, and may be wrong."""

import contextlib
import io
import os
import re
import sqlite3
import sys
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

from data.errors import NoServer, library_message, shortened
from flows.command.folders import make_folder
from tasks.run.progress import LOG

MAX_QUOTED = 200
"""Characters of what Prefect says about its settings."""

NEEDED_BYTES = 16 * 2**20
"""Prefect's own server does not start, and tries for two minutes, without room for its database."""

HALF_IMPORTED = ("prefect", "prometheus_client")
"""The packages whose import Prefect's settings may break off, and the one that counts for it."""


def import_prefect() -> None:
    """Import Prefect, which reads its settings then; raise NoServer if it cannot use them."""
    output = io.StringIO()
    try:
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stderr(output):
            warnings.simplefilter("always")
            import prefect.context  # noqa: F401
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, these settings cannot be used
        raise _refused(_sentence(error)) from None
    for complaint in (*output.getvalue().splitlines(), *(str(w.message) for w in caught)):
        if "profile" in complaint.lower():
            first = complaint.removeprefix("WARNING: ").partition(". ")[0]
            raise _refused(library_message(first))


def keep_results_temporary() -> None:
    """Let Prefect keep what a flow has raised, which it pickles, among the temporary files."""
    results = Path(tempfile.gettempdir()) / "prefect-results"
    os.environ.setdefault("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(results))


def forget_users_prefect(home: Path) -> None:
    """Make Prefect forget the user's settings and files, and enter `home`, which has none.

    Call it where Prefect could not be imported, or is not in use yet.
    """
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ["PREFECT_PROFILES_PATH"] = str(home / "prefect" / "no profiles.toml")
    os.chdir(home)  # away from a prefect.toml, pyproject.toml or .env
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        with contextlib.redirect_stderr(io.StringIO()):  # it warns of the old profile once more
            refresh_global_settings_context()
        return
    for name in [name for name in sys.modules if name.partition(".")[0] in HALF_IMPORTED]:
        del sys.modules[name]


def prepare_own_server(database_name: str) -> None:
    """Make the folder of Prefect's own server; move a database aside that is none.

    `database_name` is that of the file in this folder that the server keeps its runs in.

    Raises HomeError where the folder cannot be written to.
    """
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url is not None:
        return
    make_folder(settings.home, needed_bytes=NEEDED_BYTES)
    database = settings.home / database_name
    if not database.is_file() or not database.stat().st_size or _is_database(database):
        return
    aside = database.with_name(f"{database_name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{database}{ending}", f"{aside}{ending}")
    LOG.warning(
        "%s is damaged, so Prefect's server begins a new one; nightfit's own results are not in it."
        " The damaged file is now %s",
        database,
        aside.name,
    )


def _is_database(file: Path) -> bool:
    """Return whether SQLite can open a file and read the tables' names."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # locked, for example
        return True
    except sqlite3.DatabaseError:
        return False
    return True


def _refused(sentence: str) -> NoServer:
    home = os.environ.get("PREFECT_HOME", "")
    profiles = os.environ.get("PREFECT_PROFILES_PATH") or str(Path(home) / "profiles.toml")
    return NoServer(
        f"Prefect cannot use its settings: {shortened(sentence, MAX_QUOTED)}",
        next_step=f"Correct the PREFECT_ variable, {profiles}, or the prefect.toml or .env of the"
        " current folder; or set NIGHTFIT_PREFECT=auto: nightfit then uses a server of its own.",
    )


def _sentence(error: Exception) -> str:
    """Return the first thing that Prefect did not understand."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        section = re.sub("(?<=[a-z])(?=[A-Z])", "_", error.title.removesuffix("Settings"))
        name = "_".join(filter(None, ["PREFECT", section, *map(str, first["loc"])])).upper()
        return f"{name}: {first['msg']}, not {shortened(repr(first['input']), 60)}."
    return library_message(f"{type(error).__name__}: {error}")
