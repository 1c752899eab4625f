"""Tables of PostgreSQL with one model's predictions of one run, copied there beforehand."""

from dataclasses import replace

import pytest
from helpers.store_nights import NEW, answers, change, kept, promoted, read, write
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError

from data.errors import StoreError
from data.store.check.contents import table_findings
from data.store.checksums import in_key_order, predictions_sha256
from data.store.database.engine import engine_on
from data.store.database.lock import dataset_lock
from data.store.read.integrity import damage_of_run
from data.store.session import Store
from data.store.tables import checksum, prediction, prediction_checksum, run
from data.store.write import run_table_upkeep, run_tables
from data.store.write.prune import prune
from data.store.write.run import write_run
from data.store.write.run_tables import CopiedRows, CopiedRun, copy_part, make_run_table

ROWS = {f"row {number}": NEW if number % 3 == 0 else float(number) for number in range(100)}
TABLES = run_table_upkeep.run_tables


@pytest.fixture
def store(new_database):
    """A store without runs, whose ids nobody has used, in a schema with a difficult name."""
    url = make_url(new_database("postgresql")).update_query_dict({"schema": 'My "nights" 100%'})
    made = Store(url.render_as_string(hide_password=False))
    made.ensure_ready()
    return made


def begun(store, record):
    """Reserve the ids of a run, and make a table for its predictions."""

    def make(connection):
        run_id, ids = run_tables.reserved_ids(connection, record)
        (rows,) = record.predictions
        model_id = rows.model if isinstance(rows.model, int) else ids[rows.model]
        table = make_run_table(connection, record.dataset, run_id=run_id, model_id=model_id)
        return run_id, ids, table

    return change(store, make)


def copied(store, record, parts=((0, 40), (40, 100)), again=()):
    """Copy the predictions of a run in parts, some of them twice."""
    run_id, ids, table = begun(store, record)
    (rows,) = record.predictions
    for part in again:
        copy_part(store.url, table, some(rows, *part))
    transactions = frozenset(copy_part(store.url, table, some(rows, *part)) for part in parts)
    done = CopiedRows(table, *predictions_sha256(in_key_order(rows)), transactions)
    return CopiedRun(run_id, ids, {rows.model: done})


def some(rows, begin, end):
    """Return some of the rows, which have neither notes nor segments."""
    names = ("key", "actual", "predicted", "lower", "upper", "role")
    return replace(rows, **{name: getattr(rows, name)[begin:end] for name in names})


def stored_with(store, record, done, told=print):
    """Store a run whose predictions were copied before."""
    return change(store, write_run, record, told=told, copied=done)


def findings(connection):
    return [*table_findings(connection)]


def everything_but_ids(store):
    tables = (run, prediction, prediction_checksum, checksum)
    with store.reading() as connection:
        return [connection.execute(select(t).order_by(*t.primary_key)).all() for t in tables]


def test_a_run_whose_rows_were_copied_is_stored_as_any_other(store, new_database):
    other = Store(new_database("postgresql"))
    other.ensure_ready()
    for number in (1, 2):
        record = promoted(number, ROWS, against=None if number == 1 else 1)
        done = copied(store, record)
        (of,) = done.rows.values()
        assert [table.is_part for table in read(store, TABLES)][:1] == [False]
        assert len(everything_but_ids(store)[1]) == (number - 1) * len(ROWS)  # not seen yet
        run_id = stored_with(store, record, done)
        write(other, record)
        assert everything_but_ids(store) == everything_but_ids(other)
        assert answers(store) == answers(other)
        assert read(store, TABLES)[0].name == of.table.name == f"prediction_{run_id}_{number}"
        assert read(store, damage_of_run, run_id) == ()
        assert read(store, findings) == []
    indexes = text("SELECT indexdef FROM pg_indexes WHERE tablename = :name ORDER BY indexname")
    with store.reading() as connection:
        own = connection.execute(indexes, {"name": "prediction_1_1"}).scalars().all()
        whole = connection.execute(indexes, {"name": "prediction"}).scalars().all()
    assert [d.partition("USING")[2] for d in own] == [d.partition("USING")[2] for d in whole]


def test_a_part_that_was_copied_twice_is_there_once(store):
    record = promoted(1, ROWS)
    told: list[str] = []
    done = copied(store, record, again=[(40, 100), (0, 40)])
    stored_with(store, record, done, told.append)
    assert told == []
    assert len(everything_but_ids(store)[1]) == len(ROWS)
    assert [table.is_part for table in read(store, TABLES)] == [True]


def test_a_session_that_still_copies_is_ended(store):
    record = promoted(1, ROWS)
    done = copied(store, record)
    (of,) = done.rows.values()
    straggler = engine_on(store.url, read_only=True).connect()
    straggler.execute(text(f"INSERT INTO {of.table.name} SELECT * FROM {of.table.name}"))
    stored_with(store, record, done)
    with pytest.raises(DBAPIError, match="terminating connection"):
        straggler.execute(text("SELECT 1"))
    straggler.close()
    assert len(everything_but_ids(store)[1]) == len(ROWS)


@pytest.mark.parametrize("obstacle", ["somebody who reads it", "rows that are gone"])
def test_rows_of_a_table_that_cannot_be_added_are_written_again(store, monkeypatch, obstacle):
    monkeypatch.setattr(run_tables, "LOCK_SECONDS", 1)
    record = promoted(1, ROWS)
    told: list[str] = []
    done = copied(store, record)
    with store.reading() as reader:
        if obstacle == "somebody who reads it":
            reader.execute(text("SELECT * FROM prediction_1_1"))
        else:
            change(
                store, lambda c: c.execute(text("DELETE FROM prediction_1_1 WHERE key < 'row 5'"))
            )
        run_id = stored_with(store, record, done, told.append)
    assert len(everything_but_ids(store)[1]) == len(ROWS)
    assert read(store, damage_of_run, run_id) == ()
    (warning,) = told
    assert warning.startswith(
        "100 rows that workers had written to the database were written again"
    )
    warnings = select(run.c.warnings)
    assert read(store, lambda connection: connection.execute(warnings).scalar()) == told
    (finding,) = read(store, findings)
    assert finding.left_over
    change(store, run_table_upkeep.drop_left, "wages")
    assert read(store, TABLES) == []


def test_what_a_killed_run_of_a_dataset_that_is_gone_has_left_is_dropped_by_a_night_of_another(
    store,
):
    begun(store, replace(promoted(1, ROWS), dataset="gone"))
    with dataset_lock(store.url, "gone"):  # it is not gone yet
        change(store, run_table_upkeep.drop_left, "wages")
        (table,) = read(store, TABLES)
        assert (table.dataset, table.is_part) == ("gone", False)
    change(store, run_table_upkeep.drop_left, "wages")
    assert read(store, TABLES) == []


def test_a_role_that_may_not_add_tables_is_seen_before_any_row_is_copied(store):
    def allowed(connection, role):
        connection.execute(text(f"SET LOCAL ROLE {role}"))
        return run_tables.may_add_tables(connection)

    assert not read(store, allowed, "pg_monitor")
    assert read(store, allowed, make_url(store.url).username)


def test_a_part_goes_to_no_other_database(store, new_database):
    _, _, table = begun(store, promoted(1, ROWS))
    (rows,) = promoted(1, ROWS).predictions
    empty, same_name = (new_database("postgresql") for _ in range(2))
    Store(same_name).ensure_ready()
    begun(Store(same_name), promoted(1, ROWS))
    in_schema = make_url(store.url).update_query_dict({"schema": "other"})
    for url in (empty, same_name, in_schema.render_as_string(hide_password=False)):
        with pytest.raises(StoreError, match="names another database there"):
            copy_part(url, table, rows)
    with pytest.raises(StoreError, match="names no PostgreSQL database there"):
        copy_part("sqlite:///nothing.db", table, rows)
    with pytest.raises(StoreError, match="no store yet"), Store(empty).reading():
        pass


def test_pruning_drops_empty_tables_and_merges_the_oldest(store, monkeypatch):
    known = {key: value for key, value in ROWS.items() if value == value}
    nights = [promoted(1, ROWS), kept(2, 1, known), kept(3, 1, ROWS), kept(4, 1, ROWS)]
    for number, made in enumerate(nights):
        record = replace(made, against=number or None)
        rows = len(record.predictions[0].key)
        stored_with(store, record, copied(store, record, [(0, rows)]))
    begun(store, kept(5, 1, ROWS))  # and never stored
    names = [table.name for table in read(store, TABLES)]
    assert names == [f"prediction_{number}_1" for number in (5, 4, 3, 2, 1)]
    monkeypatch.setattr(run_table_upkeep, "MOST_TABLES", 2)
    before = answers(store)
    with store.reading() as reader:
        reader.execute(text("SELECT * FROM prediction_1_1"))
        monkeypatch.setattr(run_table_upkeep, "LOCK_SECONDS", 1)
        change(store, prune, "wages", keep_runs=1)
    names = ["prediction_4_1", "prediction_3_1", "prediction_1_1"]
    assert [table.name for table in read(store, TABLES)] == names
    change(store, prune, "wages", keep_runs=1)  # nobody reads it any more
    assert [table.name for table in read(store, TABLES)] == names[:2]
    assert answers(store) == before
    own = text("SELECT run_id, count(*) FROM ONLY prediction GROUP BY run_id")
    assert read(store, lambda connection: connection.execute(own).all()) == [(1, len(ROWS))]
    for run_id in range(1, 5):
        assert read(store, damage_of_run, run_id) == ()
