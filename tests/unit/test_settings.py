"""The schema of a PostgreSQL database: set by a setting or in the URL, and refused if invalid."""

import pytest
from sqlalchemy import make_url

from data.errors import CallError
from data.settings import Settings, settings

URL = "postgresql://ann:pass-w0rd@host/shop"


def test_schema_goes_into_the_url(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", URL)
    monkeypatch.setenv("NIGHTFIT_DATABASE_SCHEMA", 'our "nights" & más')
    url = make_url(Settings().database_url)
    assert dict(url.query) == {"schema": 'our "nights" & más'}
    assert url.set(query={}) == make_url(URL)


@pytest.mark.parametrize("schema", [None, "", "nights"])
def test_schema_in_the_url_is_the_same_setting(schema: str | None):
    both = Settings(database_url=f"{URL}?schema=nights", database_schema=schema)
    assert make_url(both.database_url).query["schema"] == "nights"


@pytest.mark.parametrize(
    ("url", "schema", "message"),
    [
        ("sqlite:///store.db", "nights", "only PostgreSQL has schemas, but the database is sqlite"),
        ("sqlite:///store.db?schema=nights", None, "only PostgreSQL has schemas"),
        (f"{URL}?schema=other", "nights", "in several schemas: 'nights', 'other'"),
        (URL, "pg_nights", "'pg_nights' cannot be the name of a schema: PostgreSQL reserves it"),
        (URL, "$user", "PostgreSQL reserves it"),
        (URL, "ñ" * 32, "longer than 63 bytes"),
        (URL, "two\nlines", "cannot be printed"),
    ],
)
def test_name_that_cannot_be_a_schema_is_refused(url: str, schema: str | None, message: str):
    with pytest.raises(CallError, match=message) as caught:
        Settings(database_url=url, database_schema=schema)
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    assert "pass-w0rd" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (name, text)
            for name in (
                "FIT_TIME_LIMIT",
                "FIT_MEMORY_LIMIT",
                "KEEP_RUNS",
                "STORE_RETRY_TIME",
                "SOURCE_RETRY_TIME",
            )
            for text in ("abc", "-1", "nan", "inf", "1e400", "1e300", "9" * 5_000, "\udcff", "0x10")
        ),
        ("FIT_MEMORY_LIMIT", "0.49"),
        ("HOME", "~nobody-of-that-name/home"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("PREFECT", "x" * 5_000),
    ],
)
def test_an_impossible_setting_is_named_in_a_sentence(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(f"NIGHTFIT_{name}", text)
    with pytest.raises(CallError, match=f"NIGHTFIT_{name}") as caught:
        settings.__wrapped__()
    assert len(str(caught.value)) < 400
    monkeypatch.setenv(f"NIGHTFIT_{name}", "")  # the same as unset
    settings.__wrapped__()
