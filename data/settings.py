"""The settings a user gives in the environment; the one place that reads it."""

from functools import cache
from pathlib import Path

import psutil
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from data.address import url_of
from data.errors import CallError

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: relative paths in settings start here, also inside a Prefect worker."""


MEMORY_SHARE = 0.75
"""The share of the machine's memory that one framework's process may take, if nobody says."""


class Settings(BaseSettings):
    """Where things are, and what a fit may take; each is `NIGHTFIT_` and its name."""

    model_config = SettingsConfigDict(env_prefix="NIGHTFIT_", frozen=True, env_ignore_empty=True)

    database_url: str = Field(default="sqlite:///nightfit.db", repr=False)
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
        object.__setattr__(self, "database_url", _absolute_url(self.database_url))


def _absolute_url(text: str) -> str:
    try:
        url = url_of(text)
    except ValueError as error:
        raise CallError(
            "NIGHTFIT_DATABASE_URL is not a database URL.", next_step=str(error)
        ) from None
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        url = url.set(database=str(ROOT / url.database))
    return url.render_as_string(hide_password=False)


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
