"""Paired errors of the comparison of two models, which the gate looks at again later."""

import numpy as np
import pytest
from helpers.store_nights import (
    counts,
    kept,
    night,
    promoted,
    read,
    write,
)

from data.store.read.comparisons import latest_comparison
from data.store.row_columns import PairedErrors
from data.store.session import Store


def compared(unit: np.ndarray | None = None, **facts) -> PairedErrors:
    columns = {
        "model": "theano/least_squares",
        "other": 1,
        "key": ["b", "a"],
        "error": np.array([0.1 + 0.2, -5e-324]),
        "other_error": np.array([1.5, -2.5]),
        "unit": unit,
    }
    return PairedErrors(**columns | facts)


@pytest.mark.parametrize("unit", [None, np.array([7, 3_000_000_000])])
def test_errors_of_the_last_comparison_come_back_to_the_last_bit(store: Store, unit):
    assert read(store, latest_comparison, "wages") is None
    write(store, promoted(1, {"a": 1.0}))
    write(store, kept(2, 1, {}, paired_errors=compared(error=np.zeros(2))))
    write(store, kept(3, 1, {}, paired_errors=compared(unit)))
    write(store, night(4, status="failed"))
    write(store, promoted(4, {"a": 1.0}, dataset="sales"))
    errors = read(store, latest_comparison, "wages").errors
    assert errors is not None
    assert (errors.model, errors.other, errors.key) == (3, 1, ["a", "b"])
    assert errors.error.tolist() == [-5e-324, 0.1 + 0.2]
    assert errors.other_error.tolist() == [-2.5, 1.5]
    assert errors.unit is None if unit is None else errors.unit.tolist() == [3_000_000_000, 7]


def test_an_error_that_is_not_a_number_is_refused(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    broken = compared(other_error=np.array([1.0, np.inf]))
    with pytest.raises(ValueError, match=r"paired_error\.other_error cannot be inf \(key 'a'\)"):
        write(store, kept(2, 1, {}, paired_errors=broken))
    assert counts(store)["run"] == 1


def test_paired_errors_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        compared(np.array([1]))
