"""Which rows' paired errors are kept, from which the power of the gate is estimated later."""

import numpy as np
import pytest

from tasks.run.comparison import MAX_PAIRED_ROWS, kept_pairs


def test_all_rows_are_kept_unless_there_are_very_many():
    assert kept_pairs(np.arange(MAX_PAIRED_ROWS)).all()


@pytest.mark.parametrize("units", [20, 900])
def test_all_rows_are_kept_if_they_have_few_units(units):
    assert kept_pairs(np.arange(50_000) % units).all()


def test_whole_units_are_drawn_from_very_many_rows():
    unit = np.arange(60_000) // 3
    kept = kept_pairs(unit)
    assert 4_500 < kept.sum() < 5_500
    assert np.isin(unit, unit[kept]).sum() == kept.sum()
