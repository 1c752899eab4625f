"""A full disk is called one, wherever it is met, and nothing half-written stays."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.store_nights import counts, promoted, write
from sqlalchemy import text

from data.errors import HomeError, StoreError
from data.settings import ROOT
from data.store.session import Store
from flows.command.folders import make_folder

WRITER = """
import json, resource, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
from helpers.store_nights import counts, predictions, promoted
from data.errors import UserError
from data.sources import snapshot
from data.store.session import Store
from data.store.write.run import write_run

folder = Path(sys.argv[1])
store = Store(f"sqlite:///{folder / 'store.db'}", retry_time=60)
store.ensure_ready()
before = counts(store)
size = (folder / "store.db").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, resource.RLIM_INFINITY))

n = 20_000
numbers = np.zeros(n)
columns = dict(actual=numbers, predicted=numbers, lower=numbers, upper=numbers)
few = predictions("torch/ann", {})
many = type(few)(model=few.model, key=[f"{i:08}" for i in range(n)],
                 role=np.full(n, "train"), **columns)
random = np.random.default_rng(1)
table = pa.table({f"c{i}": random.normal(size=n) for i in range(9)})
said = []
for attempt in (
    lambda: store.write(lambda c: write_run(c, promoted(1, {}, predictions=[many]))),
    lambda: snapshot.write(table, folder / "snapshots"),
):
    try:
        attempt()
    except UserError as error:
        said.append(str(error))
left = sorted(path.name for path in (folder / "snapshots").iterdir())
print(json.dumps([said, before == counts(store), left]))
"""


def test_a_file_that_cannot_grow_is_named_and_nothing_half_written_stays(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (database, snapshot), is_unchanged, left = json.loads(done.stdout)
    assert "store.db: the file has reached the largest size" in database
    assert "nothing from this run was stored" in database
    assert "The snapshot cannot be written: the file has reached the largest size" in snapshot
    assert "Make room there" in snapshot
    assert is_unchanged
    assert left == []


def test_a_folder_without_the_room_that_is_needed_is_named(tmp_path: Path):
    with pytest.raises(HomeError, match=r"home: the disk is full\. Make room there"):
        make_folder(tmp_path / "home", needed_bytes=10**18)


FULL_AT_A_ROW = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE SQLSTATE '{code}' USING MESSAGE = 'could not extend file "base/1/2": {words}';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON prediction FOR EACH ROW
WHEN (NEW.key = 'last') EXECUTE FUNCTION full_disk();
"""


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("code", "words"),
    [("53100", "No space left on device"), ("XX000", "Disk quota exceeded")],
)
def test_a_server_whose_disk_is_full_is_named_and_nothing_of_the_run_stays(
    store: Store, code: str, words: str
):
    write(store, promoted(1, {"a": 1.0}))
    before = counts(store)
    with store.writing() as connection:
        connection.execute(text(FULL_AT_A_ROW.format(code=code, words=words)))
    try:
        with pytest.raises(StoreError) as caught:
            write(store, promoted(2, {"a": 1.0, "last": 2.0}))
    finally:
        with store.writing() as connection:
            connection.execute(text("DROP FUNCTION full_disk CASCADE"))
    assert type(caught.value) is StoreError  # it is no damage, and waiting does not help
    assert (
        f'the server has no room left (could not extend file "base/1/2": {words});'
        " nothing from this run was stored. Make room on the disk of the server"
    ) in str(caught.value)
    assert counts(store) == before
    write(store, promoted(2, {"a": 1.0, "last": 2.0}))
    assert counts(store) != before
