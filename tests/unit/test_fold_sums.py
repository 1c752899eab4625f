"""One pass over the rows for all folds: where that gives the fit of each fold, and where not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from test_linear import NUMPY, job

from regressors import fitting
from regressors.encoding.same_design import same_design
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import FoldSums, fit_encoding
from regressors.linear.gram_sums import gram_of

ROWS = 120
RNG = np.random.default_rng(20)
X = RNG.normal(size=ROWS)
LEVEL = np.array(["a", "b", "c"], dtype=object)[np.arange(ROWS) % 3]
TARGET = X + (LEVEL == "b") + RNG.normal(size=ROWS)
FOLD = 1 + np.arange(ROWS) // 2 % 5
RARE = np.where(np.arange(ROWS) < 3, "rare", LEVEL).astype(object)
TABLES = {
    "numbers and levels": ({"x": X, "level": LEVEL}, True),
    "a level of one fold": ({"x": X, "level": np.where(FOLD == 2, "only here", LEVEL)}, False),
    "a few rows of a level": ({"x": X, "level": RARE}, False),
    "one row of a level": (
        {"x": X, "level": np.where(np.arange(ROWS) == 50, "only", LEVEL).astype(object)},
        False,
    ),
    "gaps": ({"x": np.where(np.arange(ROWS) % 7, X, np.nan), "level": LEVEL}, False),
    "gaps around one median": (
        {"x": np.where(np.arange(ROWS) % 7, np.round(X), np.nan), "level": LEVEL},
        True,
    ),
}
MASKS = [number != FOLD for number in range(1, 6)]


def table(name, **changes):
    made = {key: np.asarray(values, dtype=values.dtype) for key, values in TABLES[name][0].items()}
    columns = {k: v.astype(object) if v.dtype.kind in "UO" else v for k, v in made.items()}
    return replace(job(columns=columns, target=TARGET, fold=FOLD), **changes)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("weight", [None, 0.5 + np.arange(ROWS) % 4], ids=["equal", "weights"])
def test_shared_sums_give_each_fold_the_bits_of_its_own_fit(name, weight):
    made = table(name, weight=weight)
    sums = FoldSums(NUMPY, made)
    for train in MASKS:
        shared, alone = (
            fit_linear(NUMPY, made, train, part="fold", sums=each) for each in (sums, None)
        )
        assert shared.model.to_bytes() == alone.model.to_bytes()
        assert shared.details == alone.details
        assert shared.coefficients == alone.coefficients


@pytest.mark.parametrize("name", TABLES)
def test_sums_are_shared_only_by_folds_whose_design_is_the_same(name):
    made = table(name)
    whole = fit_encoding(made, np.ones(ROWS, dtype=bool))
    same = [same_design(fit_encoding(made, train), whole) for train in MASKS]
    assert all(same) == TABLES[name][1]
    for train, shared in zip(MASKS, same, strict=True):
        parts = {key: values[train] for key, values in made.columns.items()}
        designs = [encoding.design(parts) for encoding in (fit_encoding(made, train), whole)]
        assert not shared or np.array_equal(*designs)


def test_folds_and_twin_are_fitted_from_one_pass_over_the_rows():
    columns_seen = []

    def counted(left, right):
        columns_seen.append(left.shape[1])
        return numpy_products(left, right)

    framework = SimpleNamespace(row_products=counted)
    fitting.validate(framework, table("numbers and levels"))
    assert sum(columns_seen) == ROWS


def test_chained_folds_are_fitted_on_the_sums_of_earlier_ones():
    made = table("numbers and levels", fold=np.arange(ROWS) // 20, chained=True)
    sums = FoldSums(NUMPY, made)
    train = made.fold < 3
    encoding = fit_encoding(made, train)
    design = encoding.design({key: values[train] for key, values in made.columns.items()})
    matrix = np.column_stack([design, np.ones(60), TARGET[train]])
    wanted = gram_of([(matrix, None)], matrix.shape[1], numpy_products)
    seen = sums.gram(encoding, train)
    apart = seen - wanted
    assert not apart.values.any()
    assert apart.rows == 0
