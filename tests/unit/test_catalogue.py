"""The catalogue of checks that are always made lists exactly the checks that are made."""

import datetime as dt

import numpy as np
import pyarrow as pa
from helpers.checked import N, shop
from helpers.contracts import contract_after

from data.checks.always import content_findings
from data.checks.catalogue import ALWAYS_MADE, SEVERITY
from data.checks.check import check

NOW = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
TABLE = pa.table(
    {
        "id": pa.array(range(1, N + 1)),
        "shop": ["a", "b"] * (N // 2),
        "age": np.arange(float(N)),
        "intercept": np.arange(float(N)),
        "day": pa.array(np.datetime64("2024-01-01") + np.arange(N)),
        "w": np.ones(N),
        "y": np.arange(float(N)),
    }
)
EVERYTHING = {
    "time": "day",
    "weight": "w",
    "max_age": "2 days",
    "horizon": "1 day",
    "recency": "30 days",
    "terms": ["age^2"],
    "features": ["age", "shop", "intercept"],
    "interval": {"level": 0.99, "by": "shop"},
    "bounds": [0, None],
}


def checks_of(*, contract=None, **declared):
    """Return the names and severities of the checks that a declaration leads to."""
    declaration = shop(**declared)
    outcome = check(declaration, TABLE, (), contract or contract_after(declaration, TABLE), NOW)
    return {(result.expectation, result.severity) for result in outcome.results}


def checks_without_rows():
    findings = content_findings(shop(), TABLE, (), np.zeros(N, dtype=bool), NOW).first
    return {(finding.result.expectation, finding.result.severity) for finding in findings}


def test_catalogue_lists_the_checks_that_are_made_and_no_others():
    checks = checks_of(**EVERYTHING)
    checks |= checks_of(key=["id", "shop"])
    checks |= checks_of(segment="shop")
    checks |= checks_of(time="age", max_age="2 days")
    checks |= checks_without_rows()
    checks |= checks_of(features=["age"])
    checks |= checks_of(key=["shop", "day"], time="day", lags={"y": ["3 days"]})
    checks |= checks_of(key=["shop", "age"], time="age", lags={"y": ["3 days"]})
    checks |= checks_of(features=["age", "day[weekday]"])
    checks |= checks_of(key="day", time="day", features=["age"], lags={"y": ["1 day"]})
    with_gone_feature = contract_after(shop(), TABLE.append_column("gone", TABLE["y"]))
    checks |= checks_of(contract=with_gone_feature, key=["id", "age"])
    assert checks == {(check.name, check.severity) for check in ALWAYS_MADE}


def test_each_check_of_the_catalogue_has_one_row_and_one_sentence():
    assert len(SEVERITY) == len(ALWAYS_MADE)
    for entry in ALWAYS_MADE:
        assert entry.meaning.endswith("."), entry.name
        assert len(entry.meaning) < 200, entry.name
