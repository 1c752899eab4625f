"""The checks of intervals: whether rows are enough for their levels and groups."""

import numpy as np
import pyarrow as pa
import pytest

from data.checks import intervals
from data.checks.intervals import interval_findings
from data.checks.table import Columns
from data.declarations.model import Declaration
from regressors.intervals.calibration import MIN_GROUP_ROWS
from regressors.intervals.quantiles import quantile

ROWS = 120


def sentences(interval):
    declaration = Declaration.model_validate(
        {
            "name": "shop",
            "source": {"path": "rows.csv"},
            "key": "id",
            "target": "y",
            "interval": interval,
        }
    )
    table = pa.table(
        {
            "label": [f"l{i}" for i in range(ROWS)],
            "region": ["north", "south"] * (ROWS // 2),
        }
    )
    labelled = np.arange(ROWS) < ROWS - 10
    return [each.sentence for each in interval_findings(declaration, Columns(table), labelled)]


def test_a_column_without_a_level_of_rows_enough_is_warned_of():
    assert sentences({"by": "region"}) == [""]
    (sentence,) = sentences({"by": "label"})
    assert sentence.startswith("None of the 110 levels of 'label' has 50 rows with a target")


@pytest.mark.parametrize(("level", "needed"), [(0.99, 99), (0.995, 199), (0.99999, 99_999)])
def test_a_level_that_needs_more_rows_than_there_are_is_warned_of(level, needed):
    (sentence,) = sentences(level)
    if needed <= 110:
        assert sentence == ""
    else:
        assert sentence.startswith(
            f"Intervals of {100 * level:.10g}% need the errors of {needed:,}"
        )
        assert "110 have a target" in sentence
    if needed < 1000:
        ones = np.ones(needed)
        assert quantile(ones, level, ones) == 1
        assert np.isnan(quantile(ones[1:], level, ones[1:]))


def test_the_rows_of_a_group_are_those_that_its_intervals_need():
    assert intervals.MIN_GROUP_ROWS == MIN_GROUP_ROWS
