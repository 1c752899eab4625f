"""The schema that migrations make is the one that the code declares."""

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from helpers.store_catalogue import catalogue
from helpers.store_nights import promoted, run_sql, write
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from data.store.database.upgrades import upgrade
from data.store.database.version import VERSION_TABLE
from data.store.session import Store
from data.store.tables import metadata
from data.store.views import TEXT, VIEWS
from data.store.views.comments import write_comments


def test_migrations_make_the_tables_that_the_code_declares(store: Store):
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_what_the_code_declares_to_the_last_constraint(store: Store, address: str):
    declared = create_engine(address)
    metadata.create_all(declared)
    with declared.begin() as connection:
        for view in VIEWS.values():
            connection.execute(text(view.create))
        write_comments(connection)
    declared.dispose()
    made, wanted = catalogue(store.url), catalogue(address)
    assert made == wanted
    assert len(made) > 150


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_predictions_are_stored_in_the_order_of_their_key(store: Store):
    with store.reading() as connection:
        made = "SELECT sql FROM sqlite_master WHERE name = 'prediction'"
        assert connection.execute(text(made)).scalar_one().strip().endswith("WITHOUT ROWID")


def test_views_have_the_declared_columns_in_order(store: Store):
    with store.reading() as connection:
        for name, view in VIEWS.items():
            answered = connection.execute(text(f"SELECT * FROM {name}")).keys()
            assert list(answered) == list(view.columns), name


def test_each_table_says_its_grain():
    assert all(table.comment.startswith("One ") for table in metadata.tables.values())


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE run SET status = 'done'", "ck_run_status"),
        ("UPDATE run SET verdict = 'maybe'", "ck_run_verdict"),
        ("UPDATE model SET status = 'lost'", "ck_model_status"),
        ("UPDATE score SET rows = 'all'", "ck_score_rows"),
        ("UPDATE prediction SET role = 'old'", "ck_prediction_role"),
        ("UPDATE prediction SET predicted = NULL", "ck_prediction_predicted"),
        ("UPDATE promotion SET decision = 'won'", "ck_promotion_decision"),
        ("UPDATE agreement_check SET quantity = 'luck'", "ck_agreement_check_quantity"),
        ("DELETE FROM model", "(?i)foreign key"),
    ],
)
def test_words_outside_the_closed_lists_are_refused(store: Store, statement: str, constraint: str):
    write(store, promoted(1, {"a": 1.0}))
    with pytest.raises(IntegrityError, match=constraint), store.writing() as connection:
        connection.execute(text(statement))


COMMENTS = """
SELECT relname, coalesce(attname, ''), coalesce(
  CASE WHEN attnum IS NULL THEN obj_description(c.oid) ELSE col_description(c.oid, attnum) END, '')
FROM pg_class AS c
LEFT JOIN (SELECT attrelid, attname, attnum FROM pg_attribute
  UNION ALL SELECT oid, NULL, NULL FROM pg_class) AS a ON attrelid = c.oid
WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
"""


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_postgresql_has_each_meaning_as_a_comment(address: str):
    upgrade(address)
    comments = {(view, column): words for view, column, words in run_sql(address, COMMENTS)}
    wanted = {(name, ""): view.grain for name, view in VIEWS.items()} | {
        (name, column): meaning
        for name, view in VIEWS.items()
        for column, meaning in view.meanings.items()
    }
    assert comments == wanted
    assert all(comments.values())


HOSTILE = "100% o'clock; DROP VIEW champion; -- :x \\' $$ %s"


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_upgrade_corrects_comments_whatever_they_contain(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    upgrade(address)
    champion = VIEWS["champion"]
    described = champion.described | {"kind": (TEXT, "its kind's kind")}
    changed = replace(champion, grain=HOSTILE, described=described)
    run_sql(address, "COMMENT ON COLUMN leaderboard.kind IS 'scribbled'")
    monkeypatch.setitem(VIEWS, "champion", changed)
    upgrade(address)
    comments = {(view, column): words for view, column, words in run_sql(address, COMMENTS)}
    assert comments["champion", ""] == HOSTILE
    assert comments["champion", "kind"] == "its kind's kind"
    assert comments["leaderboard", "kind"] == VIEWS["leaderboard"].meanings["kind"]
