"""Snapshots: written whole, and believed only while they have the rows that their names promise."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import HomeError, SourceError
from data.sources.readings import METADATA_KEY
from data.sources.snapshot import (
    SETTLED_SECONDS,
    _opened,
    is_intact,
    load,
    readings_of,
    snapshot_at,
    write,
)

ROWS = pa.table({"id": [1, 2, 3], "y": [1.5, 2.5, None], "level": ["a", "b", "a"]})
OTHERS = ROWS.set_column(1, "y", pa.array([1.5, 9.5, None]))


@pytest.fixture
def snapshot(tmp_path):
    return write(ROWS, tmp_path)


def other_rows(path):
    pq.write_table(OTHERS.replace_schema_metadata(pq.read_schema(path).metadata), path)


def other_readings(path):
    odd = b'[{"name": "y", "kind": "number", "kind_from": "values", "unparsable": 1, "rows": [2],'
    odd += b' "examples": [[3, "x"]], "natural": "number", "notes": [], "texts": ["x"]}]'
    pq.write_table(ROWS.replace_schema_metadata({METADATA_KEY: odd}), path)


def another_column(path):
    pq.write_table(ROWS.append_column("\x1futc_offset:y", pa.array([60, 60, 60], pa.int32())), path)


def columns_of_other_types(path):
    pq.write_table(ROWS.set_column(1, "y", pa.array([[1], [2], None])), path)


def readings_that_are_no_json(path):
    pq.write_table(ROWS.replace_schema_metadata({METADATA_KEY: b"\xff{"}), path)


def readings_of_another_form(path):
    pq.write_table(ROWS.replace_schema_metadata({METADATA_KEY: b'[{"nmae": "y"}, 7]'}), path)


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_dangling_link(path):
    path.unlink()
    path.symlink_to("nowhere")


DAMAGES = [
    other_rows,
    other_readings,
    another_column,
    columns_of_other_types,
    readings_that_are_no_json,
    readings_of_another_form,
    lambda path: path.write_bytes(path.read_bytes()[:-20]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"not Parquet at all"),
    a_folder,
    a_pipe,
    a_dangling_link,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_refused_and_written_anew_from_the_source(snapshot, damage):
    path = snapshot.path
    assert is_intact(path)
    damage(path)
    assert not is_intact(path)
    for columns in (None, ["id"]):
        with pytest.raises(SourceError, match=r"^\S+: The snapshot (has other|cannot)") as caught:
            load(path, columns)
        assert "Run again" in str(caught.value)
    with pytest.raises(SourceError):
        snapshot_at(path)
    (warning,) = write(ROWS, path.parent).warnings
    assert warning.startswith(f"{path}: The snapshot ")
    assert warning.endswith(" It was written anew from the source.")
    assert load(path).equals(ROWS)
    assert write(ROWS, path.parent) == snapshot


def test_every_flipped_bit_of_a_snapshot_is_noticed_or_changes_nothing(snapshot):
    whole, path = snapshot.path.read_bytes(), snapshot.path
    noticed = 0
    for position in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        if is_intact(path):
            assert load(path).equals(ROWS)
        else:
            noticed += 1
    assert noticed > len(whole) / 14


def test_rows_are_checked_again_after_the_file_was_changed(snapshot):
    os.utime(snapshot.path, ns=(0, 0))
    load(snapshot.path)
    load(snapshot.path, ["id"])
    other_rows(snapshot.path)
    with pytest.raises(SourceError, match="has other rows"):
        load(snapshot.path, ["id"])


def test_a_folder_with_files_that_has_the_name_of_a_snapshot_is_moved_aside(snapshot):
    a_folder(snapshot.path)
    (snapshot.path / "notes.txt").write_text("mine")
    (warning,) = write(ROWS, snapshot.path.parent).warnings
    aside = Path(f"{snapshot.path}.aside-1")
    assert warning.endswith(f"What had its name is now {aside}.")
    assert (aside / "notes.txt").read_text() == "mine"
    assert load(snapshot.path).equals(ROWS)


def test_a_snapshot_of_other_readings_alone_is_written_anew_without_a_warning(snapshot):
    pq.write_table(ROWS, snapshot.path)
    assert write(ROWS, snapshot.path.parent) == snapshot
    assert readings_of(snapshot.path) == ()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(HomeError, match=r"cannot be written: the file has reached"):
            write(ROWS, tmp_path / "shop")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "shop").iterdir()) == []


HALF = """
import os, signal, sys
from pathlib import Path
from data.sources.whole_file import write_whole

def half(file):
    file.write(b"PAR1")
    file.flush()
    print("half", flush=True)
    signal.pause()

write_whole(Path(sys.argv[1]), half)
"""


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    file = tmp_path / "0123456789abcdef.parquet"
    (tmp_path / f".{file.name}.4711").write_bytes(b"of version 0.1.0")
    with subprocess.Popen([sys.executable, "-c", HALF, file], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        snapshot = write(ROWS, tmp_path)
        assert {path.suffix for path in tmp_path.iterdir()} == {".unfinished", ".parquet"}
        process.kill()
    write(ROWS, tmp_path)
    assert list(tmp_path.iterdir()) == [snapshot.path]


def _write_often(folder):
    for _ in range(30):
        write(ROWS, folder)
        for path in folder.glob("*.parquet"):
            path.write_bytes(b"damaged")


def test_processes_that_write_the_same_snapshot_do_each_other_no_harm(tmp_path):
    fork = multiprocessing.get_context("fork")
    others = [fork.Process(target=_write_often, args=(tmp_path,)) for _ in range(3)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [write(ROWS, tmp_path).path]


def test_columns_are_read_from_one_open_file_until_it_changes(snapshot):
    time.sleep(2 * SETTLED_SECONDS)
    load(snapshot.path)
    opened = _opened.cache_info().misses

    for name in ROWS.column_names:
        assert load(snapshot.path, [name]) == ROWS.select([name])

    assert _opened.cache_info().misses == opened + 1
    other_rows(snapshot.path)
    with pytest.raises(SourceError, match="other rows"):
        load(snapshot.path, ["y"])


def test_only_columns_whose_values_repeat_get_a_dictionary(tmp_path):
    rows = pa.table({"id": range(2_000), "level": [f"level {i % 7}" for i in range(2_000)]})
    group = pq.ParquetFile(write(rows, tmp_path).path).metadata.row_group(0)
    has_dictionary = [group.column(n).has_dictionary_page for n in range(2)]
    assert has_dictionary == [False, True]
