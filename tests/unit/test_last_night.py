"""A run whose rows are those of the last good one is skipped, unless they are too old by now."""

import datetime as dt
from dataclasses import replace

import pytest

from data.checks.findings import RejectedRow
from data.declarations.model import Declaration
from data.errors import Unchanged
from data.store.records import RunRecord
from data.store.session import Store
from data.store.write.run import write_run
from tasks.read import read
from tasks.run.attempt import Attempt
from tasks.run.changes import changes_since
from tasks.run.night import contract, skip_if_unchanged
from tasks.run.provenance import setup_fingerprint

LAST = dt.datetime(2024, 3, 31, 2, tzinfo=dt.UTC)


@pytest.fixture
def night(tmp_path):
    """Return a function: what a night is judged by, days after a good one with the same rows."""
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    source = tmp_path / "rows.csv"
    source.write_text("id,day,y\n1,2024-03-29,1\n2,2024-03-30,2\n3,2030-01-01,3\n")

    def made(*, days: int, aside: tuple[int, ...] = (), **declared: object) -> tuple[object, ...]:
        base = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y"}
        declaration = Declaration.model_validate({**base, "time": "day", **declared})
        snapshot = read.fn(declaration, tmp_path / "snapshots")
        good = RunRecord(
            dataset="shop",
            status="succeeded",
            started_at=LAST,
            finished_at=LAST,
            fingerprint=snapshot.fingerprint,
            setup_fingerprint=setup_fingerprint(declaration),
            rows_read=3,
            rejected_rows=[RejectedRow(str(n), n, {}, "a typing error") for n in aside],
        )
        with store.writing() as connection:
            write_run(connection, good)
        run = Attempt(declaration, started_at=LAST + dt.timedelta(days=days))
        return run, snapshot, contract(store, declaration, as_of=None), store

    return made


def test_run_on_the_same_rows_is_unchanged_since_the_last_good_one(night):
    changes = changes_since(*night(days=30))
    assert (changes.are_none, changes.since.run_id) == (True, 1)


def test_unchanged_run_is_skipped_unless_it_is_forced(night):
    tonight = night(days=30)
    skip_if_unchanged(*tonight, force=True)
    with pytest.raises(Unchanged, match=r"^nothing has changed since run 1: .* --force "):
        skip_if_unchanged(*tonight, force=False)


@pytest.mark.parametrize(("days", "reasons"), [(1, []), (5, ["age"])])
def test_same_rows_count_as_changed_once_they_are_too_old(night, days, reasons):
    changes = changes_since(*night(days=days, aside=(3,), max_age="2 days"))
    assert [change.what for change in changes.changes] == reasons


def test_age_of_the_rows_is_that_of_the_newest_row_that_was_not_set_aside(night):
    assert changes_since(*night(days=5, max_age="2 days")).are_none


def test_nothing_is_unchanged_once_a_person_has_accepted_how_the_source_looks(night):
    run, snapshot, expected, store = night(days=30)
    assert expected is not None
    accepted = replace(expected, accepted=True)
    changes = changes_since(run, snapshot, accepted, store)
    assert [change.what for change in changes.changes] == ["accepted"]
    skip_if_unchanged(run, snapshot, accepted, store, force=False)
