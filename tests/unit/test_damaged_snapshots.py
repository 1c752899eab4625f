"""Who meets a damaged snapshot says so: a night, `verify`, and the predictions of a champion."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from helpers.sources import shop, written

from data.errors import UserError
from data.sources.snapshot import load
from data.store.records import RunRecord
from tasks.read import read
from tasks.run.attempt import Attempt
from tasks.run.replay import snapshot_of

TEXT = "id,x,y\n1,2,3\n2,3,4\n"


@pytest.fixture
def declaration(tmp_path):
    return shop(written(tmp_path, TEXT))


@pytest.fixture
def snapshot(declaration, tmp_path):
    return read.fn(declaration, tmp_path / "snapshots")


def test_a_night_that_wrote_its_snapshot_anew_warns_of_it(declaration, snapshot, tmp_path, caplog):
    snapshot.path.write_bytes(b"PAR1")
    run = Attempt(declaration, snapshot=read.fn(declaration, tmp_path / "snapshots"))
    (warning,) = run.warnings
    assert "written anew from the source" in warning
    assert warning in caplog.text
    assert load(snapshot.path).num_rows == 2


def stored(snapshot, home):
    return RunRecord(
        dataset="shop",
        status="succeeded",
        started_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
        snapshot=snapshot.path.relative_to(home).as_posix(),
        fingerprint=snapshot.fingerprint,
    )


def test_an_old_run_is_not_verified_on_damaged_rows(snapshot, tmp_path):
    record = stored(snapshot, tmp_path)
    assert snapshot_of(1, record, home=tmp_path) == snapshot
    with pytest.raises(UserError, match=r"damaged\. It is of another run"):
        snapshot_of(1, replace(record, fingerprint="0" * 64), home=tmp_path)
    pa.parquet.write_table(pa.table({"id": [1], "x": [2], "y": [9]}), snapshot.path)
    with pytest.raises(UserError, match=r"damaged\. The snapshot has other") as error:
        snapshot_of(1, record, home=tmp_path)
    assert "'nightfit check shop' writes it anew while the source still" in str(error.value)
