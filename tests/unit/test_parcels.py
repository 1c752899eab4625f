"""Arrays in files are named on their way to a worker, and recognised there by a few bytes."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tasks.cluster.parcels import END_BYTES, Parcel
from tasks.run.row_files import RowFiles

ROWS = 20_000


@pytest.fixture
def files():
    return RowFiles()


def must_open(piece):
    array = piece.opened()
    assert array is not None
    return array


def test_a_parcel_has_the_places_of_arrays_in_files_and_copies_others(files):
    number, time = np.arange(ROWS, dtype=float), np.arange(ROWS).astype("M8[us]")
    value = {"number": files.stored(number), "time": files.stored(time)[5:], "own": number[:3]}
    parcel = Parcel.of(value)
    assert len(parcel.pieces) == 2
    assert len(parcel.data) < 2_000
    arrived = pickle.loads(pickle.dumps(parcel)).value(must_open)
    assert {name: array.tolist() for name, array in arrived.items()} == {
        name: array.tolist() for name, array in value.items()
    }
    assert arrived["time"].dtype == time.dtype


def test_an_array_that_is_named_twice_is_one_piece(files):
    stored = files.stored(np.arange(ROWS))
    assert len(Parcel.of([stored, stored[:]]).pieces) == 1


def test_an_empty_array_needs_no_file(files):
    (piece,) = Parcel.of(files.stored(np.arange(3.0))[:0]).pieces
    Path(piece.path).unlink()
    assert must_open(piece).shape == (0,)


@pytest.mark.parametrize("change", ["gone", "shorter", "another begin", "another end"])
def test_another_file_at_the_same_place_is_not_taken_for_it(files, change):
    (piece,) = Parcel.of(files.stored(np.arange(ROWS, dtype=float))).pieces
    path = Path(piece.path)
    data = bytearray(path.read_bytes())
    if change == "another begin":
        data[END_BYTES - 1] ^= 1
    if change == "another end":
        data[-1] ^= 1
    path.unlink()
    if change != "gone":
        path.write_bytes(data[:-8] if change == "shorter" else data)
    assert piece.opened() is None


def test_a_copy_is_opened_only_once_it_is_whole(files, tmp_path):
    values = np.arange(ROWS, dtype=float)
    (piece,) = Parcel.of(files.stored(values)).pieces
    data = values.tobytes()
    copy = tmp_path / piece.name
    copy.write_bytes(data[: len(data) // 2])
    assert piece.opened_copy(tmp_path) is None
    copy.write_bytes(data)
    assert piece.opened_copy(tmp_path).tolist() == values.tolist()


def test_a_parcel_is_shown_without_what_is_in_it():
    assert "hidden-key" not in repr(Parcel.of("hidden-key"))  # as Dask logs what a task was given
