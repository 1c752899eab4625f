"""The encoding of a network whose rows have become more: the same columns, or none."""

import numpy as np
import pytest

from regressors.encoding.continued import continued
from regressors.encoding.matrices import Encoding


def table(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    gappy = rng.normal(size=rows)
    gappy[:20] = np.nan
    levels = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, rows)]
    levels[0] = "rare"
    return {"gappy": gappy, "number": rng.normal(size=rows), "level": levels}


def with_more(columns, **more):
    return {name: np.append(values, more[name]) for name, values in columns.items()}


MORE = {"gappy": [0.5, np.nan], "number": [0.1, 99.0], "level": ["a", "b"]}


def test_more_rows_are_encoded_as_before_with_extremes_of_their_own():
    columns = table()
    earlier = Encoding.fit(columns)
    later = Encoding.fit(with_more(columns, **MORE))
    kept = continued(earlier, later)
    new = table(seed=1)
    new["level"][0] = "a"  # an unseen level is coded by the shares of the others
    assert np.array_equal(kept.network(new), earlier.network(new))
    assert np.array_equal(kept.standardised(new), earlier.standardised(new))
    assert not np.array_equal(later.network(new), earlier.network(new))
    assert [number.high for number in kept.numbers][1] == 99.0
    assert kept.to_json() == Encoding.from_json(kept.to_json()).to_json()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("level", ["d"] * 20),
        ("level", [None] * 20),
        ("number", [np.nan] * 20),
    ],
)
def test_rows_that_need_another_column_do_not_go_on_with_the_encoding(name, values):
    columns = table()
    more = {other: [old[0]] * 20 for other, old in columns.items()} | {name: values}
    later = Encoding.fit(with_more(columns, **more))
    assert continued(Encoding.fit(columns), later) is None


def test_encoding_with_groups_does_not_go_on():
    columns = table()
    residual = np.where(columns["level"] == "a", 3.0, -1.0) + columns["number"] / 9
    earlier, _ = Encoding.fit(columns).with_groups(columns, residual, np.ones(200), [1], pairs=True)
    assert earlier.groups
    assert continued(earlier, Encoding.fit(columns)) is None
