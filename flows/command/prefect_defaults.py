"""What nightfit sets for Prefect where the user has not: `nightfit config` lists it."""

import os
from dataclasses import dataclass
from pathlib import Path

from tasks.prune_page import DAYS_ON_PAGE

_RETENTION = str(DAYS_ON_PAGE * 24 * 3600)


@dataclass(frozen=True)
class PrefectDefault:
    """A setting of Prefect, and what it is for: its value in a command and in `nightfit serve`.

    A value that is None is left to Prefect.
    """

    name: str
    in_commands: str | None
    in_serve: str | None
    meaning: str


def prefect_defaults(home: Path) -> tuple[PrefectDefault, ...]:
    """Return what nightfit sets; `home` is nightfit's own."""
    folder = str(home / "prefect")
    return (
        PrefectDefault("PREFECT_HOME", folder, folder, "The folder of Prefect's own files."),
        *(PrefectDefault(*row) for row in _TABLE),
    )


_TABLE = (
    ("PREFECT_SERVER_ANALYTICS_ENABLED", "false", "false", "Nothing is sent to Prefect's makers."),
    ("DO_NOT_TRACK", "1", "1", "The same, for other libraries."),
    (
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS",
        "120",
        "120",
        "How many seconds the server that a command starts for itself may take to answer.",
    ),
    ("PREFECT_LOGGING_LEVEL", "CRITICAL", "INFO", "What Prefect's page shows of a run."),
    ("PREFECT_LOGGING_EXTRA_LOGGERS", None, "nightfit", "The page shows nightfit's lines, too."),
    (
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW",
        None,
        "ignore",
        "Lines that belong to no run are not sent to the page.",
    ),
    ("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL", "CRITICAL", "What Prefect says of itself."),
    ("PREFECT_LOGGING_ROOT_LEVEL", "CRITICAL", "WARNING", "What other libraries say."),
    ("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL", "WARNING", "What Prefect's server says."),
    ("PREFECT_CLI_PROMPT", "false", "false", "Prefect's commands ask nothing."),
    ("PREFECT_WORKER_QUERY_SECONDS", None, "2", "The seconds until the worker sees a new run."),
    (
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED",
        None,
        "events,flow_runs",
        "The server removes old runs, with their logs and artifacts, and old events.",
    ),
    (
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD",
        None,
        _RETENTION,
        f"The age at which it removes a run: {DAYS_ON_PAGE} days, in seconds.",
    ),
    (
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT",
        None,
        "false",
        "The page shows no advertisements.",
    ),
    (
        "PREFECT_SERVER_UI_V2_ENABLED",
        None,
        "false",
        "The second page is not offered: it calls an analytics service.",
    ),
)


def set_prefect_defaults(home: Path, *, serving: bool = False) -> None:
    """Set what Prefect reads when it is imported; variables that the user has set stay."""
    for default in prefect_defaults(home):
        value = default.in_serve if serving else default.in_commands
        if value is not None:
            os.environ.setdefault(default.name, value)
