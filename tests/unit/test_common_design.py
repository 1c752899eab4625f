"""Encodings of parts of a table: from figures by fold, and in columns that they have in common."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.encoding.common_design import CommonDesign
from regressors.encoding.matrices import Encoding
from regressors.encoding.statistics import FoldStatistics
from regressors.linear.gram_sums import gram_of

FOLDS = 4
PRODUCTS = [
    (("x", 2),),
    (("gappy", 2),),
    (("x", 1), ("level", 1)),
    (("level", 1), ("flag", 1)),
    (("flag", 1), ("day[quarter]", 1)),
    (("day[days]", 2),),
]


def table(seed):
    """Return columns whose gaps and rare levels fall into some folds more than into others."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(20, 200))
    fold = rng.integers(0, FOLDS, rows)
    blank = (rng.random(rows) < rng.choice([0.02, 0.3])) & (fold <= rng.integers(0, FOLDS))
    columns = {
        "x": rng.normal(size=rows) * 10.0 ** rng.choice([-200, 0, 120]),
        "constant": np.where(fold == 1, rng.integers(0, 2, rows), 1.0),
        "gappy": np.where(blank, np.nan, rng.integers(-9, 9, rows) / rng.choice([1.0, 7.0])),
        "gappy too": np.where(blank | (rng.random(rows) < 0.05), np.nan, rng.normal(size=rows)),
        "level": rng.choice([*"abcdefgh"], rows, p=[0.4, 0.3, 0.2, *[0.02] * 5]).astype(object),
        "flag": rng.choice(["true", "false"], rows).astype(object),
        "text": np.where(rng.random(rows) < 0.1, None, rng.choice([*"uvw"], rows)).astype(object),
        "tail": np.array([f"t{v}" for v in rng.zipf(1.5, rows)], dtype=object),
        "day": np.datetime64("2021-03-01", "us")
        + rng.integers(0, 900 * 24, rows) * np.timedelta64(1, "h"),
    }
    return columns, fold


def encodings(columns, fold, **changes):
    """Return the encoding of all rows; by held-out fold, the mask and the encoding of the rest."""
    statistics = FoldStatistics(columns, fold)
    others = {}
    for held in np.unique(fold).tolist():
        train, rest = fold != held, sorted({*fold.tolist()} - {held})
        known = statistics.of(rest, train)
        others[held] = (
            train,
            Encoding.fit(columns, rows=train, pieces=False, statistics=known, **changes),
        )
    return Encoding.fit(columns, pieces=False, **changes), others, statistics


def rows_of(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


seeds = st.integers(0, 10**6)


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_figures_of_folds_make_the_encoding_of_their_rows(seed):
    columns, fold = table(seed)
    _, others, _ = encodings(columns, fold, products=PRODUCTS)
    for train, encoding in others.values():
        alone = Encoding.fit(rows_of(columns, train), pieces=False, products=PRODUCTS)
        for own, wanted in zip(encoding.numbers, alone.numbers, strict=True):
            assert own.sd == pytest.approx(wanted.sd, rel=1e-12)
            assert own.mean == pytest.approx(wanted.mean, rel=1e-12, abs=1e-12 * wanted.sd)
            if own.missing_share:
                assert own.median == wanted.median
        figures = {"mean": 0.0, "sd": 1.0, "spread": 1.0, "median": 0.0}
        plain = (
            replace(e, numbers=tuple(replace(number, **figures) for number in e.numbers))
            for e in (encoding, alone)
        )
        assert next(plain) == next(plain)


@settings(max_examples=12, deadline=None)
@given(seeds, st.booleans())
def test_designs_of_all_encodings_are_sums_of_the_columns_they_have_in_common(seed, intercept):
    columns, fold = table(seed)
    for name in ("text", "tail"):  # single rows of rare levels are no sum of columns
        del columns[name]
    products = [PRODUCTS[0], *PRODUCTS[2:]]
    whole, others, statistics = encodings(columns, fold, products=products, intercept=intercept)
    common = CommonDesign.of(whole, [e for _, e in others.values()], statistics.blank)
    for rows, encoding in [(np.ones(len(fold), dtype=bool), whole), *others.values()]:
        terms = common.terms(encoding)
        if terms is None:
            continue
        wanted = encoding.design(rows_of(columns, rows))
        design, codes = common.design(rows_of(columns, rows))
        levels = [own[:, None] == np.arange(n) for n, own in zip(common.sizes, codes, strict=True)]
        matrix = np.column_stack([*design, np.ones(rows.sum()), np.zeros(rows.sum()), *levels])
        made = [sum(matrix[:, i] * factor for i, factor in term.items()) for term in terms]
        assert np.array_equal(np.column_stack([*made, np.zeros((rows.sum(), 0))]), wanted)


@pytest.mark.parametrize("name", ["gappy", "level", "tail"])
def test_differing_medians_and_rare_levels_need_no_reading_of_their_own(name):
    rng = np.random.default_rng(5)
    more = {
        "gappy": np.where(rng.random(900) < 0.2, np.nan, rng.normal(size=900)),
        "level": np.array([f"v{min(v, 30)}" for v in rng.zipf(1.5, 900)], dtype=object),
        "tail": np.array([f"v{v % 400}" for v in rng.zipf(1.2, 900)], dtype=object),
    }
    columns, fold = {name: more[name], "x": rng.normal(size=900)}, np.arange(900) % FOLDS
    whole, others, statistics = encodings(columns, fold)
    designs = [e for _, e in others.values()]
    common = CommonDesign.of(whole, designs, statistics.blank)
    assert all(common.terms(encoding) is not None for encoding in [whole, *designs])
    coded = [(e.coded, [number.median for number in e.numbers]) for e in designs]
    assert any(each != coded[0] for each in coded[1:])


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_matrix_of_sums_of_columns_is_that_of_the_columns_added_up(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=50) * 10.0 ** rng.integers(-200, 200)
    gaps = (rng.random(50) < 0.3).astype(float)
    x[gaps > 0] = 0.0
    median = float(rng.normal() * 10.0 ** rng.integers(-200, 200))
    matrix = np.column_stack([x, gaps, 1 - gaps])
    sums = [{0: 1.0, 1: median}, {1: 1.0, 2: 1.0}, {1: 0.0}]
    combined = gram_of([(matrix, None)], 3, numpy_products).combined(sums)
    added = np.column_stack([x + median * gaps, np.ones(50), np.zeros(50)])
    apart = combined - gram_of([(added, None)], 3, numpy_products)
    assert not apart.values.any()
