"""What has changed since the last good run is named: rows, declaration, code, each library."""

import datetime as dt
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.sources import shop, written

from data.sources.snapshot import Snapshot
from data.store.records import RunRecord
from data.store.session import Store
from data.store.tables import segment_decision
from data.store.write.run import write_run
from tasks.read import read
from tasks.run import provenance
from tasks.run.attempt import Attempt
from tasks.run.changes import Changes, changes_since
from tasks.run.provenance import library_versions, setup_fingerprint

ROWS = "id,day,y\n1,2024-03-29,1\n2,2024-03-30,2\n"
NOW = dt.datetime(2024, 3, 31, 2, tzinfo=dt.UTC)


@dataclass
class Shop:
    """A dataset with one good run, and how tonight compares with it."""

    folder: Path
    store: Store

    def read(self, rows: str = ROWS, **declared: object) -> tuple[Attempt, Snapshot]:
        declaration = shop(written(self.folder, rows), **declared)
        return Attempt(declaration), read.fn(declaration, self.folder / "snapshots")

    def good_run(self, day: int = 0, as_of: str | None = None, **declared: object) -> None:
        run, snapshot = self.read(**declared)
        record = RunRecord(
            dataset="shop",
            status="succeeded",
            started_at=NOW + dt.timedelta(days=day),
            finished_at=NOW + dt.timedelta(days=day, seconds=40),
            fingerprint=snapshot.fingerprint,
            setup_fingerprint=setup_fingerprint(run.declaration),
            declaration=run.declaration.model_dump_json(),
            library_versions=library_versions(),
            rows_read=snapshot.rows,
            as_of=as_of,
        )
        with self.store.writing() as connection:
            write_run(connection, record)

    def tonight(self, rows: str = ROWS, **declared: object) -> Changes:
        return changes_since(*self.read(rows, **declared), None, self.store)


@pytest.fixture
def night(tmp_path):
    return Shop(tmp_path, Store(f"sqlite:///{tmp_path / 'store.db'}"))


@pytest.fixture
def fresh_versions():
    """Versions are read once per process: here, once per test."""
    provenance.library_versions.cache_clear()
    yield
    provenance.library_versions.cache_clear()


def test_dataset_without_a_good_run_is_a_first_one(night):
    night.store.ensure_ready()
    changes = night.tonight()
    assert (changes.since, changes.reason) == (None, "it has no run yet to compare with")


def test_first_past_night_is_not_called_the_first_of_a_dataset_with_runs(night):
    night.good_run(day=1, time="day")
    run, snapshot = night.read(time="day", split={"test": 0.3})
    run.as_of = "2024-03-30"
    changes = changes_since(run, snapshot, None, night.store)
    assert changes.reason == "it has no run of that night, or of an earlier one, to compare with"


def test_nothing_has_changed_on_the_same_rows_and_setup(night):
    night.good_run()
    changes = night.tonight()
    assert changes.are_none
    assert changes.reason.startswith("nothing has changed since run 1: the same rows, ")


def test_rows_are_named_with_their_numbers(night):
    night.good_run()
    reason = night.tonight(ROWS + "3,2024-03-31,3\n").reason
    assert reason == "changed since run 1: the rows (3, before 2)"


def test_keys_of_the_declaration_are_named_with_their_old_and_new_values(night):
    night.good_run(split={"test": 0.25}, types={"day": "time"}, interval=[0.5, 0.9])
    by_shop = {"level": [0.5, 0.9], "by": "shop"}
    tonight = {"time": "day", "ann": {"budget": "5 minutes"}, "interval": by_shop}
    changes = night.tonight(split={"test": 0.3}, **tonight)
    assert {(c.what, c.name, c.before, c.now) for c in changes.changes} == {
        ("declaration", "split.test", "0.25", "0.3"),
        ("declaration", "time", None, '"day"'),
        ("declaration", "types.day", '"time"', None),
        ("declaration", "ann.budget", None, '"5 minutes"'),
        ("declaration", "interval.by", None, '"shop"'),
    }
    assert "'split.test' in the declaration (0.3, before 0.25)" in changes.reason


def test_where_the_rows_lie_is_no_change(night):
    night.good_run()
    _, snapshot = night.read()
    moved = shop(night.folder.rename(night.folder.with_name("moved")) / "rows.csv")
    night.folder.symlink_to(moved.source.path.parent)
    assert changes_since(Attempt(moved), snapshot, None, night.store).are_none


def test_library_is_named_with_both_versions(night, monkeypatch, fresh_versions):
    night.good_run()
    real = importlib.metadata.version
    monkeypatch.setattr(
        provenance, "version", lambda name: "9.9.9" if name == "scipy" else real(name)
    )
    provenance.library_versions.cache_clear()
    (change,) = night.tonight().changes
    assert (change.what, change.name, change.now) == ("library", "scipy", "9.9.9")
    assert str(change) == f"scipy (9.9.9, before {real('scipy')})"


def test_code_is_told_from_declaration_and_libraries(night, monkeypatch):
    night.good_run(description='café "source":{}', missing=["n/a"], interval=0.1 + 0.2)
    monkeypatch.setattr(provenance, "code_fingerprint", lambda: "0" * 64)
    declared = {"description": 'café "source":{}', "missing": ["n/a"], "interval": 0.1 + 0.2}
    (change,) = night.tonight(**declared).changes
    assert (change.what, change.before) == ("code", change.now)
    assert str(change).startswith("nightfit's code (still version ")


def test_key_of_a_later_version_has_changed_only_if_it_is_declared(night):
    night.good_run()
    with night.store.writing() as connection:
        dropped = """UPDATE run SET declaration = replace(declaration, '"max_age":null,', '')"""
        connection.exec_driver_sql(dropped)
        connection.exec_driver_sql("UPDATE run SET setup_fingerprint = 'old'")
    assert [c.what for c in night.tonight().changes] == ["code"]
    later = night.tonight(time="day", max_age="2 days")
    assert [c.name for c in later.changes] == ["time", "max_age", None]


def test_password_in_a_declared_url_is_not_shown(night):
    night.good_run()
    with night.store.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE run SET setup_fingerprint = 'old', declaration = replace(declaration,"
            """ '"max_age":null', '"feed":{"url":"postgresql://ann:secret@host/shop"}')"""
        )
    reason = night.tonight().reason
    assert "'feed.url' in the declaration (none, before not shown)" in reason
    assert "secret" not in reason


def test_where_the_results_go_is_no_change(night):
    night.good_run()
    output = {"url": "postgresql://ann:secret@host/shop", "table": "predicted"}
    assert night.tonight(output=output).are_none


def test_run_without_a_stored_setup_has_changed(night):
    night.good_run()
    with night.store.writing() as connection:
        connection.exec_driver_sql("UPDATE run SET setup_fingerprint = NULL, declaration = NULL")
    assert [c.what for c in night.tonight().changes] == ["setup"]


def test_past_night_is_compared_with_any_run_of_the_same_rows(night):
    night.good_run(as_of="2024-03-30", time="day")
    night.good_run(day=1, as_of="2024-03-31", time="day", split={"test": 0.3})
    run, snapshot = night.read(time="day")
    run.as_of = "2024-03-31"
    assert changes_since(run, snapshot, None, night.store).since.run_id == 1
    other, snapshot = night.read(ROWS + "3,2024-03-31,3\n", time="day")
    other.as_of = "2024-03-31"
    changes = changes_since(other, snapshot, None, night.store)
    assert changes.since.run_id == 2
    assert [c.what for c in changes.changes] == ["rows", "declaration"]


def test_night_is_not_skipped_while_a_persons_decision_about_a_segment_waits_for_it(night):
    night.good_run()
    made = {"dataset": "shop", "decision": "forced", "reason": "an audit", "decided_by": "ann"}
    before, after = (NOW + dt.timedelta(hours=hours) for hours in (-1, 1))
    decisions = [
        {"segment": "a", "decided_at": before, "kind": "segment_least_squares"},
        {"segment": "b", "decided_at": after, "kind": None},
        {"segment": "c", "decided_at": after, "kind": "segment_least_squares", "dataset": "other"},
    ]
    with night.store.writing() as connection:
        for decision in decisions:
            connection.execute(segment_decision.insert().values(made | decision))
    assert night.tonight().are_none
    with night.store.writing() as connection:
        waiting = {"segment": "c", "decided_at": after, "kind": "segment_least_squares"}
        connection.execute(segment_decision.insert().values(made | waiting))
    assert night.tonight().reason == (
        "changed since run 1: a person has decided what is to serve a segment, from this night on"
    )
