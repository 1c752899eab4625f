"""The checksum of a model's predictions depends on what they are, not on how they are passed on."""

import hashlib
import json
import tempfile
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import data.store.checksums
from data.errors import HomeError
from data.store.checksums import in_key_order, predictions_sha256
from data.store.row_columns import NUMBERS, PredictionColumns

ROWS = 7
KEYS = ["d", "a", "ä", "c", "b", "\U0001f600", "e"]
ROLES = ["train", "test", "new", "train", "warmup", "new", "test"]
NUMBER = np.array([0.1, -0.0, np.nan, 3.0, np.inf, 1e300, 5e-324])


def columns(note=None, rows=slice(None)):
    numbers = {name: (NUMBER + at)[rows] for at, name in enumerate(NUMBERS)}
    own = None if note is None else note[rows]
    role = np.array(ROLES, dtype=object)[rows]
    return PredictionColumns(model=7, key=KEYS[rows], role=role, note=own, **numbers)


def expected(note):
    order = sorted(range(ROWS), key=KEYS.__getitem__)
    notes = [note[at] for at in order] if note and any(note) else None
    texts = json.dumps([[KEYS[at] for at in order], [ROLES[at] for at in order], notes])
    numbers = [(NUMBER + at)[order] + 0.0 for at in range(len(NUMBERS))]
    finite = [np.where(np.isfinite(values), values, np.nan).tobytes() for values in numbers]
    return ROWS, hashlib.sha256(texts.encode() + b"".join(finite)).hexdigest()


@pytest.mark.parametrize("note", [None, [None] * ROWS, [None, "x", None, None, "é; y", None, None]])
@pytest.mark.parametrize("batch", [1, 2, ROWS])
@pytest.mark.parametrize("in_memory", [8, 2**20])
def test_a_checksum_is_that_of_the_columns_in_the_order_of_the_keys_in_batches_of_any_size(
    monkeypatch, note, batch, in_memory
):
    monkeypatch.setattr(data.store.checksums, "BATCH_ROWS", batch)
    monkeypatch.setattr(data.store.checksums, "IN_MEMORY", in_memory)
    assert predictions_sha256(in_key_order(columns(note))) == expected(note)


def test_the_note_of_a_late_batch_counts_and_no_predictions_are_no_rows():
    note = [None] * (ROWS - 1) + ["late"]
    batches = [*in_key_order(columns(note))]
    assert predictions_sha256(batches) == expected(note) != expected(None)
    assert predictions_sha256([])[0] == 0


@pytest.mark.parametrize("batch", [1, 2, ROWS])
def test_further_levels_count_where_a_row_has_them_and_leave_the_checksum_of_others(
    monkeypatch, batch
):
    monkeypatch.setattr(data.store.checksums, "BATCH_ROWS", batch)
    one = columns()
    none = np.full(ROWS, np.nan)
    late = np.where(np.array(KEYS) == "ä", 0.5, np.nan)  # in the middle of the order
    assert predictions_sha256(in_key_order(replace(one, lower_2=none))) == expected(None)
    sums = {
        predictions_sha256(in_key_order(replace(one, **further)))
        for further in ({}, {"lower_2": late}, {"upper_2": late}, {"lower_3": late + 1})
    }
    assert len(sums) == 4
    whole = [*in_key_order(replace(one, lower_2=late))]
    without = [
        part if np.isfinite(part.lower_2).any() else replace(part, lower_2=None) for part in whole
    ]
    assert predictions_sha256(whole) == predictions_sha256(without)


def test_a_folder_that_cannot_be_written_to_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(data.store.checksums, "IN_MEMORY", 8)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(HomeError, match=r"gone: .* cannot be written: No such file.* TMPDIR"):
        predictions_sha256(in_key_order(columns()))


def test_a_checksum_of_many_batches_needs_the_memory_of_a_few(monkeypatch):
    monkeypatch.setattr(data.store.checksums, "IN_MEMORY", 2**12)
    rows = 500
    numbers = {name: np.arange(float(rows)) for name in NUMBERS}
    role = np.full(rows, "train", dtype=object)
    one = PredictionColumns(model=7, key=["k" * 20] * rows, role=role, **numbers)
    tracemalloc.start()
    try:
        count, _ = predictions_sha256(one for _ in range(50))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50 * rows
    assert peak < 20 * count  # all numbers and roles would take 40 bytes of each row
