"""The settings, which come from the environment; no other module of the project reads them there.

The table of settings in the documentation is generated from the descriptions in this file.
"""

import os
from functools import cache
from pathlib import Path
from typing import Literal

import psutil
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL

from data.cluster_address import ClusterAddress, cluster_address
from data.errors import CallError
from data.store.database.address import SCHEMA_KEY, url_of

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: relative paths in settings start here, also inside a Prefect worker."""

MEMORY_SHARE = 0.75
"""The default limit of a framework's process, as a share of the machine's memory."""

MIN_GIB = 0.5
"""With less, a framework cannot be imported; some libraries then wait for ever, or crash."""

MAX_SECONDS, MAX_HOURS, MAX_GIB, MAX_RUNS = 1e8, 1e5, 1e6, 10**9
"""Larger numbers than these are mistakes, and more than the system can count."""

MAX_SCHEMA_BYTES = 63
"""PostgreSQL silently cuts longer names."""


class Settings(BaseSettings):
    """Where things are, and how much a fit may use; each variable is `NIGHTFIT_` and the name."""

    model_config = SettingsConfigDict(env_prefix="NIGHTFIT_", frozen=True, env_ignore_empty=True)

    database_url: str = Field(
        default="sqlite:///nightfit.db",
        repr=False,
        description="The database, as `sqlite:///file.db` or"
        " `postgresql://user:password@host/name`.",
    )
    database_schema: str | None = Field(
        default=None,
        description="The schema of a PostgreSQL database that holds the store. If it is not set,"
        " the first one of the role's search path.",
    )
    home: Path = Field(
        default=Path(".nightfit"),
        description="The folder for snapshots, logs, compiled code and Prefect's own files.",
    )
    datasets: Path = Field(
        default=Path("data/datasets"), description="The folder of the declarations."
    )
    prefect: Literal["profile", "auto"] = Field(
        default="profile",
        description="Which Prefect server a command uses: `profile`, the one that `PREFECT_API_URL`"
        " or your Prefect profile names, or else one of its own; `auto`, the same, but one of its"
        " own also where that server or Prefect's settings cannot be used.",
    )
    prefect_file: Path = Field(
        default=Path("prefect.yaml"),
        description="The file that says which deployments `nightfit serve` registers, and when they"
        " run. A copy of `prefect.yaml` elsewhere keeps your hours when nightfit is updated.",
    )
    fit_time_limit: float = Field(
        default=600.0,
        gt=0,
        le=MAX_SECONDS,
        allow_inf_nan=False,
        description="The seconds that one fit may take. An ANN with a plan may take as long once"
        " for every 600 billion products of its plan.",
    )
    fit_memory_limit: float = Field(
        default_factory=lambda: MEMORY_SHARE * psutil.virtual_memory().total / 2**30,
        ge=MIN_GIB,
        le=MAX_GIB,
        allow_inf_nan=False,
        description="The GiB of memory that each framework's process may use (Linux only), 0.5 or"
        " more. If it is not set, three quarters of the machine's memory.",
    )
    cluster: str | None = Field(
        default=None,
        description="The Dask cluster on which candidates are fitted: `tcp://scheduler:8786` or"
        " `tls://...`, or on this machine `local`, with a worker for each core, or `local:4`. If it"
        " is not set, they are fitted on this machine without Dask.",
    )
    cluster_wait: float = Field(
        default=120.0,
        gt=0,
        le=MAX_SECONDS,
        allow_inf_nan=False,
        description="The seconds for which a run waits for the scheduler of the cluster, for its"
        " first worker, and for another one if all are lost.",
    )
    store_retry_time: float = Field(
        default=600.0,
        ge=0,
        le=MAX_SECONDS,
        allow_inf_nan=False,
        description="The seconds for which a run tries again to reach a database that is away,"
        " restarted or locked, before it is given up.",
    )
    source_retry_time: float | None = Field(
        default=None,
        ge=0,
        le=MAX_SECONDS,
        allow_inf_nan=False,
        description="The seconds for which a run tries again to read a source that is missing,"
        " incomplete or away. If it is not set, `300` in runs of Prefect's deployments; those of a"
        " command end at once if it is missing or incomplete, and try four times if it is away.",
    )
    keep_runs: int = Field(
        default=30,
        ge=1,
        le=MAX_RUNS,
        description="The number of runs per dataset that are kept whole; of older ones, what"
        " nothing needs any more is pruned.",
    )
    notify: str | None = Field(
        default=None,
        repr=False,
        description="Whom alarms are sent to: URLs of Apprise, separated by commas or blanks, such"
        " as `mailtos://user:password@smtp.example.com?from=...&to=...`, `slack://...` or"
        " `https://...` for a webhook.",
    )
    good_night_within: float = Field(
        default=26.0,
        gt=0,
        le=MAX_HOURS,
        allow_inf_nan=False,
        description="The hours within which each dataset should have a good night, one that"
        " succeeded or was skipped; `nightfit serve` sends an alarm after that.",
    )
    page_url: str | None = Field(
        default=None,
        description="The address of the page of `nightfit serve` as people open it, for the links"
        " in alarms. `nightfit serve` sets it for its own runs.",
    )

    def model_post_init(self, _context: object) -> None:
        """Make every path absolute, starting at the project's folder."""
        for name in ("home", "datasets", "prefect_file"):
            object.__setattr__(self, name, ROOT / _expanded(getattr(self, name), name))
        if self.cluster is not None:
            cluster_address(self.cluster)
        url = _absolute(_url(self.database_url))
        wanted = [self.database_schema] if self.database_schema else []
        schemas = {*url.normalized_query.get(SCHEMA_KEY, ()), *wanted}
        if schemas:
            url = _with_schema(url, schemas)
        object.__setattr__(self, "database_url", url.render_as_string(hide_password=False))

    @property
    def cluster_address(self) -> ClusterAddress | None:
        """Return which cluster fits candidates, None if none does."""
        return None if self.cluster is None else cluster_address(self.cluster)

    @property
    def declared_memory_limit(self) -> float | None:
        """Return the limit of a framework's process in GiB if it is set, None if not."""
        return self.fit_memory_limit if "fit_memory_limit" in self.model_fields_set else None


@cache
def settings() -> Settings:
    """Return the settings of this process; a wrong one is a `CallError`.

    Called only where a flow or a command begins, which passes on what the rest needs.
    """
    try:
        return Settings()
    except ValidationError as error:
        mistakes = (
            f"NIGHTFIT_{str(mistake['loc'][0]).upper()}: {mistake['msg']}."
            for mistake in error.errors()
        )
        raise CallError(
            " ".join(mistakes), where="the environment", next_step="Correct it, or unset it."
        ) from None


def unknown_variables() -> list[str]:
    """Return the names of variables that look like settings, but are none."""
    prefix = Settings.model_config["env_prefix"]
    known = {f"{prefix}{name}".upper() for name in Settings.model_fields}
    names = (name for name in os.environ if name.upper().startswith(prefix))
    return sorted(name for name in names if name.upper() not in known)


def _url(text: str) -> URL:
    try:
        return url_of(text)
    except ValueError as error:
        raise CallError(
            "NIGHTFIT_DATABASE_URL is not a database URL.", next_step=str(error)
        ) from None


def _expanded(path: Path, name: str) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise CallError(
            f"{str(path)!r} begins with the home of a user whom this machine does not know.",
            where=f"NIGHTFIT_{name.upper()}",
            next_step="Write the whole path.",
        ) from None


def _absolute(url: URL) -> URL:
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in (None, "", ":memory:"):
        raise CallError(
            "it names no file, and a database in memory would be gone when the command ends.",
            where="NIGHTFIT_DATABASE_URL",
            next_step="Write it as sqlite:///file.db.",
        )
    return url.set(database=str(ROOT / str(url.database)))


def _with_schema(url: URL, schemas: set[str]) -> URL:
    """Return the URL with its one schema in it; raise `CallError` if it cannot be used."""
    if len(schemas) > 1:
        raise CallError(
            f"the store cannot be in several schemas: {', '.join(map(repr, sorted(schemas)))}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Remove `schema` from NIGHTFIT_DATABASE_URL, or unset this setting.",
        )
    (schema,) = schemas
    if url.get_backend_name() != "postgresql":
        raise CallError(
            f"only PostgreSQL has schemas, but the database is {url.get_backend_name()}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Unset it, or name a PostgreSQL database in NIGHTFIT_DATABASE_URL.",
        )
    if reason := _why_not_a_schema(schema):
        raise CallError(
            f"{schema!r} cannot be the name of a schema: {reason}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Choose another name, for example nightfit.",
        )
    return url.update_query_dict({SCHEMA_KEY: schema})


def _why_not_a_schema(name: str) -> str:
    """Return why PostgreSQL would refuse this name or read it as something else, or ""."""
    if name.startswith("pg_") or name in ("$user", "information_schema"):
        return "PostgreSQL reserves it for itself"
    if not name.isprintable():
        return "it has a character that cannot be printed"
    if len(name.encode()) > MAX_SCHEMA_BYTES:
        return f"it is longer than {MAX_SCHEMA_BYTES} bytes"
    return ""
