"""What prediction intervals cover, and how wide they are, beside those of other libraries.

    intervals.py [SET...] [--splits 5]

All methods get the same rows, of each set at most 10,000, and the same regressor, LightGBM with its
defaults; so only the intervals differ. They are to cover 90%:

- nightfit: intervals by row, from out-of-fold residuals of five folds, around the folds' mean;
- split: one width for all rows, by split conformal prediction from a quarter of the training rows;
- MAPIE: its CV+ with five folds;
- crepes: a conformal regressor of the same out-of-fold residuals as nightfit, normalised by the
  residuals of the nearest neighbours.

Rows in order of time are walked through in 20 blocks, each predicted by a fit on those before it.
There nightfit's intervals adapt, `split` has the quantile of all earlier residuals, and the other
two have no method that takes such predictions. Sets whose name begins with "made" are simulated;
"made, rain", "fair" and "randhie" (the last two of statsmodels) have mostly or often a target of
zero, and no interval of any method reaches below that.

Printed are the coverage of all test rows; the lowest and the highest one of a fifth of the rows by
the width of nightfit's intervals, in brackets that of one width, and of a fifth by the prediction;
the share of the levels of categories with 50 test rows or more that are covered by 84 to 96%; what
nightfit's intervals of 50% cover; the mean width and the mean interval score, both over the SD of
the target. Test rows of all splits are taken together.

NIGHTFIT_BENCH_DATA names the folder of public sets (docs/benchmark-data.md); without it, the made
and the bundled ones are measured. Needs the extra `bench`.
"""

import argparse
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from benchmarks.accuracy import FOLDER, declared, names, split_set
from benchmarks.figures import record
from crepes import ConformalRegressor
from crepes.extras import DifficultyEstimator
from lightgbm import LGBMRegressor
from mapie.regression import CrossConformalRegressor

from regressors.intervals.calibration import fit_intervals
from regressors.intervals.quantiles import interval_score, quantile
from regressors.intervals.rules import Rules
from regressors.intervals.walk import walk_intervals

Array = np.ndarray
Table = Mapping[str, Array]
Ends = tuple[Array, Array]
LEVEL, NARROW, FOLDS, BLOCKS = 0.9, 0.5, 5, 20
MOST_TRAINED, MOST_TESTED = 8_000, 2_000
LOW, HIGH, MIN_GROUP = 0.84, 0.96, 50
RULES = Rules((LEVEL, NARROW))


@dataclass(frozen=True)
class Tested:
    """Test rows of a set, what is predicted for them, and the ends of their intervals by method.

    `narrow` are the ends of nightfit's intervals of 50%.
    """

    columns: Table
    target: Array
    predicted: Array
    ends: Mapping[str, Ends]
    narrow: Ends


def matrix(columns: Table) -> Array:
    """Return columns as numbers, categories by the order of their levels."""
    return np.column_stack([_numbers(np.asarray(values)) for values in columns.values()])


def _numbers(values: Array) -> Array:
    if values.dtype.kind != "O":
        return values.astype(float)
    return np.unique(values.astype(str), return_inverse=True)[1].astype(float)


def model() -> LGBMRegressor:
    return LGBMRegressor(n_jobs=1, verbose=-1)


def one_split(train: Table, target: Array, fold: Array, test: Table, truth: Array) -> Tested:
    """Return the test rows, of target `truth`, with their intervals."""
    both = matrix({name: np.concatenate([train[name], test[name]]) for name in train})
    x, new = both[: len(target)], both[len(target) :]
    out_of_fold, predicted = np.empty(len(target)), []
    for number in np.unique(fold):
        held = fold == number
        fitted = model().fit(x[~held], target[~held])
        out_of_fold[held] = fitted.predict(x[held])
        predicted.append(fitted.predict(new))
    mean = np.mean(predicted, axis=0)
    rules = replace(RULES, lowest=0.0) if target.min() == 0 else RULES
    _, _, intervals = fit_intervals(
        rules, columns=train, target=target, predicted=out_of_fold, fold=fold
    )
    assert intervals is not None
    ours, narrow = intervals.ends(mean, intervals.reach(test, mean))
    ends = {
        "nightfit": ours,
        "split": _split(x, target, new),
        "MAPIE": _mapie(x, target, new),
        "crepes": _crepes(x, target - out_of_fold, new, mean),
    }
    if rules.lowest is not None:  # the other methods do not know the bound
        ends = {
            name: (np.maximum(low, 0), np.maximum(high, 0)) for name, (low, high) in ends.items()
        }
    return Tested(test, truth, mean, ends, narrow)


def _split(x: Array, target: Array, new: Array) -> Ends:
    rest = np.arange(len(target)) % 4 > 0
    fitted = model().fit(x[rest], target[rest])
    errors = np.abs(target[~rest] - fitted.predict(x[~rest]))
    width, predicted = quantile(errors, LEVEL, np.ones(len(errors))), fitted.predict(new)
    return predicted - width, predicted + width


def _mapie(x: Array, target: Array, new: Array) -> Ends:
    conformal = CrossConformalRegressor(model(), confidence_level=LEVEL, method="plus", cv=FOLDS)
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


def in_time(columns: Table, target: Array, time: Array) -> Tested:
    """Return the rows of the later half of the blocks."""
    order = np.argsort(time, kind="stable")
    columns, target = {n: v[order] for n, v in columns.items()}, target[order]
    block = np.arange(len(target)) * BLOCKS // len(target)
    x, predicted = matrix(columns), np.full(len(target), np.nan)
    for number in range(BLOCKS // 4, BLOCKS):
        past, own = block < number, block == number
        predicted[own] = model().fit(x[past], target[past]).predict(x[own])
    lower, upper, _ = walk_intervals(
        RULES,
        columns=columns,
        target=target,
        predicted=predicted,
        block=block,
        time=time[order].astype(float),
    )
    width = np.full(len(target), np.nan)
    errors = np.abs(target - predicted)
    for number in range(BLOCKS // 2, BLOCKS):
        past = (block < number) & ~np.isnan(errors)
        width[block == number] = quantile(errors[past], LEVEL, np.ones(int(past.sum())))
    late = block >= BLOCKS // 2
    ends = {"nightfit": (lower[:, 0], upper[:, 0]), "split": (predicted - width, predicted + width)}
    return Tested(
        {n: v[late] for n, v in columns.items()},
        target[late],
        predicted[late],
        {name: (low[late], high[late]) for name, (low, high) in ends.items()},
        (lower[late, 1], upper[late, 1]),
    )


# The sets


def of_set(name: str, folder: Path | None, splits: int) -> Tested:
    """Return the test rows of all splits of a public or bundled set."""
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        declaration = declared(name, folder, Path(temporary))
        for number in range(1, splits + 1):
            train, fold, test = split_set(declaration, Path(temporary), number)
            some, few = _first(train.columns, MOST_TRAINED), _first(test.columns, MOST_TESTED)
            own = train.target[:MOST_TRAINED], fold[:MOST_TRAINED]
            found.append(one_split(some, *own, few, test.target[:MOST_TESTED]))
    return together(found)


def _first(columns: Table, rows: int) -> Table:
    return {name: np.asarray(values)[:rows] for name, values in columns.items()}


def together(parts: list[Tested]) -> Tested:
    """Return the test rows of several splits, one after the other."""

    def both(ends: Callable[[Tested], Ends]) -> Ends:
        low, high = (np.concatenate([ends(each)[side] for each in parts]) for side in (0, 1))
        return low, high

    return Tested(
        {n: np.concatenate([each.columns[n] for each in parts]) for n in parts[0].columns},
        np.concatenate([each.target for each in parts]),
        np.concatenate([each.predicted for each in parts]),
        {m: both(lambda each, m=m: each.ends[m]) for m in parts[0].ends},  # type: ignore[misc]
        both(lambda each: each.narrow),
    )


def made_rows(rows: int, drift: float = 0.0) -> tuple[Table, Array, Array]:
    """Return columns, a target whose errors depend on the row and may grow with time, and times."""
    rng = np.random.default_rng(1)
    x = {name: rng.uniform(0, 3, rows) for name in ("x", "z")}
    region = rng.choice(np.array(["north", "south", "east"], dtype=object), rows)
    time = np.arange(rows) / rows
    sd = (0.2 + x["x"]) * np.where(region == "south", 2.0, 1.0) * np.exp(drift * time)
    noise = rng.gamma(2.0, 1.0, rows) - 2.0
    target = 3 * x["z"] + np.sin(3 * x["x"]) + sd * noise
    return {**x, "region": region}, target, time


def rain(rows: int) -> tuple[Table, Array]:
    """Return columns and a target that is mostly zero, and seldom large where little is likely."""
    rng = np.random.default_rng(3)
    columns = {name: rng.normal(size=rows) for name in ("x", "z", "nothing")}
    wet = rng.random(rows) < 1 / (1 + np.exp(1 - 1.3 * columns["x"]))
    amount = np.exp(0.5 + 0.6 * columns["z"] + 0.4 * columns["x"]) * rng.exponential(size=rows)
    return columns, np.where(wet, amount, 0.0)


def of_statsmodels(name: str, target: str) -> tuple[Table, Array]:
    """Return the columns of a set that comes with statsmodels, and its target."""
    import statsmodels.api as sm

    rows = getattr(sm.datasets, name).load_pandas().data
    columns = {column: rows[column].to_numpy(float) for column in rows if column != target}
    return columns, rows[target].to_numpy(float)


def drawn(columns: Table, target: Array, splits: int) -> Tested:
    """Return the test rows of random splits of a table."""
    rng, parts = np.random.default_rng(2), []
    for _ in range(splits):
        order = rng.permutation(len(target))
        test, train = order[: len(target) // 5][:MOST_TESTED], order[len(target) // 5 :]
        train = train[:MOST_TRAINED]
        some, few = ({n: v[rows] for n, v in columns.items()} for rows in (train, test))
        fold = rng.integers(0, FOLDS, len(train))
        parts.append(one_split(some, target[train], fold, few, target[test]))
    return together(parts)


def computers_in_time(folder: Path) -> Tested:
    with tempfile.TemporaryDirectory() as temporary:
        train, _, test = split_set(declared("computers", folder, Path(temporary)), Path(temporary))
        columns = {
            name: np.concatenate([np.asarray(rows.columns[name]) for rows in (train, test)])
            for name in train.columns
        }
        target = np.concatenate([train.target, test.target])
    return in_time(columns, target, columns["trend"])


# The figures


def groups(tested: Tested, inside: Array) -> Array:
    """Return the coverage of each level of a category with enough rows."""
    found = []
    for values in tested.columns.values():
        if values.dtype.kind == "O":
            codes = np.unique(values.astype(str), return_inverse=True)[1]
            rows = np.bincount(codes)
            shares = np.bincount(codes, inside) / rows
            found += shares[rows >= MIN_GROUP].tolist()
    return np.array(found)


def report(name: str, tested: Tested) -> dict[str, tuple[float, float]]:
    """Print the figures of a set; return the mean width and score of each method."""
    sd, figures = tested.target.std(), {}
    low, high = tested.ends["nightfit"]
    fifths = np.array_split(np.argsort(high - low, kind="stable"), 5)
    coverage = {}
    for method, (lower, upper) in tested.ends.items():
        inside = (lower <= tested.target) & (tested.target <= upper)
        coverage[method] = inside
        score = interval_score(tested.target, lower, upper, LEVEL)
        figures[method] = float((upper - lower).mean() / sd), float(score.mean() / sd)
    by_prediction = np.array_split(np.argsort(tested.predicted, kind="stable"), 5)
    predicted = [coverage["nightfit"][fifth].mean() for fifth in by_prediction]
    low, high = tested.narrow
    narrow = float(((low <= tested.target) & (tested.target <= high)).mean())
    ours, even = (
        [coverage[method][fifth].mean() for fifth in fifths] for method in ("nightfit", "split")
    )
    of_groups = groups(tested, coverage["nightfit"])
    within = ((of_groups >= LOW) & (of_groups <= HIGH)).mean() if len(of_groups) else np.nan
    shown = "  ".join(
        f"{method} {coverage[method].mean():.3f} {width:.2f} {score:.2f}"
        for method, (width, score) in figures.items()
    )
    print(
        f"{name:20} fifths {min(ours):.2f} to {max(ours):.2f} ({min(even):.2f} to {max(even):.2f})"
        f"  by prediction {min(predicted):.2f} to {max(predicted):.2f}"
        f"  groups {within:.2f} of {len(of_groups):3}  {NARROW:.0%}: {narrow:.2f}  {shown}",
        flush=True,
    )
    record("intervals", f"{name}, coverage", float(coverage["nightfit"].mean()), "share")
    record("intervals", f"{name}, coverage by intervals of {NARROW:.0%}", narrow, "share")
    record("intervals", f"{name}, lowest coverage by prediction", float(min(predicted)), "share")
    record("intervals", f"{name}, interval score", figures["nightfit"][1], "SD of the target")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure prediction intervals.")
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    folder = Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None
    known: dict[str, Callable[[], Tested]] = {
        "made, by row": lambda: drawn(*made_rows(5_000)[:2], options.splits),
        "made, rain": lambda: drawn(*rain(5_000), options.splits),
        "fair": lambda: drawn(*of_statsmodels("fair", "affairs"), options.splits),
        "randhie": lambda: drawn(*of_statsmodels("randhie", "mdvis"), options.splits),
        "made, in time": lambda: in_time(*made_rows(4_000, 1.5)),
    }
    if folder is not None:
        known["computers, in time"] = lambda: computers_in_time(folder)
    for name in names(folder):
        known[name] = lambda name=name: of_set(name, folder, options.splits)  # type: ignore[misc]
    print("coverage, mean width and interval score of each method; widths over the target's SD")
    found = {name: report(name, known[name]()) for name in options.sets or known}
    for method in ("split", "MAPIE", "crepes"):
        both = [(each["nightfit"], each[method]) for each in found.values() if method in each]
        ours, theirs = (np.mean([pair[i] for pair in both], axis=0) for i in (0, 1))
        print(
            f"mean of {len(both)}: width {ours[0]:.3f}, score {ours[1]:.3f};"
            f" {method} {theirs[0]:.3f}, {theirs[1]:.3f}"
        )
        record("intervals", f"interval score over that of {method}", ours[1] / theirs[1], "ratio")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    main()
