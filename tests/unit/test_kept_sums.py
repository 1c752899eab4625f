"""Sums that are kept for the next jobs of a table give the digits of sums that are not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from test_linear import NUMPY, descend, job

from regressors import fitting
from regressors.arrays import CodedTexts
from regressors.candidate import Candidate
from regressors.linear import kept_sums

ROWS = 240
NUMBERS = np.arange(ROWS)
RNG = np.random.default_rng(28)
X, Z = RNG.normal(size=(2, ROWS))
LEVEL = np.array(["a", "b", "c"], dtype=object)[NUMBERS % 3]
TARGET = X + (LEVEL == "b") + RNG.normal(size=ROWS)
IS_TEST = RNG.random(ROWS) < 0.2
BY_TIME = np.where(NUMBERS < 180, NUMBERS // 30, -1)
GAPPY = np.where(RNG.random(ROWS) < 0.2, np.nan, Z)
MANY = np.array(
    ["ab"[n % 2] if n % 4 < 2 else f"m{n // 2 % 11}" for n in range(ROWS - 6)] + [*"uvwxyz"]
)
TABLES = {
    "numbers and levels": {"x": X, "level": LEVEL},
    "gaps": {"x": GAPPY, "z": Z, "level": LEVEL},
    "gaps around one median": {"x": np.round(GAPPY), "level": LEVEL},
    "gaps of the test rows alone": {"x": np.where(IS_TEST, GAPPY, Z)},
    "a few gaps of the test rows alone": {"x": np.where(IS_TEST & (NUMBERS < 20), np.nan, Z)},
    "the same gaps but for a test row": {
        "x": GAPPY,
        "y": np.where(np.argmax(IS_TEST & np.isnan(GAPPY)) == NUMBERS, 1.0, GAPPY + X),
    },
    "rare levels": {"x": X, "level": np.where(NUMBERS % 25 == 0, "rare", LEVEL)},
    "a long tail": {"x": X, "level": np.array([f"t{v}" for v in RNG.zipf(1.5, ROWS)])},
    "blank levels": {"x": X, "level": np.where(RNG.random(ROWS) < 0.1, None, LEVEL)},
    "a level of the test rows alone": {"x": X, "level": np.where(IS_TEST & (X > 0), "new", LEVEL)},
    "a level of one test row": {
        "x": X,
        "level": np.where(np.argmax(IS_TEST) == NUMBERS, "only", LEVEL),
    },
    "levels of one test row each": {
        "x": X,
        "level": np.where(
            IS_TEST & (NUMBERS % 30 < 6), np.char.add("t", NUMBERS.astype(str)), LEVEL
        ),
    },
    "levels that become a long tail": {
        "x": X,
        "level": np.where(IS_TEST, np.char.add("t", NUMBERS.astype(str)), MANY),
    },
    "times": {"x": X, "day": np.datetime64("2021-03-01", "us") + NUMBERS * np.timedelta64(3, "D")},
}
SHARED = {"numbers and levels", "gaps", "gaps around one median", "rare levels", "a long tail"}
PRODUCTS = ((("x", 2),), (("level", 1), ("x", 1)))


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(kept_sums, "_kept", kept_sums.KeptSums())


RUNS = fitting.validate, fitting.refit


def coded(values):
    """Return texts as codes of labels, in an order of their own and with one that is not there."""
    labels = [*{text: None for text in values[::-1] if text is not None}, "nowhere", None]
    codes = [labels.index(text) if text is not None else -1 for text in values]
    return CodedTexts(np.array(codes, dtype=np.int16), np.array(labels, dtype=object))


def night(
    name,
    *,
    table,
    framework=NUMPY,
    chained=False,
    kinds=("least_squares",),
    runs=RUNS,
    codes=False,
    do=lambda run, framework, made: run(framework, made),
    **changes,
):
    """Return the fits of a table, of both kinds and of training and of all rows, in order."""
    columns = {
        key: values.astype(object) if values.dtype.kind in "UO" else values
        for key, values in TABLES[name].items()
    }
    if codes:
        columns = {k: coded(v) if v.dtype == object else v for k, v in columns.items()}
    tests = BY_TIME < 0 if chained else IS_TEST
    labelled = job(
        columns=columns,
        target=TARGET,
        fold=BY_TIME if chained else 1 + NUMBERS // 2 % 5,
        chained=chained,
        table=table,
        is_test=tests,
        **changes,
    )
    for_folds = {
        field: None if getattr(labelled, field) is None else getattr(labelled, field)[~tests]
        for field in ("target", "fold", "weight", "group_numbers", "time")
    }
    training = {key: values[~tests] for key, values in columns.items()}
    trained = replace(labelled, columns=training, is_test=None, **for_folds)
    jobs = {fitting.validate: trained, fitting.refit: labelled}
    return [
        do(run, framework, replace(jobs[run], candidate=Candidate("torch", kind)))
        for run in runs
        for kind in kinds
    ]


def bits(fits):
    """Return all that comes of fits, to be compared to the last bit."""
    return [
        (
            fit.model.to_bytes(),
            repr(fit.coefficients),
            repr(fit.details),
            repr(fit.complete_cases),
            fit.warnings,
            None if fit.out_of_fold is None else fit.out_of_fold.tobytes(),
        )
        for fit in fits
    ]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("chained", "weight"),
    [(False, None), (True, 0.5 + NUMBERS % 4 / 3)],
    ids=["by hash", "by time with weights"],
)
def test_kept_sums_give_the_bits_of_sums_that_are_not(name, chained, weight):
    changes = {"chained": chained, "weight": weight}
    if name in {*SHARED, "levels that become a long tail"} and "level" in TABLES[name]:
        changes["products"] = PRODUCTS
    assert bits(night(name, table="a night", **changes)) == bits(night(name, table="", **changes))


def test_kept_sums_give_the_bits_of_both_kinds_with_groups():
    changes = {
        "kinds": ("least_squares", "gradient_descent"),
        "group_numbers": NUMBERS // 2,
        "group_column": "pair",
        "epochs": 50,
    }
    assert bits(night("gaps", table="a night", **changes)) == bits(
        night("gaps", table="", **changes)
    )


def counting(seen):
    def products(left, right):
        seen.append(left.shape[1])
        return numpy_products(left, right)

    return SimpleNamespace(row_products=products, descend=descend)


@pytest.mark.parametrize("name", sorted(SHARED))
def test_rows_are_multiplied_once_for_both_kinds_and_their_refits(name):
    seen: list[int] = []
    night(
        name,
        table="a night",
        framework=counting(seen),
        kinds=("least_squares", "gradient_descent"),
        epochs=5,
    )
    complete = int((~np.isnan(TABLES[name]["x"])).sum()) if "gaps" in name else 0
    assert sum(seen) == ROWS + complete


@pytest.mark.parametrize(
    "changes", [{"table": "another"}, {"products": PRODUCTS[:1]}, {"intercept": False}]
)
def test_jobs_of_other_rows_or_terms_are_given_sums_of_their_own(changes):
    night("numbers and levels", table="a night", runs=(fitting.validate,))
    changed = {"table": "a night", **changes}
    seen: list[int] = []
    fits = night("numbers and levels", framework=counting(seen), **changed)
    assert sum(seen) == ROWS
    assert bits(fits) == bits(night("numbers and levels", **{**changed, "table": ""}))


def test_refit_leaves_nothing_that_a_fold_is_fitted_with():
    night("gaps", table="a night")
    assert bits(night("gaps", table="a night")) == bits(night("gaps", table=""))


def test_sums_that_take_much_memory_or_are_of_an_earlier_table_are_dropped(monkeypatch):
    night("gaps", table="a night")
    assert kept_sums._kept.last
    kept_sums.drop_others(job(table="another"))
    assert not kept_sums._kept.last
    monkeypatch.setattr(kept_sums, "MAX_KEPT_BYTES", 100)
    night("gaps", table="a night")
    assert not kept_sums._kept.last


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if "level" in table])
def test_categories_in_codes_give_the_bits_of_texts(name):
    changes = {"table": "a night", "kinds": ("least_squares", "gradient_descent"), "epochs": 5}
    assert bits(night(name, codes=True, **changes)) == bits(night(name, **changes))
