"""A night on hostile names and values, with both kinds of database; no password is shown."""

import csv
import io
import json
import random
import string
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, make_url, text

from data.store.tables import metadata
from flows.command.printable import printable

RANDOM = "".join(random.Random(7).choices(string.printable[:94], k=10_000))
PASSWORD = "Zq9x7 @/:%'\"w?#"
KEY, TARGET, LEVEL, NUMBER = (
    "order; DROP TABLE run; --",
    "[red] \u202e%s",
    "l'é\"`:x {}",
    "n\t\x1b[31m",
)
LEVELS = ["\x1b[31mred\x1b[0m", "[college]", "other", "missing", "'; --\n\"", " a ", RANDOM[:1_500]]
KEYS = [*LEVELS[:-1], "e\u0301", "\u00e9", "🦊", "שלום \u202e", "%s :x {y} \\", RANDOM[:2_000]]
DESCRIPTION = f"\x1b]0;{RANDOM}\u2066 [/red] %s"
SET_ASIDE = {KEY: KEYS[0], LEVEL: "\x9b[/link]\n'"}
ROWS = 120


def declaration() -> str:
    return json.dumps(  # JSON is YAML, too
        {
            "description": DESCRIPTION,
            "source": {"path": "hostile.parquet"},
            "key": KEY,
            "target": TARGET,
            "features": [LEVEL, NUMBER],
            "terms": [],
            "split": {"folds": 2},
            "candidates": {"frameworks": ["torch"], "kinds": ["least_squares"]},
            "expectations": [
                {
                    "type": "expect_column_values_to_not_be_in_set",
                    "kwargs": {"column": LEVEL, "value_set": [SET_ASIDE[LEVEL]]},
                    "quarantine": True,
                }
            ],
        }
    )


def source() -> pa.Table:
    """Return rows with each level and key; the first should be set aside, the last two are new."""
    keys = [*KEYS, *(f"{RANDOM[:10]} {i}" for i in range(ROWS - len(KEYS)))]
    levels = [LEVELS[i % len(LEVELS)] if i % 40 else f"rare {i}" for i in range(ROWS)]
    levels[0] = SET_ASIDE[LEVEL]
    numbers = [float(i % 13) for i in range(ROWS)]
    target = [len(levels[i]) % 5 + 2 * numbers[i] + (i * 7 % 11) / 9 for i in range(ROWS - 2)]
    return pa.table({KEY: keys, LEVEL: levels, NUMBER: numbers, TARGET: [*target, None, None]})


@dataclass(frozen=True)
class Hostile:
    """A workspace whose runs go into a database of either kind, and the output of its night."""

    workspace: Any
    url: str
    done: subprocess.CompletedProcess[str]

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        done = self.workspace.run(*args, NIGHTFIT_DATABASE_URL=self.url)
        assert done.returncode == 0, done.stderr
        return done

    def raw(self, *args: str) -> bytes:
        return self.workspace.raw(*args, NIGHTFIT_DATABASE_URL=self.url)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        engine = create_engine(make_url(self.url).set(drivername=DRIVERS[self.url.split(":")[0]]))
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(text(statement))]
        engine.dispose()
        return rows


DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


@pytest.fixture(scope="module")
def with_password(postgresql, new_on_server) -> Iterator[str]:
    """The URL of a PostgreSQL database whose owner has a password."""
    made = make_url(new_on_server())
    engine = create_engine(made, isolation_level="AUTOCOMMIT")
    role = f"hostile_{made.database.removeprefix('nightfit_test_')}"
    with engine.connect() as connection:
        word = PASSWORD.replace("'", "''").replace(":", r"\:")
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{word}'"))
        connection.execute(text(f"ALTER DATABASE {made.database} OWNER TO {role}"))
    engine.dispose()
    url = made.set(drivername="postgresql", username=role, password=PASSWORD)
    yield url.render_as_string(hide_password=False)
    engine = create_engine(made, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"REASSIGN OWNED BY {role} TO CURRENT_USER"))
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def hostile(request, new_workspace) -> Hostile:
    """A night on hostile rows whose every message went to Prefect as well as to the terminal."""
    workspace = new_workspace()
    workspace.declare("hostile", declaration())
    pq.write_table(source(), workspace.folder / "datasets" / "hostile.parquet")
    url = f"sqlite:///{workspace.database}"
    if request.param == "postgresql":
        url = request.getfixturevalue("with_password")
    logging = {"PREFECT_LOGGING_EXTRA_LOGGERS": "nightfit", "PREFECT_LOGGING_LEVEL": "DEBUG"}
    done = workspace.run("retrain", "hostile", NIGHTFIT_DATABASE_URL=url, **logging)
    assert done.returncode == 0, done.stderr
    return Hostile(workspace, url, done)


def test_names_and_values_are_stored_unchanged(hostile):
    keys = {key for (key,) in hostile.sql("SELECT key FROM current_prediction")}
    assert keys == set(source()[KEY].to_pylist()) - {SET_ASIDE[KEY]}
    terms = [term for (term,) in hostile.sql("SELECT term FROM current_coefficient")]
    used = sorted(LEVELS)[1:]
    named = {"intercept", NUMBER, *(f"{LEVEL}[{level}]" for level in used), f"{LEVEL}[(other)]"}
    assert sorted(terms) == sorted(named)
    ((key, values, reason),) = hostile.sql("SELECT key, row_values, reason FROM rejected_row")
    values = json.loads(values) if isinstance(values, str) else values
    assert (key, values[LEVEL]) == (SET_ASIDE[KEY], SET_ASIDE[LEVEL])
    assert repr(SET_ASIDE[LEVEL]) in reason
    ((kept,),) = hostile.sql("SELECT declaration FROM run")
    assert json.loads(kept)["description"] == DESCRIPTION


def test_query_gives_programs_every_character(hostile, tmp_path):
    by_sql = dict(hostile.sql("SELECT key, predicted FROM current_prediction"))
    query = ("query", "current_prediction", "--dataset", "hostile", "--format")
    as_json = json.loads(hostile.run(*query, "json").stdout)
    assert {row["key"]: row["predicted"] for row in as_json} == by_sql
    as_csv = csv.DictReader(io.StringIO(hostile.raw(*query, "csv").decode(), newline=""))
    assert {row["key"]: float(row["predicted"]) for row in as_csv} == by_sql
    table = pq.read_table(io.BytesIO(hostile.raw(*query, "parquet")))
    assert {row["key"]: row["predicted"] for row in table.to_pylist()} == by_sql


def test_output_for_people_has_no_terminal_commands(hostile):
    calls = {
        "query current_coefficient": f"{LEVEL}[[college]]",
        "query current_prediction": "[college]",
        "history hostile": "first champion",
    }
    if hostile.url.startswith("sqlite"):  # once is enough: neither depends on the kind of database
        calls |= {"check hostile": r"\x9b[/link]", "status": "hostile"}
    for call, shown in calls.items():
        done = hostile.run(*call.split())
        assert shown in done.stdout
        assert printable(done.stdout + done.stderr) == done.stdout + done.stderr
    printed = hostile.done.stdout + hostile.done.stderr
    assert printable(printed) == printed


def test_a_reason_is_stored_unchanged_and_shown_without_terminal_commands(hostile):
    run = hostile.sql("SELECT max(run_id) FROM run WHERE status = 'succeeded'")[0][0]
    reason = "'; -- \x1b[31m [red] %s :x \u202e 🦊"
    hostile.run("promote", "hostile", str(run), "--pin", "--reason", reason)
    latest = "SELECT reason FROM promotion ORDER BY promotion_id DESC LIMIT 1"
    assert hostile.sql(latest) == [(reason,)]
    assert printable(reason) in hostile.run("history", "hostile").stdout
    url = {"NIGHTFIT_DATABASE_URL": hostile.url}
    refused = hostile.workspace.run("promote", "hostile", str(run), "--reason", "caf\udce9", **url)
    assert (refused.returncode, "--reason is not UTF-8" in refused.stderr) == (2, True)


def forms(password: str) -> list[bytes]:
    """Return a password as it is, and as it is written in a URL, in JSON or in Python."""
    written = [password, quote(password), quote_plus(password), quote(password, safe="")]
    written += [json.dumps(password)[1:-1], repr(password)[1:-1]]
    url = make_url("postgresql://").set(username="u", password=password)
    written.append(url.render_as_string(False).split(":")[-1].rstrip("@"))
    return [form.encode() for form in written]


@pytest.mark.parametrize("hostile", ["postgresql"], indirect=True)
def test_the_databases_password_appears_nowhere(hostile, prefect_server):
    for call in (("status", "--format", "json"), ("db", "upgrade"), ("prune", "--format", "json")):
        done = hostile.run(*call)
        assert no_secret((done.stdout + done.stderr).encode())
    assert no_secret((hostile.done.stdout + hostile.done.stderr).encode())
    for folder in (hostile.workspace.folder, prefect_server.home):
        contents = {}
        for path in Path(folder).rglob("*"):
            with suppress(IsADirectoryError, FileNotFoundError):  # what Prefect's server removes
                contents[path] = path.read_bytes()
        assert any(b"hostile" in content for content in contents.values())
        assert [path for path, content in contents.items() if not no_secret(content)] == []
    for table in metadata.tables:
        assert no_secret(repr(hostile.sql(f'SELECT * FROM "{table}"')).encode()), table


def no_secret(content: bytes) -> bool:
    """Return whether the password is absent in every form; its start is the same in all of them."""
    return not any(form in content for form in [*forms(PASSWORD), PASSWORD[:5].encode()])


@pytest.mark.parametrize("hostile", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"username": "nobody_here"}, 1),
        ({"database": "nothing_here"}, 1),
        ({"host": "127.0.0.1", "port": 1}, 1),
        ({"query": {"nooption": "1"}}, 1),
        ({"drivername": "nodatabase"}, 2),  # a setting that can mean no database
    ],
)
def test_the_password_is_not_shown_if_the_database_cannot_be_reached(hostile, wrong, code):
    url = make_url(hostile.url).set(**wrong).render_as_string(hide_password=False)
    done = hostile.workspace.run("status", NIGHTFIT_DATABASE_URL=url)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert no_secret((done.stdout + done.stderr).encode())
