"""How `nightfit query` reads the database: which rows, by which index, in which batches."""

import tracemalloc
from typing import Any

import psycopg
import pytest
from helpers.store_nights import NEW, kind_of, predictions, promoted, read, rows, run_sql, write
from sqlalchemy import Engine, event, text

from data.errors import CallError
from data.store.read import streaming
from data.store.read.view_rows import rows_of
from data.store.session import Store
from flows.command.output_formats import write_rows

CAME_TRUE = """
INSERT INTO outcome (dataset, key, run_id, model_id, predicted, predicted_at, actual, realised_at,
  realised_run_id)
SELECT dataset, key, run_id, model_id, predicted, '2026-01-01 02:00:00', 1.5, '2026-01-01 02:00:00',
  run_id FROM prediction
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, new_database):
    store = Store(new_database(request.param))
    many = {f"{number:05}": float(number) for number in range(25_000)} | {"x": NEW}
    write(store, promoted(1, many, predictions=[predictions("torch/ann", many)]))
    write(store, promoted(2, {"a": 1.0, "00007": 3.0}, dataset="sales"))
    with store.writing() as connection:
        connection.execute(text(CAME_TRUE))
        if request.param == "postgresql":  # which does so by itself in time; SQLite does not
            connection.execute(text("ANALYZE"))
    return store


def test_rows_come_in_batches_that_together_are_all(store):
    with store.reading() as connection:
        view_rows = rows_of(connection, "current_prediction", dataset="wages")
        batches = [len(batch) for batch in view_rows.batches]
    assert sum(batches) == 25_001
    assert max(batches) <= 10_000


def test_columns_come_in_the_order_asked_for_and_the_limit_holds(store):
    with store.reading() as connection:
        view_rows = rows_of(connection, "current_prediction", columns=["predicted", "key"], limit=7)
        (batch,) = view_rows.batches
    assert list(view_rows.columns) == ["predicted", "key"]
    assert len(batch) == 7
    assert [type(value) for value in batch[0]] == [float, str]


def test_a_reader_that_stops_early_keeps_no_connection(store):
    with store.reading() as connection:
        view_rows = rows_of(connection, "current_prediction")
        next(view_rows.batches)
        view_rows.batches.close()  # a generator
        if kind_of(store) == "postgresql":
            assert connection.execute(text("SELECT count(*) FROM pg_cursors")).scalar() == 0
    if kind_of(store) == "postgresql":
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert run_sql(store.url, f"{others} AND pid <> pg_backend_pid()") == [(0,)]
    else:
        ((busy, *_),) = run_sql(store.url, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert busy == 0


@pytest.mark.parametrize(
    ("view", "how", "message"),
    [
        ("leaderbord", {}, "Did you mean 'leaderboard'"),
        ("zzz", {}, "There are: champion, model_card"),
        ("run", {}, "no view 'run'"),
        ("champion", {"columns": ["test_rsme"]}, "Did you mean 'test_rmse'"),
        ("champion", {"dataset": "wagse"}, "Did you mean 'wages'"),
        ("champion", {"limit": -1}, "--limit is -1"),
        ("champion", {"key": "a"}, "Views that do: current_prediction, prediction_outcome"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_right_one(store, view, how, message):
    with pytest.raises(CallError, match=message) as caught:
        read(store, rows_of, view, **how)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("view", ["current_prediction", "prediction_outcome"])
def test_a_key_is_found_in_one_dataset_or_in_all(store, view: str):
    datasets = [row["dataset"] for row in rows(store, view, key="00007")]
    assert sorted(datasets) == ["sales", "wages"]
    (row,) = rows(store, view, key="00007", dataset="sales", columns=["dataset", "key"])
    assert row == {"dataset": "sales", "key": "00007"}


@pytest.mark.parametrize("key", ["nowhere", "", "7", "0000%", "' OR '1' = '1"])
def test_a_key_that_is_not_there_has_no_rows(store, key: str):
    assert rows(store, "current_prediction", key=key) == []


def executed(store: Store, view: str, **how: Any) -> tuple[str, Any, Any]:
    """Return the statement that reads the rows, its parameters, and the driver's cursor."""
    seen: list[tuple[str, Any, Any]] = []

    def see(_connection, cursor, statement, parameters, *_rest):
        seen.append((statement, parameters, cursor))

    event.listen(Engine, "before_cursor_execute", see)
    try:
        rows(store, view, **how)
    finally:
        event.remove(Engine, "before_cursor_execute", see)
    return seen[-1]


def reads(store: Store, view: str, **how: Any) -> list[str]:
    """Return how each table with keys is read, and by what it is searched, in the plan."""
    statement, parameters, _ = executed(store, view, **how)
    kind = kind_of(store)
    explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN (FORMAT JSON)"
    with store.reading() as connection:
        answer = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    if kind == "sqlite":
        return [
            row[-1] for row in answer if row[-1].split()[1] in ("prediction", "later", "outcome")
        ]
    return [
        f"{node['Node Type']} {node.get('Index Name')} {node.get('Index Cond')}"
        for node in nodes(answer[0][0][0]["Plan"])
        if node.get("Relation Name") in ("prediction", "outcome")
    ]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node of PostgreSQL's plan with all below it."""
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


def is_search_by_key(step: str) -> bool:
    return step.startswith(("SEARCH", "Index")) and ("key=?" in step or "key =" in step)


@pytest.mark.parametrize("dataset", [None, "wages"])
@pytest.mark.parametrize("view", ["current_prediction", "prediction_outcome"])
def test_a_key_is_found_by_an_index(store, view: str, dataset: str | None):
    plan = reads(store, view, key="00007", dataset=dataset)
    assert plan
    assert all(map(is_search_by_key, plan)), plan


def test_a_key_of_all_datasets_is_not_looked_for_in_each(store):
    (step,) = reads(store, "prediction_outcome", key="00007")
    assert "ix_outcome_key" in step


def test_a_scan_of_all_rows_does_not_pass_for_a_search_by_key(store):
    plan = reads(store, "prediction_outcome", columns=["key", "error"])
    assert not any(map(is_search_by_key, plan)), plan


def test_rows_are_read_by_a_server_side_cursor(store):
    _, _, cursor = executed(store, "current_prediction")
    assert isinstance(cursor, psycopg.ServerCursor) is (kind_of(store) == "postgresql")


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_rows_are_written_in_constant_memory(
    store, form: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streaming, "BATCH_ROWS", 500)

    def peak(limit: int) -> int:
        with store.reading() as connection:
            view_rows = rows_of(connection, "current_prediction", limit=limit)
            tracemalloc.start()
            try:
                write_rows(view_rows.batches, view_rows.columns, form, tmp_path / "rows")
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(1_000)  # the first call also loads what is imported lazily
    few, many = peak(1_000), peak(8_000)
    assert many < 1.5 * few, (few, many)
