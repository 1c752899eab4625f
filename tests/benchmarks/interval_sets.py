"""The sets of `intervals.py`, what LightGBM predicts of them, and the intervals of other libraries.

They need no figure of nightfit's, so `kept` can keep them in a folder for the next time: the fits
take an hour of a core, and the figures a minute.
"""

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from benchmarks.accuracy import FOLDER, declared, names, split_set
from crepes import ConformalRegressor
from crepes.extras import DifficultyEstimator
from lightgbm import LGBMRegressor
from mapie.regression import CrossConformalRegressor

from regressors.intervals.quantiles import quantile

Array = np.ndarray
Table = Mapping[str, Array]
Ends = tuple[Array, Array]
Set = TypeVar("Set")
LEVEL, FOLDS, BLOCKS = 0.9, 5, 20
MOST_TRAINED, MOST_TESTED = 8_000, 2_000
TEST_ROWS, LEAST_SPLITS, MOST_SPLITS = 2_000, 3, 20
"""A set is split so often that its test rows are so many together, within these limits."""


@dataclass(frozen=True)
class Split:
    """Rows of a set, what LightGBM predicts of them, and the `rivals`' ends for the test rows.

    `out_of_fold` are predictions of the training rows, and `predicted` those of the test rows, by
    the mean of the folds' models. `lowest` is the bound of the target, None where it has none.
    """

    train: Table
    target: Array
    fold: Array
    out_of_fold: Array
    test: Table
    truth: Array
    predicted: Array
    lowest: float | None
    rivals: Mapping[str, Ends]


@dataclass(frozen=True)
class Walk:
    """Rows in order of time; each block is predicted by a fit on those before it, the first not."""

    columns: Table
    target: Array
    time: Array
    block: Array
    predicted: Array


def kept(name: str, make: Callable[[], Set], folder: Path | None) -> Set:
    """Return what is made for a set, or what the folder has of it."""
    file = None if folder is None else folder / f"{name}.pkl"
    if file is not None and file.is_file():
        made: Set = pickle.loads(file.read_bytes())
        return made
    made = make()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps(made))
    return made


def known_sets() -> Mapping[str, Callable[[], list[Split] | Walk]]:
    """Return how each set is made, by its name, those that take longest last."""
    folder = Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None
    known: dict[str, Callable[[], list[Split] | Walk]] = {
        "made, by row": lambda: list(_drawn(*_made_rows(5_000)[:2])),
        "made, rain": lambda: list(_drawn(*_rain(5_000))),
        "fair": lambda: list(_drawn(*_of_statsmodels("fair", "affairs"))),
        "randhie": lambda: list(_drawn(*_of_statsmodels("randhie", "mdvis"))),
        "made, in time": lambda: _in_time(*_made_rows(4_000, 1.5)),
    }
    if folder is not None:
        known["computers, in time"] = lambda: _computers_in_time(folder)
    for name in names(folder):
        known[name] = lambda name=name: list(_of_set(name, folder))  # type: ignore[misc]
    return known


# The fits


def _split(train: Table, target: Array, fold: Array, test: Table, truth: Array) -> Split:
    both = _matrix({name: np.concatenate([train[name], test[name]]) for name in train})
    x, new = both[: len(target)], both[len(target) :]
    out_of_fold, predicted = np.empty(len(target)), []
    for number in np.unique(fold):
        held = fold == number
        fitted = _model().fit(x[~held], target[~held])
        out_of_fold[held] = fitted.predict(x[held])
        predicted.append(fitted.predict(new))
    mean = np.mean(predicted, axis=0)
    rivals = {
        "split": _split_conformal(x, target, new),
        "MAPIE": _mapie(x, target, new),
        "crepes": _crepes(x, target - out_of_fold, new, mean),
    }
    lowest = 0.0 if target.min() == 0 else None
    if lowest is not None:  # the other methods do not know the bound
        rivals = {name: (np.maximum(a, 0), np.maximum(b, 0)) for name, (a, b) in rivals.items()}
    return Split(train, target, fold, out_of_fold, test, truth, mean, lowest, rivals)


def _matrix(columns: Table) -> Array:
    """Return columns as numbers, categories by the order of their levels."""
    return np.column_stack([_numbers(np.asarray(values)) for values in columns.values()])


def _numbers(values: Array) -> Array:
    if values.dtype.kind != "O":
        return values.astype(float)
    return np.unique(values.astype(str), return_inverse=True)[1].astype(float)


def _model() -> LGBMRegressor:
    return LGBMRegressor(n_jobs=1, verbose=-1)


def _split_conformal(x: Array, target: Array, new: Array) -> Ends:
    rest = np.arange(len(target)) % 4 > 0
    fitted = _model().fit(x[rest], target[rest])
    errors = np.abs(target[~rest] - fitted.predict(x[~rest]))
    width, predicted = quantile(errors, LEVEL, np.ones(len(errors))), fitted.predict(new)
    return predicted - width, predicted + width


def _mapie(x: Array, target: Array, new: Array) -> Ends:
    conformal = CrossConformalRegressor(_model(), confidence_level=LEVEL, method="plus", cv=FOLDS)
    ends = conformal.fit_conformalize(x, target).predict_interval(new)[1]
    return ends[:, 0, 0], ends[:, 1, 0]


def _crepes(x: Array, residuals: Array, new: Array, predicted: Array) -> Ends:
    filled = np.nan_to_num(x)
    difficulty = DifficultyEstimator().fit(X=filled, residuals=residuals, scaler=True)
    conformal = ConformalRegressor().fit(residuals, sigmas=difficulty.apply(filled))
    ends = conformal.predict_int(
        predicted, sigmas=difficulty.apply(np.nan_to_num(new)), confidence=LEVEL
    )
    return ends[:, 0], ends[:, 1]


def _in_time(columns: Table, target: Array, time: Array) -> Walk:
    order = np.argsort(time, kind="stable")
    columns, target = {n: v[order] for n, v in columns.items()}, target[order]
    block = np.arange(len(target)) * BLOCKS // len(target)
    x, predicted = _matrix(columns), np.full(len(target), np.nan)
    for number in range(BLOCKS // 4, BLOCKS):
        past, own = block < number, block == number
        predicted[own] = _model().fit(x[past], target[past]).predict(x[own])
    return Walk(columns, target, time[order].astype(float), block, predicted)


# The rows


def _splits(test_rows: int) -> int:
    """Return how often to split a set with so many test rows in a split."""
    return int(np.clip(-(-TEST_ROWS // test_rows), LEAST_SPLITS, MOST_SPLITS))


def _of_set(name: str, folder: Path | None) -> Iterator[Split]:
    """Yield the splits of a public or bundled set, by nightfit's own rule."""
    with tempfile.TemporaryDirectory() as temporary:
        declaration, number, count = declared(name, folder, Path(temporary)), 0, 1
        while number < count:
            number += 1
            train, fold, test = split_set(declaration, Path(temporary), number)
            some, few = _first(train.columns, MOST_TRAINED), _first(test.columns, MOST_TESTED)
            if number == 1:
                count = _splits(len(test.target))
            own = train.target[:MOST_TRAINED], fold[:MOST_TRAINED]
            yield _split(some, *own, few, test.target[:MOST_TESTED])


def _first(columns: Table, rows: int) -> Table:
    return {name: np.asarray(values)[:rows] for name, values in columns.items()}


def _drawn(columns: Table, target: Array) -> Iterator[Split]:
    """Yield random splits of a table."""
    rng, tested = np.random.default_rng(2), len(target) // 5
    for _ in range(_splits(tested)):
        order = rng.permutation(len(target))
        test, train = order[:tested][:MOST_TESTED], order[tested:][:MOST_TRAINED]
        some, few = ({n: v[rows] for n, v in columns.items()} for rows in (train, test))
        fold = rng.integers(0, FOLDS, len(train))
        yield _split(some, target[train], fold, few, target[test])


def _made_rows(rows: int, drift: float = 0.0) -> tuple[Table, Array, Array]:
    """Return columns, a target whose errors depend on the row and may grow with time, and times."""
    rng = np.random.default_rng(1)
    x = {name: rng.uniform(0, 3, rows) for name in ("x", "z")}
    region = rng.choice(np.array(["north", "south", "east"], dtype=object), rows)
    time = np.arange(rows) / rows
    sd = (0.2 + x["x"]) * np.where(region == "south", 2.0, 1.0) * np.exp(drift * time)
    noise = rng.gamma(2.0, 1.0, rows) - 2.0
    target = 3 * x["z"] + np.sin(3 * x["x"]) + sd * noise
    return {**x, "region": region}, target, time


def _rain(rows: int) -> tuple[Table, Array]:
    """Return columns and a target that is mostly zero, and seldom large where little is likely."""
    rng = np.random.default_rng(3)
    columns = {name: rng.normal(size=rows) for name in ("x", "z", "nothing")}
    wet = rng.random(rows) < 1 / (1 + np.exp(1 - 1.3 * columns["x"]))
    amount = np.exp(0.5 + 0.6 * columns["z"] + 0.4 * columns["x"]) * rng.exponential(size=rows)
    return columns, np.where(wet, amount, 0.0)


def _of_statsmodels(name: str, target: str) -> tuple[Table, Array]:
    """Return the columns of a set that comes with statsmodels, and its target."""
    import statsmodels.api as sm

    rows = getattr(sm.datasets, name).load_pandas().data
    columns = {column: rows[column].to_numpy(float) for column in rows if column != target}
    return columns, rows[target].to_numpy(float)


def _computers_in_time(folder: Path) -> Walk:
    with tempfile.TemporaryDirectory() as temporary:
        train, _, test = split_set(declared("computers", folder, Path(temporary)), Path(temporary))
        columns = {
            name: np.concatenate([np.asarray(rows.columns[name]) for rows in (train, test)])
            for name in train.columns
        }
        target = np.concatenate([train.target, test.target])
    return _in_time(columns, target, columns["trend"])
