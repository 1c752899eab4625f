"""What is stored of a run is noticed when it is no longer what was stored."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    by_hand,
    candidate,
    change,
    kept,
    predictions,
    promoted,
    read,
    run_sql,
    serving,
    silenced,
    two_champions,
    write,
)
from sqlalchemy import Connection, select, update

from data.checks.findings import ExpectationResult, RejectedRow
from data.errors import DamagedModel, DamagedStore
from data.store.check.record import last_check
from data.store.checksums import CHANGING, OF_A_RUN
from data.store.read.champions import champion_model, model_of
from data.store.read.earlier_runs import last_details
from data.store.read.integrity import damage_of_run
from data.store.read.whole_run import stored_run
from data.store.records import CoefficientRecord, SourceColumnRecord
from data.store.row_columns import PairedErrors
from data.store.session import Store
from data.store.tables import model
from data.store.write.prune import prune
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.model import linear_model
from tasks.check_database import check_database
from tasks.run.decisions import Tools, rollback
from tasks.run.stored_model import stored_model

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

ROLLBACK = (
    "'nightfit rollback wages --to 1' lets the champion of that run serve again; 'nightfit retrain"
    " wages' trains a new model."
)


def set_bytes(store: Store, model_id: int, **content: bytes | str | None) -> None:
    """Change what is stored of a model, behind nightfit's back."""
    own = update(model).where(model.c.model_id == model_id)
    change(store, lambda connection: connection.execute(own.values(**content)))


def flipped(content: bytes | None) -> bytes:
    assert content
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda m: {"artifact": flipped(m.artifact)}, "its bytes are not those that were stored"),
        (lambda m: {"artifact": m.artifact[:-1]}, "its bytes are not those that were stored"),
        (lambda _: {"artifact": b""}, "its bytes are not those that were stored"),
        (lambda _: {"artifact": None}, "its bytes are missing"),
        (lambda _: {"artifact_sha256": None}, "its bytes are not those that were stored"),
        (lambda m: {"twin": flipped(m.twin)}, "the bytes of its twin are not those"),
        (lambda _: {"twin": None, "twin_sha256": None}, "the bytes of its twin are missing"),
    ],
)
def test_a_champion_whose_bytes_have_changed_is_damaged_and_the_one_before_is_named(
    store: Store, damage: Callable[[Any], dict], what: str
):
    _, champion = two_champions(store)
    assert serving(store).damage is None
    set_bytes(store, champion, **damage(serving(store)))
    found = serving(store).damage
    assert found is not None
    assert what in found.what
    assert found.next_step == ROLLBACK


@sqlite_only
def test_two_models_that_are_exchanged_with_their_checksums_are_both_damaged(store: Store):
    first, second = two_champions(store)
    columns = [model.c[name] for name in ("artifact", "artifact_sha256", "twin", "twin_sha256")]
    statement = select(*columns).order_by(model.c.model_id)
    one, other = read(store, lambda c: c.execute(statement).mappings().all())
    set_bytes(store, first, **other)
    set_bytes(store, second, **one)
    damage = serving(store).damage
    assert damage is not None
    assert damage.parts == {"artifact", "twin"}
    assert damage.next_step == "'nightfit retrain wages' trains a new model."


@sqlite_only
@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ('UPDATE run SET declaration = \'{"key": ["ide"]}\' WHERE run_id = 2', "run"),
        ("UPDATE run SET train_until = 1 WHERE run_id = 2", "run"),
        ("UPDATE source_column SET kind = 'category' WHERE run_id = 2", "run"),
        ("DELETE FROM checksum WHERE run_id = 2", "run"),
        ("UPDATE promotion SET model_id = 1 WHERE run_id = 2", "decision"),
    ],
)
def test_what_a_model_depends_on_is_checked_with_it(store: Store, statement: str, part: str):
    declared = {
        "declaration": '{"key": ["id"]}',
        "columns": [SourceColumnRecord(name="a", role="feature", kind="number")],
    }
    write(store, promoted(1, {"a": 1.0}, **declared))
    write(store, promoted(2, {"a": 1.0}, name="torch/least_squares", **declared))
    assert serving(store).damage is None
    run_sql(store.url, statement)
    damage = serving(store).damage
    assert damage is not None
    assert damage.parts == {part}


def test_where_gradient_descent_ended_is_not_believed_once_it_has_changed(store: Store):
    ends = {"twin": {"end": [0.5], "until": 1.0}}
    linear = candidate("torch/gradient_descent", chosen=True, rank=1, details=ends)
    write(store, promoted(1, {"a": 1.0}, name=linear.name, candidates=[linear]))
    assert list(read(store, last_details, "wages").values()) == [ends]
    run_sql(store.url, """UPDATE model SET details = '{"twin": {"end": [0.6], "until": 1.0}}'""")
    with pytest.raises(DamagedStore, match="what is stored of the models of run 1 is not"):
        read(store, last_details, "wages")


def test_a_run_that_has_changed_cannot_be_fitted_again(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    run_sql(store.url, "UPDATE run SET fingerprint = 'abc'")
    with pytest.raises(DamagedStore, match=r"what is stored of run 1 is not .* db check"):
        read(store, stored_run, 1)


def test_a_model_that_cannot_be_loaded_does_not_serve_again(store: Store, tmp_path: Path):
    first, second = two_champions(store)  # their bytes are intact, and those of no model
    tools = Tools(store, tmp_path, fit_again=lambda _run, _name: pytest.fail("not needed"))
    with pytest.raises(DamagedModel, match=r"torch/ann of run 1 is damaged .* cannot be loaded"):
        rollback(tools, "wages", None, reason=None, pin=False)
    assert serving(store).model_id == second
    set_bytes(store, first, artifact=b"other bytes")
    with pytest.raises(DamagedModel, match="its bytes are not those that were stored"):
        rollback(tools, "wages", 1, reason=None, pin=False)
    assert serving(store).model_id == second


def test_a_champion_without_the_predictions_of_its_own_run_cannot_predict(store: Store):
    encoding = Encoding.fit({"a": np.arange(1.0, 30.0)})
    line = linear_model(
        Candidate("torch", "least_squares"), encoding, np.array([0.0, 1.0])
    ).to_bytes()
    winner = candidate("torch/least_squares", chosen=True, rank=1, artifact=line, twin=line)
    write(store, promoted(1, {"a": 1.0, "c": NEW}, name=winner.name, candidates=[winner]))
    own = stored_model(store, serving(store), lambda: None).own
    assert [[*batch.key] for batch in own()] == [["a", "c"]]
    assert [batch.role.tolist() for batch in own()] == [["train", "new"]]
    run_sql(store.url, "DELETE FROM prediction")
    with pytest.raises(DamagedModel, match="the rows of its own run are missing"):
        stored_model(store, serving(store), lambda: None)


def test_checksums_follow_what_prune_removes_and_what_a_person_adds(store: Store):
    weak = candidate("theano/ann", artifact=None, rank=2)
    winner = candidate(chosen=True, rank=1)
    for number in range(1, 5):
        pairs = PairedErrors(
            model="torch/ann",
            other="theano/ann",
            key=["a"],
            error=np.array([1.0]),
            other_error=np.array([2.0]),
        )
        both = [predictions(name, {"a": 1.0, "c": NEW}) for name in ("torch/ann", "theano/ann")]
        more = {"candidates": [winner, weak], "predictions": both, "paired_errors": pairs}
        record = promoted(number, {}, **more)
        write(store, record if number < 3 else replace(record, promotions=()))
    assert all(read(store, damage_of_run, number) == () for number in range(1, 5))
    loser = read(store, model_of, "wages", 1, "theano/ann")
    added = {4: predictions(loser.model_id, {"d": NEW})}
    by_hand(store, "forced", loser.model_id, predictions=added, artifact=b"refitted")
    assert serving(store).damage is None
    pruned = change(store, prune, "wages", keep_runs=1)
    assert (pruned.models, pruned.paired_errors > 0, pruned.predictions > 0) == (3, True, True)
    assert all(read(store, damage_of_run, number) == () for number in range(1, 5))


def full_store(store: Store) -> None:
    """Store two runs that have rows in every table."""
    checks = ExpectationResult(
        expectation="unique",
        column="a",
        severity="warning",
        quarantine=False,
        success=True,
        kwargs={"column": "a"},
        observed=3,
        unexpected_count=0,
        examples=["x"],
    )
    pairs = {"key": ["a"], "error": np.array([1.0]), "other_error": np.array([2.0])}
    linear = candidate(
        "torch/least_squares",
        chosen=True,
        rank=1,
        details={"refit": 0.5},
        variants=[CoefficientRecord(term="age", estimate=0.5, variant="complete cases", rows=9)],
    )

    network = candidate("torch/ann", rank=2, resilience=[silenced(0.1, 2.0)])
    facts = {
        "candidates": [linear, network],
        "columns": [SourceColumnRecord(name="a", role="feature", kind="number", missing=0)],
        "expectations": [checks],
        "rejected_rows": [RejectedRow(key="z", row_number=3, values={"a": 1}, reason="odd")],
        "paired_errors": PairedErrors(model=linear.name, other=network.name, **pairs),
        "library_versions": {"nightfit": "1"},
        "fingerprint": "f",
        "declaration": "{}",
    }
    write(store, promoted(1, {"a": 1.0, "b": NEW}, name=linear.name, **facts))
    write(store, kept(2, 1, {"a": 1.0, "b": NEW}))


@sqlite_only
def test_any_value_of_a_run_that_has_changed_is_noticed(store: Store):
    full_store(store)
    path = store.url.removeprefix("sqlite:///")
    assert [read(store, damage_of_run, number) for number in (1, 2)] == [(), ()]
    changed = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other, store.reading() as ours:
        of_runs = [table for table in OF_A_RUN if not table.name.startswith("segment_")]
        for table in (*of_runs, model.metadata.tables["prediction"]):
            for column in table.columns:
                if column.name in CHANGING.get(table.name, ()) or column.primary_key:
                    continue
                name = f"{table.name}.{column.name}"
                if _change(other, table.name, column.name, ours):
                    changed.append(name)
    assert len(changed) > 60


def _change(other: sqlite3.Connection, table: str, column: str, ours: Connection) -> bool:
    """Change one value of a column and back again; it must be noticed in between."""
    other.execute("PRAGMA ignore_check_constraints = ON")
    where = f"rowid = (SELECT min(rowid) FROM {table} WHERE {column} IS NOT NULL)"
    if table in ("prediction", "paired_error"):
        where = f"key = 'a' AND {column} IS NOT NULL"
    row = other.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
    if row is None or column in ("dataset", "run_id"):
        return False
    (value,) = row
    new = f"{value}x" if isinstance(value, str) else 1 - value if value in (0, 1) else value + 1
    other.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new,))
    ours.rollback()
    assert [*damage_of_run(ours, 1), *damage_of_run(ours, 2)], f"{table}.{column}"
    other.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,))
    ours.rollback()
    return True


def test_a_check_names_what_is_damaged_dangling_missing_and_left_over(store: Store, tmp_path: Path):
    full_store(store)
    areas = [f.area for f in check_database(store, home=tmp_path, keep_runs=30)]
    assert set(areas) == {"models"}  # the bytes of these nights are intact, and those of no model
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / ".x.parquet.123").touch()
    run_sql(
        store.url,
        "UPDATE score SET rmse = rmse + 1 WHERE run_id = 1",
        "UPDATE run SET snapshot = 'snapshots/gone.parquet' WHERE run_id = 1",
        "UPDATE prediction SET model_id = 99 WHERE key = 'b' AND run_id = 2",
    )
    findings = check_database(store, home=tmp_path, keep_runs=30)
    by_area = {f.area: f for f in findings}
    assert "refer to 1 rows of model that do not exist" in by_area["references"].what
    clauses = [f.what for f in findings if f.area == "checksums"]
    assert clauses == [
        "Of run 1, this is not what was stored: its rows of run, score.",
        "Of run 2, this is not what was stored: the predictions of torch/least_squares.",
    ]
    assert by_area["champions"].dataset == "wages"
    assert "gone.parquet, which a run has read, is missing." in by_area["snapshots"].what
    assert by_area["leftovers"].left_over
    kept_check = read(store, last_check)
    assert kept_check is not None
    assert kept_check.findings == findings
    assert len(kept_check.wrong) == len(findings) - 1


def test_what_has_been_acknowledged_no_longer_counts_and_new_damage_does(
    store: Store, tmp_path: Path
):
    def wrong(*, acknowledge: bool = False) -> list[str]:
        check_database(store, home=tmp_path, keep_runs=30, acknowledge=acknowledge)
        return [f.what for f in read(store, last_check).wrong]

    full_store(store)
    run_sql(store.url, "UPDATE score SET rmse = rmse + 1 WHERE run_id = 1")
    assert any("its rows of score" in what for what in wrong())
    assert wrong(acknowledge=True) == []
    assert wrong() == []
    run_sql(store.url, "UPDATE score SET rmse = rmse + 1 WHERE run_id = 2")
    run_sql(store.url, "UPDATE rejected_row SET reason = 'other' WHERE run_id = 1")
    assert wrong() == [
        "Of run 1, this is not what was stored: its rows of rejected_row, score.",
        "Of run 2, this is not what was stored: its rows of score.",
    ]


def test_a_decision_about_a_model_that_is_not_there_is_said(store: Store):
    two_champions(store)
    if store.url.startswith("sqlite"):
        run_sql(store.url, "DELETE FROM model WHERE model_id = 2")
        with pytest.raises(DamagedStore, match="model 2, which a decision about 'wages' names"):
            read(store, champion_model, "wages")
