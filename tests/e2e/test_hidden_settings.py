"""`nightfit config` as a user runs it: it hides secrets, also in the settings of Prefect."""

from pathlib import Path

import pytest
from helpers.workspace import Workspace

SECRETS = {
    "NIGHTFIT_DATABASE_URL": "postgresql://ann:s3cret%40x@host/shop?sslpassword=s3cret",
    "PREFECT_API_URL": "http://ann:s3cret@host:4200/api",
    "PREFECT_SERVER_API_AUTH_STRING": "ann:s3cret",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://ann:s3/s3cret@x@host/p",
    "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "https://ann:s3cret@page",
}


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_shown(tmp_path: Path, form: str):
    done = Workspace(tmp_path).run("config", "--format", form, **SECRETS)
    assert done.returncode == 0, done.stderr
    assert "s3" not in done.stdout
    for shown in ("postgresql://ann:***@host/shop", "http://host:4200/api", "asyncpg://(hidden)@"):
        assert shown in done.stdout
    assert not list(tmp_path.iterdir())


def test_what_prefect_refuses_is_said_and_the_rest_is_shown(tmp_path: Path):
    done = Workspace(tmp_path).run("config", PREFECT_LOGGING_LEVEL="loud")
    assert done.returncode == 0, done.stderr
    assert "Prefect cannot use its settings: PREFECT_LOGGING_LEVEL" in done.stdout
    assert "NIGHTFIT_KEEP_RUNS = 30  (default)" in done.stdout
