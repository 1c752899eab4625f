"""The table of a dataset's results: the current predictions with the columns of the key."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    change,
    kept,
    kind_of,
    night,
    predictions,
    promoted,
    read,
    run_sql,
    serving,
    stored,
    write,
)
from sqlalchemy import Connection, inspect

from data.settings import ROOT
from data.store.check.contents import results_findings
from data.store.database.version import VERSION_TABLE
from data.store.records import ManualDecision
from data.store.results.names import wanted_name
from data.store.session import Store
from data.store.tables import metadata, result_table, run
from data.store.write.decision import write_decision

STORE_AND_DAY = [("store", "text"), ("day", "date")]
DAYS = {'["Zürich","2026-01-31"]': 1.0, '["a\\"b","2026-02-01"]': NEW}
postgresql_only = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def without_tables_of_others(store: Store) -> Iterator[None]:
    """Drop what a test has made in a database that the tests share."""
    yield
    if kind_of(store) == "postgresql":
        run_sql(store.url, DROP_OTHERS.format(", ".join(f"'{name}'" for name in OWN)))


OWN = (*metadata.tables, VERSION_TABLE)
DROP_OTHERS = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ({}) LOOP
    EXECUTE format('DROP TABLE %I CASCADE', name);
  END LOOP;
  DROP VIEW IF EXISTS their_view;
END $$
"""


def table(store: Store, name: str = "predicted_wages", columns: str = "*") -> list[tuple]:
    return run_sql(store.url, f"SELECT {columns} FROM {name}")


def current(store: Store) -> list[tuple]:
    names = "actual, predicted, lower, upper, role, model_id, predicted_at"
    return run_sql(
        store.url, f"SELECT {names} FROM current_prediction WHERE dataset = 'wages' ORDER BY key"
    )


def days(number: int = 1, rows: dict[str, float] = DAYS, **facts: Any):
    return promoted(number, rows, **{"key_columns": STORE_AND_DAY, **facts})


def declared(**results: str) -> str:
    return json.dumps({"results": results})


def test_parts_of_the_key_join_to_a_users_own_table(store: Store):
    write(store, days())
    run_sql(
        store.url,
        "CREATE TABLE sales (store TEXT, day DATE, sold INTEGER)",
        "INSERT INTO sales VALUES ('Zürich', '2026-01-31', 7), ('a\"b', '2026-02-01', 8)",
    )
    joined = run_sql(
        store.url,
        "SELECT sold, actual, predicted, role FROM sales JOIN predicted_wages USING (store, day)"
        " ORDER BY sold",
    )
    assert joined == [(7, 1.0, 0.5, "train"), (8, None, 10.0, "new")]
    assert {row[2:] for row in table(store)} == {*current(store)}


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        ("whole number", ["-9", "9007199254740993", "10"], [-9, 10, 9007199254740993]),
        (
            "number",
            ["0.1", "1e-07", "12345678.901234567", "3"],
            [1e-07, 0.1, 3.0, 12345678.901234567],
        ),
        ("boolean", ["true", "false"], [False, True]),
        ("text", ["007", "", "1.10"], ["", "007", "1.10"]),
        ("date", ["2026-01-31", "0999-01-01"], ["0999-01-01", "2026-01-31"]),
        (
            "time",
            ["2026-01-31", "2026-01-31T02:00:00.250000", "1969-12-31T23:59:59"],
            ["1969-12-31 23:59:59", "2026-01-31 00:00:00", "2026-01-31 02:00:00.250000"],
        ),
    ],
)
def test_key_has_its_own_type(store: Store, kind: str, texts: list[str], values: list):
    write(store, promoted(1, dict.fromkeys(texts, 1.0), key_columns=[("k", kind)]))
    found = [row[0] for row in table(store, columns="k")]
    as_told = str if kind in ("date", "time") else lambda value: value
    assert sorted(map(as_told, found)) == values


@pytest.mark.parametrize("names", [["k"], ["k", "l"]])
def test_table_has_the_key_as_its_primary_key(store: Store, names: list[str]):
    rows = {json.dumps(["1"] * len(names)) if len(names) > 1 else "1": 1.0}
    write(store, promoted(1, rows, key_columns=[(name, "whole number") for name in names]))
    with store.reading() as connection:
        key = inspect(connection).get_pk_constraint("predicted_wages")
    assert key["constrained_columns"] == names


def test_names_of_the_key_that_are_taken_get_a_prefix(store: Store):
    key = [
        ("Predicted", "text"),
        ("k", "text"),
        ("K", "text"),
        ("order", "text"),
        ('a "b" :c %s', "text"),
    ]
    write(store, promoted(1, {'["1","2","3","4","5"]': 1.0}, key_columns=key))
    columns = 'SELECT "key_Predicted", k, "key_K", "order", "a ""b"" \\:c %s" FROM predicted_wages'
    assert run_sql(store.url, columns) == [("1", "2", "3", "4", "5")]


def test_every_night_replaces_the_rows_whoever_serves(store: Store):
    write(store, days())
    first = serving(store).model_id
    write(store, kept(2, first, {'["b","2026-02-02"]': 2.0}, key_columns=STORE_AND_DAY))
    assert table(store, columns="store, predicted, model_id") == [("b", 1.75, first)]
    write(store, days(3, name="torch/least_squares"))
    assert {row[0] for row in table(store, columns="model_id")} == {serving(store).model_id}
    assert {row[2:] for row in table(store)} == {*current(store)}


def test_decision_of_a_person_replaces_the_rows(store: Store):
    write(store, days())
    first = serving(store).model_id
    write(store, days(2, name="torch/least_squares"))
    by_hand(store, "rolled_back", first, predictions_run_id=1)
    assert {row[0] for row in table(store, columns="model_id")} == {first}
    assert {row[2:] for row in table(store)} == {*current(store)}


def test_night_that_is_skipped_or_rejected_leaves_the_rows(store: Store):
    write(store, days())
    before = table(store)
    for number, status in ((2, "skipped"), (3, "rejected"), (4, "failed")):
        write(store, night(number, status=status, key_columns=STORE_AND_DAY))
    assert table(store) == before


def test_table_that_somebody_dropped_is_made_again_by_a_skipped_night(store: Store):
    write(store, days())
    before = table(store)
    run_sql(store.url, "DROP TABLE predicted_wages")
    write(store, night(2, status="skipped", key_columns=STORE_AND_DAY))
    assert table(store) == before


def test_new_name_takes_the_place_of_the_old_one(store: Store):
    write(store, days())
    write(store, days(2, declaration=declared(table='Löhne "x"')))
    assert len(run_sql(store.url, 'SELECT * FROM "Löhne ""x"""')) == 2
    assert [row["table_name"] for row in stored(store, result_table)] == ['Löhne "x"']
    assert not _exists(store, "predicted_wages")


def test_new_columns_of_the_key_take_the_place_of_the_old_ones(store: Store):
    write(store, days())
    write(store, promoted(2, {"7": 1.0}, key_columns=[("number", "whole number")]))
    assert table(store, columns="number, actual") == [(7, 1.0)]


def test_narrower_intervals_have_columns_named_by_their_level(store: Store):
    def nights(number: int, levels: object, **further: float) -> None:
        facts = {"declaration": json.dumps({"interval": levels})}
        own = {name: np.array([1.0, 10.0]) + by for name, by in further.items()}
        found = replace(predictions("torch/ann", DAYS), **own)
        write(store, days(number, predictions=[found], **facts))

    ends = {"lower_2": -0.5, "upper_2": 0.5}
    nights(1, {"level": [0.5, 0.995, 0.8], "by": "store"}, **ends, lower_3=-0.25, upper_3=0.25)
    names = "lower, upper, lower_80, upper_80, lower_50, upper_50"
    found = table(store, columns=f"{names}, predicted_at")
    assert [row[:6] for row in found] == [
        (-0.5, 1.5, 0.5, 1.5, 0.75, 1.25),
        (9.0, 11.0, 9.5, 10.5, 9.75, 10.25),
    ]
    assert read(store, _findings) == []
    nights(2, [0.9, 0.225], **ends)
    assert table(store, columns="lower_22_5, upper_22_5, upper")[0] == (0.5, 1.5, 1.5)
    assert not any("50" in column for column in _columns(store))
    nights(3, 0.9)
    assert _columns(store)[2:6] == ["actual", "predicted", "lower", "upper"]
    assert read(store, _findings) == []


def _columns(store: Store) -> list[str]:
    with store.reading() as connection:
        return [column["name"] for column in inspect(connection).get_columns("predicted_wages")]


@pytest.mark.parametrize(
    "taken", ["promotion", "champion", "nightfit_version", "theirs", "their_view"]
)
def test_name_of_another_table_or_view_is_never_overwritten(store: Store, taken: str):
    run_sql(store.url, "CREATE TABLE theirs (x INTEGER)", "CREATE VIEW their_view AS SELECT 1 AS x")
    before = run_sql(store.url, f"SELECT * FROM {taken}") if "their" in taken else None
    obstacles = _warnings(store, days(declaration=declared(table=taken)))
    assert f"'{taken}'" in obstacles[0]
    assert "results: {table: ...}" in obstacles[0]
    assert stored(store, result_table) == []
    if before is not None:
        assert run_sql(store.url, f"SELECT * FROM {taken}") == before


def test_two_datasets_that_want_the_same_table_do_not_share_it(store: Store):
    write(store, days(dataset="shop-days"))
    (obstacle,) = _warnings(store, days(2, dataset="Shop_Days"))
    assert "'predicted_shop_days' has the results of the dataset 'shop-days'" in obstacle
    write(store, days(3, dataset="Shop_Days", declaration=declared(table="other")))
    assert len(table(store, "predicted_shop_days")) == len(table(store, "other")) == 2


def test_run_of_an_earlier_version_gets_its_table_when_the_same_rows_are_read_again(store: Store):
    write(store, promoted(1, DAYS, fingerprint="f"))
    assert stored(store, result_table) == []
    write(store, night(2, status="skipped", key_columns=STORE_AND_DAY, fingerprint="f"))
    assert len(table(store)) == 2


def test_champion_of_a_run_whose_key_is_not_known_is_told_about(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    first = serving(store).model_id
    write(store, days(2, name="torch/least_squares"))
    before = table(store)
    told: list[str] = []
    back = ManualDecision(
        dataset="wages",
        decision="rolled_back",
        model_id=first,
        reason="I say so",
        decided_by="ann",
        predictions_run_id=1,
    )
    change(store, write_decision, back, told=told.append)
    assert "are not known" in told[0]
    assert table(store) == before


def test_name_is_made_of_the_datasets_unless_it_is_declared():
    assert str(wanted_name("Shop-Days", None, "sqlite")) == "predicted_shop_days"
    both = declared(table="Sales", schema="Results")
    assert str(wanted_name("x", both, "postgresql")) == "Results.Sales"
    assert str(wanted_name("x", both, "sqlite")) == "Sales"


@postgresql_only
def test_table_may_be_in_a_schema_of_its_own(store: Store):
    name = f"Results {run_sql(store.url, 'SELECT 1')[0][0]}"
    write(store, days(declaration=declared(schema=name)))
    assert len(table(store, f'"{name}".predicted_wages')) == 2
    assert not _exists(store, "predicted_wages")


@postgresql_only
def test_permissions_and_views_outlive_the_replacement(store: Store):
    run_sql(store.url, 'DROP ROLE IF EXISTS "Ann\'s"', 'CREATE ROLE "Ann\'s"')
    write(store, days())
    run_sql(store.url, 'GRANT SELECT ON predicted_wages TO "Ann\'s"')
    run_sql(store.url, "CREATE VIEW theirs AS SELECT store FROM predicted_wages")
    write(store, days(2, name="torch/least_squares"))
    assert len(run_sql(store.url, 'SET ROLE "Ann\'s"', "SELECT * FROM predicted_wages")) == 2
    (obstacle,) = _warnings(
        store, promoted(3, {"7": 1.0}, key_columns=[("number", "whole number")])
    )
    assert "other objects depend on it" in obstacle
    assert len(run_sql(store.url, "SELECT * FROM theirs")) == 2
    run_sql(store.url, "DROP VIEW theirs")
    write(store, promoted(4, {"7": 1.0}, key_columns=[("number", "whole number")]))
    assert len(run_sql(store.url, 'SET ROLE "Ann\'s"', "SELECT * FROM predicted_wages")) == 1
    run_sql(store.url, "DROP TABLE predicted_wages", 'DROP ROLE "Ann\'s"')


@postgresql_only
def test_name_that_postgresql_would_cut_is_told_about(store: Store):
    (obstacle,) = _warnings(store, days(dataset="d" * 60))
    assert "70 bytes, and postgresql allows 63" in obstacle


def _warnings(store: Store, record: Any) -> Sequence[str]:
    run_id = write(store, record)
    return next(row["warnings"] for row in stored(store, run) if row["run_id"] == run_id)


def _exists(store: Store, name: str) -> bool:
    with store.reading() as connection:
        return bool(inspect(connection).has_table(name))


def test_check_of_the_database_names_a_table_that_does_not_show_what_it_should(store: Store):
    assert read(store, _findings) == []
    write(store, days())
    assert read(store, _findings) == []
    run_sql(store.url, "UPDATE predicted_wages SET predicted = 7 WHERE role = 'new'")
    (differs,) = read(store, _findings)
    assert "2 rows of current_prediction and of the table of results 'predicted_wages'" in differs
    run_sql(store.url, "DROP TABLE predicted_wages")
    (missing,) = read(store, _findings)
    assert "'predicted_wages' is missing. 'nightfit retrain wages --force'" in missing


def _findings(connection: Connection) -> list[str]:
    return [str(finding) for finding in results_findings(connection)]


WRITER = """
import sys
from helpers.store_nights import promoted
from data.store.session import Store
from data.store.write.run import write_run
with Store(sys.argv[1]).writing() as connection:
    rows = {f'["s{n}","2026-02-01"]': 1.0 for n in range(500)}
    key = [("store", "text"), ("day", "date")]
    write_run(connection, promoted(2, rows, key_columns=key, against=1))
    print("replaced", flush=True)
    sys.stdin.read()
"""


def test_run_that_is_killed_amid_the_replacement_leaves_the_old_rows(store: Store):
    write(store, days())
    before = table(store)
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.url],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "replaced\n"
    assert table(store) == before
    process.kill()
    process.communicate()
    assert table(store) == before
    write(store, days(3, {'["b","2026-02-02"]': 2.0}, name="torch/least_squares"))
    assert table(store, columns="store, actual") == [("b", 2.0)]
