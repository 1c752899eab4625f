"""The catalogue of checks that are always made lists exactly the checks that are made."""

import datetime as dt

import numpy as np
import pyarrow as pa
from helpers.checked import N, shop

from data.checks.always import content_findings, structure_findings
from data.checks.catalogue import ALWAYS_MADE, SEVERITY
from data.checks.contract import Contract
from data.checks.duplicates import duplicates_of

CONTRACT = Contract(1, N, N, {}, {}, accepted=False)
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
    "terms": ["age^2"],
    "features": ["age", "shop", "intercept"],
}


def checks_of(*, kept=None, **declared):
    """Return the names and severities of the checks that a declaration leads to."""
    declaration = shop(**declared)
    findings = structure_findings(declaration, TABLE, CONTRACT)
    if not any(finding.fatal for finding in findings):
        kept = np.ones(N, dtype=bool) if kept is None else kept
        findings += content_findings(declaration, TABLE, kept, NOW)
        findings.append(duplicates_of(declaration, TABLE, kept).finding)
    return {(finding.result.expectation, finding.result.severity) for finding in findings}


def test_catalogue_lists_the_checks_that_are_made_and_no_others():
    checks = checks_of(**EVERYTHING)
    checks |= checks_of(key=["id", "shop"])
    checks |= checks_of(time="age", max_age="2 days")
    checks |= checks_of(kept=np.zeros(N, dtype=bool))
    assert checks == {(check.name, check.severity) for check in ALWAYS_MADE}


def test_each_check_of_the_catalogue_has_one_row_and_one_sentence():
    assert len(SEVERITY) == len(ALWAYS_MADE)
    for check in ALWAYS_MADE:
        assert check.meaning.endswith("."), check.name
        assert len(check.meaning) < 200, check.name
