"""A PostgreSQL role that may only read the views, created as the documentation says."""

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest
from helpers.documents import code, section
from helpers.old_stores import make, views_of
from helpers.segment_nights import OWN, moved, shop_night, write_shops
from helpers.store_nights import promoted, read, rows, run_sql, write
from helpers.warm_command import WARM
from sqlalchemy import make_url
from sqlalchemy.exc import ProgrammingError

from data.errors import StoreError
from data.store.database.upgrades import upgrade
from data.store.database.version import VERSION_TABLE
from data.store.read.datasets import stored_datasets
from data.store.records import NaiveRecord, SourceColumnRecord
from data.store.session import Store
from data.store.tables import metadata
from data.store.views import VIEWS

SCHEMA = 'Our "nights"'


@pytest.fixture
def new_role() -> Iterator[Callable[[str], str]]:
    """Run the document's SQL on a store, and return the URL of the role that it makes."""
    made: list[tuple[str, str]] = []

    def make_role(address: str, views: tuple[str, ...] = (*VIEWS, VERSION_TABLE)) -> str:
        name = f"analyst_{uuid.uuid4().hex[:8]}"
        made.append((address, name))
        (documented,) = code(section("Who may read it"), "sql")
        create, use, grant = documented.replace("analyst", name).strip().split(";\n")
        listed = grant.partition(" ON\n")[2].partition("TO ")[0]
        assert {view.strip() for view in listed.split(",")} == {*VIEWS, VERSION_TABLE}
        run_sql(address, create, use, grant.rstrip(";").replace(listed, ", ".join(views) + " "))
        url = make_url(address).set(username=name, password="choose one")
        return url.render_as_string(hide_password=False)

    yield make_role
    for address, name in made:
        run_sql(address, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


@pytest.fixture
def filled(new_on_server) -> str:
    """The URL of a store with a night in it, as its owner."""
    address = new_on_server()
    columns = [SourceColumnRecord(name="age", role="feature", kind="number")]
    naive = [NaiveRecord(name="mean", rows="test", rmse=2.0, mae=1.0, n=1)]
    facts = {"columns": columns, "naive": naive}
    write(Store(address), promoted(1, {"a": 1.0}, name="torch/least_squares", **facts))
    write_shops(Store(address), shop_night(1, {"a": OWN, "b": None}, decisions=[moved("a")]))
    return address


def test_role_reads_every_view(filled: str, new_role):
    role = new_role(filled)
    for view in set(VIEWS) - {"prediction_outcome", "champion_resilience"}:
        assert run_sql(role, f"SELECT * FROM {view}"), view
    assert run_sql(role, "SELECT * FROM prediction_outcome") == []
    assert run_sql(role, "SELECT * FROM champion_resilience") == []


def test_role_reads_no_table_and_writes_nothing(filled: str, new_role):
    role = new_role(filled)
    refused = [f"SELECT count(*) FROM {table}" for table in metadata.tables]
    refused += [f"DELETE FROM {name}" for name in (*metadata.tables, VERSION_TABLE)]
    refused += [
        "UPDATE prediction_outcome SET actual = 0",
        "INSERT INTO nightfit_version VALUES ('x')",
        "CREATE TABLE mine (x INTEGER)",
        "DROP VIEW champion",
        "COMMENT ON VIEW champion IS 'mine'",
    ]
    for statement in refused:
        with pytest.raises(ProgrammingError, match="InsufficientPrivilege"):
            run_sql(role, statement)


def nightfit(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return WARM.run(arguments, {**os.environ, "NIGHTFIT_DATABASE_URL": address}, timeout=60)


def test_the_command_works_for_the_role(filled: str, new_role):
    role = new_role(filled)
    query = ("query", "champion", "--columns", "kind", "--format", "csv", "--dataset")
    done = nightfit(role, *query, "wages")
    assert (done.stdout, done.stderr) == ("kind\nleast_squares\n", "")
    assert "Did you mean 'wages'" in nightfit(role, *query, "wagse").stderr
    assert nightfit(role, "history", "wages").returncode == 0
    refused = nightfit(role, "status")
    assert refused.returncode == 1
    assert "permission denied for table run. Ask its owner to grant" in refused.stderr


def test_view_that_was_not_granted_is_named(filled: str, new_role):
    role = new_role(filled, ("champion", VERSION_TABLE))
    with pytest.raises(StoreError, match="permission denied for view leaderboard") as caught:
        rows(Store(role), "leaderboard")
    assert caught.value.next_step.startswith("Ask its owner to grant")


def test_grants_outlive_an_upgrade(new_on_server, new_role, request: pytest.FixtureRequest):
    address = new_on_server()
    make(address, release="0.1.0")
    role = new_role(address, (*views_of("0.1.0"), VERSION_TABLE))
    request.getfixturevalue("next_version")
    assert upgrade(address).after == "9999"
    assert read(Store(role), stored_datasets) == ("sales", "wages")
    for view in views_of("0.1.0"):
        run_sql(role, f"SELECT * FROM {view}")
    assert run_sql(role, "SELECT count(*) FROM champion") == [(2,)]


def test_role_reads_the_views_of_a_schema_of_its_own(new_on_server, new_role):
    server = make_url(new_on_server())
    address = server.update_query_dict({"schema": SCHEMA}).render_as_string(hide_password=False)
    write(Store(address), promoted(1, {"a": 1.0}))
    name = f"reader_{uuid.uuid4().hex[:8]}"
    (documented,) = code(section("Who may read it"), "sql")
    quoted = '"' + SCHEMA.replace('"', '""') + '"'
    own = documented.replace("analyst", name).replace("SCHEMA public", f"SCHEMA {quoted}")
    statements = [f"SET search_path = {quoted}", *filter(str.strip, own.split(";\n"))]
    run_sql(server, *statements, f"ALTER ROLE {name} SET search_path = {quoted}")
    try:
        role = make_url(address).set(username=name, password="choose one")
        store = Store(role.render_as_string(hide_password=False))
        assert rows(store, "champion", dataset="wages", columns=["kind"]) == [{"kind": "ann"}]
        assert run_sql(role.difference_update_query(["schema"]), "SELECT kind FROM champion") == [
            ("ann",)
        ]
    finally:
        run_sql(server, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")
