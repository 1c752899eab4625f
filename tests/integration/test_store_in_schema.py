"""Stores in schemas of their own, on PostgreSQL."""

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.old_stores import assert_same_answers, make
from helpers.store_nights import change, kept, promoted, read, rows, run_sql, serving, write
from helpers.warm_command import WARM
from sqlalchemy import URL, func, make_url, select, text

from data.errors import Busy, StoreError
from data.store.database.lock import dataset_lock, lock_for_writing
from data.store.database.schema import lock_key
from data.store.database.upgrades import upgrade
from data.store.database.version import head
from data.store.read.datasets import dataset_statuses
from data.store.session import Store
from data.store.write.prune import prune

HOSTILE = """Our "nights" 100% o'clock; DROP SCHEMA public -- ☾"""


def in_schema(server: str | URL, schema: str) -> str:
    url = make_url(server).update_query_dict({"schema": schema})
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def server(new_on_server) -> str:
    """The URL of a database for stores in schemas, its `public` empty."""
    return new_on_server()


@pytest.fixture
def two(server: str, request: pytest.FixtureRequest) -> tuple[Store, Store]:
    """Two stores in one database; the name of the second needs quotes."""
    names = (f"{request.node.name}", f"{request.node.name} {HOSTILE}"[-40:])
    first, second = (Store(in_schema(server, name[:50])) for name in names)
    return first, second


def tables_of(server: str) -> dict[str, int]:
    rows_by_schema = run_sql(
        server,
        "SELECT nspname, count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind IN ('r', 'v') AND nspname !~ '^(pg_|information)' GROUP BY 1",
    )
    return dict(rows_by_schema)


def test_two_schemas_are_two_stores_of_the_same_dataset(two: tuple[Store, Store], server: str):
    first, second = two
    write(first, promoted(1, {"a": 1.0}))
    write(first, kept(2, serving(first).model_id, {"b": 2.0}))
    write(second, promoted(1, {"x": 5.0}, name="torch/least_squares"))
    assert [row["key"] for row in rows(first, "current_prediction", dataset="wages")] == ["b"]
    assert [row["key"] for row in rows(second, "current_prediction", dataset="wages")] == ["x"]
    assert change(first, prune, "wages", keep_runs=1).predictions == 0
    assert "public" not in tables_of(server)
    assert str(make_url(second.display_url).query["schema"]) == make_url(second.url).query["schema"]


@pytest.mark.parametrize("name", ["nights", HOSTILE])
def test_upgrade_works_inside_the_schema(new_on_server, name: str, request: pytest.FixtureRequest):
    server = new_on_server()
    address = in_schema(server, name)
    quoted = name.replace('"', '""')
    run_sql(server, f'CREATE SCHEMA "{quoted}"')
    make(address, release="0.1.0")
    request.getfixturevalue("next_version")
    assert upgrade(address).after == "9999"
    assert_same_answers(address, "0.1.0")
    assert set(tables_of(server)) == {name}
    assert str(upgrade(address)).endswith(": already at version 9999.")


def test_reader_of_a_missing_schema_makes_none(server: str):
    with pytest.raises(StoreError, match="this database has no store yet") as caught:
        read(Store(in_schema(server, "nowhere")), dataset_statuses)
    assert caught.value.where.endswith("?schema=nowhere")
    assert run_sql(server, "SELECT 1 FROM pg_namespace WHERE nspname = 'nowhere'") == []


def test_a_failed_upgrade_leaves_no_schema(server: str, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("no migration today")

    monkeypatch.setattr("data.store.database.upgrades.command.upgrade", broken)
    with pytest.raises(RuntimeError, match="no migration"):
        upgrade(in_schema(server, "half"))
    assert run_sql(server, "SELECT 1 FROM pg_namespace WHERE nspname = 'half'") == []


def test_two_upgrades_at_once_make_one_schema(server: str):
    address = in_schema(server, "at once")
    with ThreadPoolExecutor(2) as pool:
        done = sorted(
            str(outcome).partition(": ")[2] for outcome in pool.map(upgrade, [address] * 2)
        )
    assert done == [f"already at version {head()}.", f"created at version {head()}."]


def test_stores_in_two_schemas_do_not_wait_for_each_other(two: tuple[Store, Store]):
    url, other_url = (store.url for store in two)
    never = pytest.fail
    with (
        dataset_lock(url, "wages", wait=False, on_wait=never),
        dataset_lock(other_url, "wages", wait=False, on_wait=never),
        pytest.raises(Busy),
        dataset_lock(url, "wages", wait=False, on_wait=never),
    ):
        pass
    with two[0].writing() as first, two[1].writing() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        for words in ("nightfit upgrades", "nightfit writes wages"):
            for connection in (first, second):
                key = lock_key(connection, words)
                connection.execute(select(func.pg_advisory_xact_lock(key)))
        lock_for_writing(second, "wages")


def test_the_default_schema_is_one_store_whether_named_or_not(server: str, new_on_server):
    address = new_on_server()
    Store(address).ensure_ready()
    never = pytest.fail
    with (
        dataset_lock(address, "wages", wait=False, on_wait=never),
        pytest.raises(Busy),
        dataset_lock(in_schema(address, "public"), "wages", wait=False, on_wait=never),
    ):
        pass


@pytest.fixture
def role(postgresql: URL, server: str) -> Iterator[str]:
    """The URL of a role that may do nothing yet."""
    name = f"ann_{os.getpid()}"
    run_sql(server, f"CREATE ROLE {name} LOGIN PASSWORD 'pass-w0rd'")
    url = make_url(server).set(username=name, password="pass-w0rd")
    yield url.render_as_string(hide_password=False)
    run_sql(server, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def test_role_that_may_not_create_the_schema_learns_what_to_ask_for(role: str, server: str):
    with pytest.raises(
        StoreError, match="there is no schema 'Our nights', and this role"
    ) as caught:
        Store(in_schema(role, "Our nights")).ensure_ready()
    advice = caught.value.next_step
    assert "pass-w0rd" not in str(caught.value)
    run_sql(server, advice.partition("`")[2].partition("`")[0])
    Store(in_schema(role, "Our nights")).ensure_ready()


@pytest.mark.parametrize("ask", [Store.ensure_ready, lambda store: read(store, dataset_statuses)])
def test_role_that_may_not_use_the_schema_is_refused(
    role: str, server: str, ask: Callable[[Store], object]
):
    Store(in_schema(server, "closed")).ensure_ready()
    with pytest.raises(StoreError, match="this role may not use the schema 'closed'"):
        ask(Store(in_schema(role, "closed")))


def test_role_with_a_schema_of_its_name_needs_no_public(role: str, server: str):
    name = make_url(role).username
    run_sql(
        server, f"CREATE SCHEMA AUTHORIZATION {name}", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"
    )
    try:
        Store(role).ensure_ready()
        assert name in tables_of(server)
        run_sql(server, f"DROP SCHEMA {name} CASCADE")
        with pytest.raises(StoreError, match="may not use the schema 'public'"):
            read(Store(role), dataset_statuses)
    finally:
        run_sql(server, "GRANT USAGE ON SCHEMA public TO PUBLIC")


def test_reader_with_a_search_path_to_nowhere_finds_no_store(server: str):
    address = make_url(server).update_query_dict({"options": "-c search_path=nowhere"})
    with pytest.raises(StoreError, match="this database has no store yet"):
        read(Store(address.render_as_string(hide_password=False)), dataset_statuses)


def nightfit(server: str, schema: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"NIGHTFIT_DATABASE_URL": server, "NIGHTFIT_DATABASE_SCHEMA": schema}
    return WARM.run(arguments, {**os.environ, **settings}, timeout=60)


def test_the_command_works_in_the_schema_of_the_setting(server: str):
    made = nightfit(server, HOSTILE, "db", "upgrade")
    assert (made.returncode, made.stderr) == (0, "")
    assert "?schema=Our+%22nights%22" in made.stdout
    write(Store(in_schema(server, HOSTILE)), promoted(1, {"a": 1.0}))
    done = nightfit(
        server, HOSTILE, "query", "champion", "--columns", "dataset,kind", "--format", "csv"
    )
    assert done.stdout == "dataset,kind\nwages,ann\n", done.stderr
    assert nightfit(server, HOSTILE, "prune").returncode == 0
