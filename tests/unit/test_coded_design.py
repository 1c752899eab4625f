"""Standard errors of designs with many levels, which are looked up, beside those of all columns."""

from dataclasses import replace

import numpy as np
import pytest
from test_linear import NUMPY, job

from regressors.linear.coded_design import MIN_LEVELS, coded_design
from regressors.linear.double_double import Pair
from regressors.linear.fold_sums import encoded_rows, fit_encoding, gram_of_rows
from regressors.linear.least_squares import Related, solve_rows

ROWS = 400
DIGITS = 1e-12
RNG = np.random.default_rng(5)
CODES = RNG.integers(MIN_LEVELS + 3, size=ROWS)
LEVELS = np.array([f"level {code:02}" for code in CODES], dtype=object)
LEVELS[7] = "once"  # has no column, and is coded by the shares of the others
TABLE = {
    "gappy": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(size=ROWS)),
    "few": RNG.choice([*"abc"], ROWS).astype(object),
    "many": LEVELS,
    "x": RNG.normal(size=ROWS),
}
TARGET = TABLE["x"] + CODES + (1 + CODES) * RNG.normal(size=ROWS)
RELATED = Related(RNG.integers(30, size=ROWS), np.floor(RNG.uniform(0, 90, ROWS)))
EVERYTHING = np.ones(ROWS, dtype=bool)


def unmade(rows):
    raise AssertionError("columns of levels are made")


def labelled(table=TABLE, **changes):
    made = job(columns=table, target=TARGET, fold=1 + np.arange(ROWS) % 5)
    return replace(made, products=((("few", 1), ("x", 1)),), **changes)


def errors(of, rows):
    """Return all standard errors (p, 3) of a fit that reads these rows of a job again."""
    encoding = fit_encoding(of)
    gram = gram_of_rows(of, encoding, EVERYTHING, NUMPY.row_products)
    solved = solve_rows(rows, gram, encoding.term_names(), related=RELATED)
    kinds = ("robust", "cluster", "hac")
    return np.array(
        [[getattr(c, f"{kind}_standard_error") for kind in kinds] for c in solved.coefficients],
        dtype=float,
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["equal weights", "weights"])
@pytest.mark.parametrize("level", [0, 1e7], ids=["well-conditioned", "ill-conditioned"])
@pytest.mark.parametrize("intercept", [True, False])
def test_errors_with_levels_looked_up_are_those_with_all_columns(weighted, level, intercept):
    table = {**TABLE, "x": TABLE["x"] + level}
    weight = 0.5 + np.arange(ROWS) % 5 if weighted else None
    of = labelled(table, weight=weight, intercept=intercept)
    rows = encoded_rows(of, fit_encoding(of), EVERYTHING)
    looked_up = errors(of, replace(rows, design=unmade))
    np.testing.assert_allclose(looked_up, errors(of, replace(rows, by_code=None)), rtol=DIGITS)
    assert np.isfinite(looked_up).all()


def test_terms_that_depend_on_others_are_left_out_of_levels_as_well():
    """Of a category twice, the columns of the second one are left out."""
    of = labelled({**TABLE, "other": LEVELS})
    rows = encoded_rows(of, fit_encoding(of), EVERYTHING)
    looked_up = errors(of, rows)
    np.testing.assert_allclose(looked_up, errors(of, replace(rows, by_code=None)), rtol=DIGITS)
    assert 0 < np.isnan(looked_up).sum() < looked_up.size


@pytest.mark.parametrize("taken", ["all", "some, in another order"])
def test_products_are_those_of_the_columns(taken):
    of = labelled()
    encoding = fit_encoding(of)
    rows = encoded_rows(of, encoding, EVERYTHING)
    columns = np.arange(rows.columns)
    if taken != "all":
        columns = np.random.default_rng(1).permutation(columns)[: rows.columns // 2]
    rows = rows.take(columns)
    some = slice(3, 50)
    design = encoding.design(TABLE)[some, columns]
    matrix = np.random.default_rng(2).normal(size=(len(columns), 4))
    coded = rows.coded
    block = coded.read(some)
    np.testing.assert_allclose(coded.times(matrix)(block), design @ matrix, atol=1e-14)
    precise = coded.times_precisely(Pair(matrix, np.zeros_like(matrix)))(block)
    np.testing.assert_allclose(precise.high, design @ matrix, atol=1e-14)
    assert rows.design(some).tobytes() == np.ascontiguousarray(design).tobytes()


def test_few_levels_are_columns():
    of = labelled({"x": TABLE["x"], "few": TABLE["few"]})
    assert coded_design(fit_encoding(of), lambda rows: TABLE) is None
