"""Rows of a dataset `shop`, and what the checks find in them."""

import json

import numpy as np
import pyarrow as pa

from data.checks.check import check
from data.checks.findings import Checked, ExpectationResult
from data.declarations.model import Declaration

BETWEEN = "expect_column_values_to_be_between"
PRESENT = "expect_column_values_to_not_be_null"
N = 60
SHOP = pa.table(
    {
        "id": pa.array(range(1, N + 1)),
        "age": pa.array([7, None, *range(20, N + 18)], pa.int64()),
        "level": ["a", "b", None, *["a", "b"] * 28, "a"],
        "hired": pa.array(np.datetime64("2024-01-01") + np.arange(N)),
        "y": [float(i) for i in range(N)],
    }
)


def shop(**more: object) -> Declaration:
    given = {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y", **more}
    return Declaration.model_validate(given)


def rule(type_: str, *, severity: str = "critical", quarantine: bool = False, **kwargs: object):
    return {"type": type_, "kwargs": kwargs, "severity": severity, "quarantine": quarantine}


def checked(*rules: dict, table: pa.Table = SHOP, **more: object) -> Checked:
    found = check(shop(expectations=rules, **more), table)
    assert all(json.loads(json.dumps(one.__dict__)) == one.__dict__ for one in found.results)
    assert found.passed == (found.reason is None)
    return found


def replaced(name: str, values: object) -> pa.Table:
    return SHOP.set_column(SHOP.column_names.index(name), name, pa.array(values))


def failed(found: Checked) -> dict[str, ExpectationResult]:
    return {one.expectation: one for one in found.results if not one.success}


def weighted(*first: object, y: object = None) -> pa.Table:
    """Return the rows with a column `w` that begins with these values and continues with 2."""
    weights = pa.array([*first, *[2.0] * (N - len(first))], pa.float64())
    return (SHOP if y is None else replaced("y", y)).append_column("w", weights)


def with_flag() -> pa.Table:
    return SHOP.append_column("flag", pa.array([True, False] * (N // 2)))
