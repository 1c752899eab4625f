"""The settings a user gives in the environment; the one place that reads it."""

from functools import cache
from pathlib import Path

import psutil
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL

from data.errors import CallError
from data.store.database.address import SCHEMA_KEY, url_of

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: relative paths in settings start here, also inside a Prefect worker."""


MEMORY_SHARE = 0.75
"""The share of the machine's memory that one framework's process may take, if nobody says."""


class Settings(BaseSettings):
    """Where things are, and what a fit may take; each is `NIGHTFIT_` and its name."""

    model_config = SettingsConfigDict(env_prefix="NIGHTFIT_", frozen=True, env_ignore_empty=True)

    database_url: str = Field(default="sqlite:///nightfit.db", repr=False)
    database_schema: str | None = Field(
        default=None, description="PostgreSQL's schema of the store; named in `database_url` then"
    )
    home: Path = Path(".nightfit")
    datasets: Path = Path("data/datasets")
    fit_time_limit: float = Field(default=600.0, gt=0, description="seconds one candidate may take")
    fit_memory_limit: float = Field(
        default_factory=lambda: MEMORY_SHARE * psutil.virtual_memory().total / 2**30,
        gt=0,
        description="GiB that each framework's process may take",
    )
    keep_runs: int = Field(default=30, ge=1, description="runs of a dataset that stay whole")

    def model_post_init(self, _context: object) -> None:
        """Make every path absolute, starting from the project's folder."""
        for name in ("home", "datasets"):
            object.__setattr__(self, name, ROOT / getattr(self, name).expanduser())
        url = _absolute(_url(self.database_url))
        wanted = [self.database_schema] if self.database_schema else []
        schemas = {*url.normalized_query.get(SCHEMA_KEY, ()), *wanted}
        if schemas:
            url = _with_schema(url, schemas)
        object.__setattr__(self, "database_url", url.render_as_string(hide_password=False))


def _url(text: str) -> URL:
    try:
        return url_of(text)
    except ValueError as error:
        raise CallError(
            "NIGHTFIT_DATABASE_URL is not a database URL.", next_step=str(error)
        ) from None


def _absolute(url: URL) -> URL:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(ROOT / url.database))
    return url


def _with_schema(url: URL, schemas: set[str]) -> URL:
    """Return the URL with the one schema named in it, or say why it cannot be that schema."""
    if len(schemas) > 1:
        raise CallError(
            f"the store cannot be in several schemas: {', '.join(map(repr, sorted(schemas)))}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Leave `schema` out of NIGHTFIT_DATABASE_URL, or this setting unset.",
        )
    (schema,) = schemas
    if url.get_backend_name() != "postgresql":
        raise CallError(
            f"only PostgreSQL has schemas, and the database is {url.get_backend_name()}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Unset it, or name a PostgreSQL database in NIGHTFIT_DATABASE_URL.",
        )
    if reason := _no_schema(schema):
        raise CallError(
            f"{schema!r} cannot be the name of a schema: {reason}.",
            where="NIGHTFIT_DATABASE_SCHEMA",
            next_step="Choose another name, such as nightfit.",
        )
    return url.update_query_dict({SCHEMA_KEY: schema})


def _no_schema(name: str) -> str:
    """Say why PostgreSQL would not take this name, or would take it for something else."""
    if name.startswith("pg_") or name in ("$user", "information_schema"):
        return "PostgreSQL keeps it for itself"
    if not name.isprintable():
        return "it has a character that cannot be printed"
    return "it is longer than 63 bytes" if len(name.encode()) > 63 else ""


@cache
def settings() -> Settings:
    """Return the settings of this process; a wrong one is a `CallError`."""
    try:
        return Settings()
    except ValidationError as error:
        told = (f"NIGHTFIT_{str(one['loc'][0]).upper()}: {one['msg']}." for one in error.errors())
        raise CallError(
            " ".join(told), where="the environment", next_step="Correct it, or leave it out."
        ) from None
