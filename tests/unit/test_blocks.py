"""Tables in blocks of rows."""

import numpy as np
import pytest
from helpers.resident import only_linux, resident

from regressors.blocks import Chosen, blocks_of, release, rows_of

ROWS = 30_000
RNG = np.random.default_rng(4)


@pytest.mark.parametrize(
    "mask",
    [
        RNG.random(ROWS) < 0.3,
        np.arange(ROWS) // 9_000 == 1,
        np.ones(ROWS, dtype=bool),
        np.zeros(ROWS, dtype=bool),
        np.arange(ROWS) == ROWS - 1,
    ],
    ids=["a third", "a stretch", "all", "none", "the last"],
)
@pytest.mark.parametrize("step", [1_000, 8_192, ROWS])
def test_ranges_of_chosen_rows_are_those_of_the_mask(mask, step):
    chosen = Chosen(mask)
    column = np.arange(ROWS)
    taken = [column[chosen.positions(block)] for block in blocks_of(len(chosen), step)]
    assert len(chosen) == mask.sum()
    assert np.array_equal(np.concatenate([*taken, []]), column[mask])


def test_blocks_of_a_table_that_is_read_whole_are_no_copies():
    columns = {"x": np.arange(100.0)}
    block = rows_of(columns, Chosen(np.ones(100, dtype=bool)).positions(slice(20, 40)))
    assert block["x"].base is columns["x"]


@only_linux
def test_released_files_are_no_longer_in_memory_and_can_be_read_again(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1_000_000.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert mapped[100:].sum() > 0
    assert resident(mapped.ctypes.data) >= 7_000
    release([np.asarray(mapped)[100:], np.arange(3.0)])
    assert resident(mapped.ctypes.data) < 1_000
    assert mapped[-1] == 999_999
