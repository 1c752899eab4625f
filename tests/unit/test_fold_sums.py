"""One pass over the rows for all folds: where that gives the fit of each fold, and where not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.memory import peak
from helpers.numpy_products import numpy_products
from test_linear import NUMPY, job

from regressors import fitting
from regressors.encoding.statistics import FoldStatistics
from regressors.linear import gram_sums
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import FoldSums, fit_encoding
from regressors.linear.gram_sums import gram_of
from regressors.model import linear_model
from regressors.progress import reporting_to

ROWS = 120
RNG = np.random.default_rng(20)
X = RNG.normal(size=ROWS)
LEVEL = np.array(["a", "b", "c"], dtype=object)[np.arange(ROWS) % 3]
TARGET = X + (LEVEL == "b") + RNG.normal(size=ROWS)
FOLD = 1 + np.arange(ROWS) // 2 % 5
RARE = np.where(np.arange(ROWS) < 3, "rare", LEVEL).astype(object)
TABLES = {
    "numbers and levels": {"x": X, "level": LEVEL},
    "a level of one fold": {"x": X, "level": np.where(FOLD == 2, "only here", LEVEL)},
    "a few rows of a level": {"x": X, "level": RARE},
    "one row of a level": {"x": X, "level": np.where(np.arange(ROWS) == 50, "only", LEVEL)},
    "gaps": {"x": np.where(np.arange(ROWS) % 7, X, np.nan), "level": LEVEL},
    "gaps around one median": {
        "x": np.where(np.arange(ROWS) % 7, np.round(X), np.nan),
        "level": LEVEL,
    },
}
MASKS = [number != FOLD for number in range(1, 6)]


def table(name, **changes):
    made = {key: np.asarray(values, dtype=values.dtype) for key, values in TABLES[name].items()}
    columns = {k: v.astype(object) if v.dtype.kind in "UO" else v for k, v in made.items()}
    return replace(job(columns=columns, target=TARGET, fold=FOLD), **changes)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("weight", [None, 0.5 + np.arange(ROWS) % 4], ids=["equal", "weights"])
def test_shared_sums_give_each_fold_the_bits_of_its_own_fit(name, weight):
    made = table(name, weight=weight)
    sums = FoldSums.read(NUMPY, made)
    for train in MASKS:
        shared, alone = (
            fit_linear(NUMPY, made, train, part="fold", sums=each) for each in (sums, None)
        )
        assert shared.model.members[0].estimates.tobytes() == (
            alone.model.members[0].estimates.tobytes()
        )
        assert shared.model.predict(made.columns).tobytes() == (
            alone.model.predict(made.columns).tobytes()
        )
        assert shared.details == alone.details
        assert shared.coefficients == alone.coefficients


@pytest.mark.parametrize(
    "name", ["numbers and levels", "a level of one fold", "gaps", "gaps around one median"]
)
def test_folds_and_twin_are_fitted_from_one_pass_over_the_rows(name):
    columns_seen = []

    def counted(left, right):
        columns_seen.append(left.shape[1])
        return numpy_products(left, right)

    framework = SimpleNamespace(row_products=counted)
    fitting.validate(framework, table(name))
    assert sum(columns_seen) == ROWS


def test_encodings_and_predictions_have_a_few_columns_in_memory_and_not_the_table():
    rows = 100_000
    columns = {f"x{i}": RNG.normal(size=rows) for i in range(20)}
    columns["level"] = np.array(["a", "b", None], dtype=object)[np.arange(rows) % 3]
    columns["gappy"] = np.where(np.arange(rows) % 9, columns["x0"], np.nan)
    made = job(columns=columns, target=columns["x1"], fold=1 + np.arange(rows) % 5)
    train = made.fold != 1
    encoding = fit_encoding(made, train)
    model = linear_model(made.candidate, encoding, np.ones(len(encoding.term_names())))
    statistics = FoldStatistics(columns, made.fold).of({2, 3, 4, 5}, train)
    assert peak(lambda: fit_encoding(made, train)) < 5 * 8 * rows
    assert peak(lambda: fit_encoding(made, train, statistics)) < 5 * 8 * rows
    assert peak(lambda: model.predict(columns)) < 8 * 8 * rows
    assert peak(lambda: model.predicted(columns)) < 8 * 8 * rows


def test_rows_of_many_columns_are_read_a_few_at_a_time(monkeypatch):
    rows = 1_200
    x = np.random.default_rng(1).normal(size=(4, rows))
    columns = {f"x{i}": values for i, values in enumerate(x)}
    wide = job(columns=columns, target=x[0], fold=np.ones(rows, dtype=int))
    reported = []
    monkeypatch.setattr(gram_sums, "_BLOCK_VALUES", rows)
    with reporting_to(lambda _share, done: reported.append(done)):
        FoldSums.read(NUMPY, wide, numbers=())
    assert [done for done in reported if done.endswith("rows")] == [
        f"fold 1, {start:,} of 1,200 rows" for start in (0, 512, 1024)
    ]


def test_chained_folds_are_fitted_on_the_sums_of_earlier_ones():
    made = table("numbers and levels", fold=np.arange(ROWS) // 20, chained=True)
    sums = FoldSums.read(NUMPY, made)
    train = made.fold < 3
    encoding = fit_encoding(made, train)
    design = encoding.design({key: values[train] for key, values in made.columns.items()})
    matrix = np.column_stack([design, np.ones(60), TARGET[train]])
    wanted = gram_of([(matrix, None)], matrix.shape[1], numpy_products)
    seen = sums.gram(train)
    apart = seen - wanted
    assert not apart.values.any()
    assert apart.rows == 0
