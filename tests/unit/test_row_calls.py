"""What is sent to workers of a cluster for a step, and what comes back, does not grow with rows."""

import pickle

from helpers.shop_rows import found, shops_in

from regressors.file_arrays import dumps
from tasks.run.row_files import RowFiles
from tasks.run.row_jobs import RowJob, do_row_job, is_large, unpacked

LARGEST = 60_000
"""Bytes: less than a mask of all rows has."""

PAIRS = 250_000
"""Bytes of the paired errors that are kept, of which there are at most about 5,000."""


class Packed:
    """Makes calls as a worker does, of which it gets bytes and returns some; it counts these."""

    def __init__(self) -> None:
        self.files = RowFiles()
        self.largest: dict[str, int] = {}

    def do(self, _what, calls):
        """Yield the values of calls."""
        for function, args in calls:
            in_files = tuple(self.files.stored(arg) if is_large(arg) else arg for arg in args)
            sent = dumps(RowJob(function, in_files, self.files.folder))
            made = do_row_job(None, pickle.loads(sent))
            assert isinstance(made, bytes)
            before = self.largest.get(function.__name__, 0)
            self.largest[function.__name__] = max(len(sent), len(made), before)
            yield unpacked(made)


def test_places_of_rows_travel_and_rows_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.run.row_jobs.LARGE", 1_000)
    shops, packed = shops_in(tmp_path), Packed()
    assert found(shops, packed) == found(shops)
    assert packed.largest.pop("comparison") < PAIRS
    packed.largest.pop("rows_set_aside")  # which are stored one by one
    assert {name: size for name, size in packed.largest.items() if size > LARGEST} == {}
    assert {"_hashed_part", "_split_of", "_part", "judgement", "prediction_columns"} <= {
        *packed.largest
    }
