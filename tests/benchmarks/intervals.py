"""What prediction intervals cover, and how wide they are, beside those of other libraries.

    intervals.py [SET...] [--keep FOLDER] [--without PART]

All methods get the same rows, of each set at most 8,000 to train and 2,000 to test, and the same
regressor, LightGBM with its defaults; so only the intervals differ. A set is split three times or
more, so that there are 2,000 test rows in all, but at most 20 times. They are to cover 90%:

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
the share of the levels of categories with 50 test rows or more that are covered by 84 to 96%, in
brackets the share that chance leaves there if each row is covered by 90%; what nightfit's intervals
of 50% cover; the mean width and the mean interval score, both over the SD of the target; and how
wide one width would have to be to cover as much as nightfit, which only the test rows show. Test
rows of all splits are taken together.

With --without, nightfit's intervals lack a part of theirs: the scale of the row, the factors by the
prediction, what a bound at one end gives the other, or the growth of errors over time. With --keep,
the fits and the other libraries' intervals are kept in a folder, and used again.
NIGHTFIT_BENCH_DATA names the folder of public sets (docs/benchmark-data.md); without it, the made
and the bundled ones are measured. Needs the extra `bench`.
"""

import argparse
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.figures import record
from benchmarks.interval_sets import (
    BLOCKS,
    LEVEL,
    Array,
    Ends,
    Split,
    Table,
    Walk,
    kept,
    known_sets,
)
from scipy.stats import binom

from regressors.intervals import by_prediction, calibration, scale_fit
from regressors.intervals.calibration import fit_intervals
from regressors.intervals.quantiles import interval_score, quantile
from regressors.intervals.rules import Rules
from regressors.intervals.walk import walk_intervals

NARROW = 0.5
LOW, HIGH, MIN_GROUP = 0.84, 0.96, 50
RULES = Rules((LEVEL, NARROW))
WITHOUT: Mapping[str, tuple[Any, str, object]] = {
    "scale": (calibration, "MIN_SCALE_ROWS", np.inf),
    "prediction": (by_prediction, "BIN_ROWS", np.inf),
    "growth": (scale_fit, "AGE", 0.0),
}
"""What sets a part of the intervals aside: a setting of a module, and its value."""


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


@dataclass(frozen=True)
class Figures:
    """The mean width, interval score and coverage of a method; widths over the target's SD."""

    width: float
    score: float
    coverage: float


def of_split(split: Split, *, with_bound: bool) -> Tested:
    """Return the test rows of a split with their intervals."""
    _, _, intervals = fit_intervals(
        Rules((LEVEL, NARROW), lowest=split.lowest if with_bound else None),
        columns=split.train,
        target=split.target,
        predicted=split.out_of_fold,
        fold=split.fold,
    )
    assert intervals is not None
    reach = intervals.reach(split.test, split.predicted)
    intervals = replace(intervals, rules=Rules((LEVEL, NARROW), lowest=split.lowest))
    ours, narrow = intervals.ends(split.predicted, reach)
    ends = {"nightfit": ours, **split.rivals}
    return Tested(split.test, split.truth, split.predicted, ends, narrow)


def of_walk(walk: Walk) -> Tested:
    """Return the rows of the later half of the blocks with their intervals."""
    lower, upper, _ = walk_intervals(
        RULES,
        columns=walk.columns,
        target=walk.target,
        predicted=walk.predicted,
        block=walk.block,
        time=walk.time,
    )
    width = np.full(len(walk.target), np.nan)
    errors = np.abs(walk.target - walk.predicted)
    for number in range(BLOCKS // 2, BLOCKS):
        past = (walk.block < number) & ~np.isnan(errors)
        width[walk.block == number] = quantile(errors[past], LEVEL, np.ones(int(past.sum())))
    late = walk.block >= BLOCKS // 2
    ends = {
        "nightfit": (lower[:, 0], upper[:, 0]),
        "split": (walk.predicted - width, walk.predicted + width),
    }
    return Tested(
        {name: values[late] for name, values in walk.columns.items()},
        walk.target[late],
        walk.predicted[late],
        {name: (low[late], high[late]) for name, (low, high) in ends.items()},
        (lower[late, 1], upper[late, 1]),
    )


def together(parts: Sequence[Tested]) -> Tested:
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


def of_groups(tested: Tested, inside: Array) -> tuple[float, float, int]:
    """Return the share of levels with rows enough that are covered well, and that by chance."""
    shares, rows_of = [], []
    for values in tested.columns.values():
        if values.dtype.kind == "O":
            codes = np.unique(values.astype(str), return_inverse=True)[1]
            rows = np.bincount(codes)
            many = rows >= MIN_GROUP
            shares += (np.bincount(codes, inside)[many] / rows[many]).tolist()
            rows_of += rows[many].tolist()
    if not shares:
        return np.nan, np.nan, 0
    found, rows = np.array(shares), np.array(rows_of)
    fewest, most = np.ceil(LOW * rows - 1e-9), np.floor(HIGH * rows + 1e-9)
    chance = binom.cdf(most, rows, LEVEL) - binom.cdf(fewest - 1, rows, LEVEL)
    return float(((found >= LOW) & (found <= HIGH)).mean()), float(chance.mean()), len(found)


def stretched(tested: Tested, coverage: float) -> float:
    """Return the mean width of one width that covers such a share of the test rows."""
    low, high = tested.ends["split"]
    middle, half = (low + high) / 2, (high - low) / 2
    needed = np.sort(np.abs(tested.target - middle) / half)
    factor = needed[max(int(np.ceil(coverage * len(needed))) - 1, 0)]
    return float(2 * factor * half.mean())


def report(name: str, tested: Tested, write: Callable[..., None]) -> dict[str, Figures]:
    """Print the figures of a set and `write` some as rows; return those of each method."""
    sd, figures, coverage = tested.target.std(), {}, {}
    for method, (lower, upper) in tested.ends.items():
        inside = (lower <= tested.target) & (tested.target <= upper)
        score = interval_score(tested.target, lower, upper, LEVEL)
        width = float((upper - lower).mean() / sd)
        coverage[method] = inside
        figures[method] = Figures(width, float(score.mean() / sd), float(inside.mean()))
    low, high = tested.ends["nightfit"]
    fifths = np.array_split(np.argsort(high - low, kind="stable"), 5)
    by_prediction = np.array_split(np.argsort(tested.predicted, kind="stable"), 5)
    predicted = [coverage["nightfit"][fifth].mean() for fifth in by_prediction]
    low, high = tested.narrow
    narrow = float(((low <= tested.target) & (tested.target <= high)).mean())
    ours, even = (
        [coverage[method][fifth].mean() for fifth in fifths] for method in ("nightfit", "split")
    )
    within, chance, levels = of_groups(tested, coverage["nightfit"])
    shown = "  ".join(
        f"{method} {own.coverage:.3f} {own.width:.2f} {own.score:.2f}"
        for method, own in figures.items()
    )
    equal = stretched(tested, figures["nightfit"].coverage) / sd
    print(
        f"{name:20} {len(tested.target):5}"
        f"  fifths {min(ours):.2f} to {max(ours):.2f} ({min(even):.2f} to {max(even):.2f})"
        f"  by prediction {min(predicted):.2f} to {max(predicted):.2f}"
        f"  groups {within:.2f} ({chance:.2f}) of {levels:3}  {NARROW:.0%}: {narrow:.2f}  {shown}"
        f"  one width that covers as much {equal:.2f}",
        flush=True,
    )
    own = figures["nightfit"]
    write("intervals", f"{name}, coverage", own.coverage, "share")
    write("intervals", f"{name}, coverage by intervals of {NARROW:.0%}", narrow, "share")
    write("intervals", f"{name}, lowest coverage of a fifth", float(min(ours)), "share")
    write("intervals", f"{name}, highest coverage of a fifth", float(max(ours)), "share")
    write("intervals", f"{name}, lowest coverage by prediction", float(min(predicted)), "share")
    write("intervals", f"{name}, interval score", own.score, "SD of the target")
    write("intervals", f"{name}, width", own.width, "SD of the target")
    return figures


def main() -> None:
    """Measure the named sets, or all, and print and record their figures."""
    known = known_sets()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(known))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where fits are kept")
    parser.add_argument("--without", choices=[*WITHOUT, "bound"], help="which part is left out")
    options = parser.parse_args()
    if unknown := sorted(set(options.sets) - set(known)):
        parser.error(f"there is no set {unknown[0]!r}; there are {', '.join(known)}")
    if options.without in WITHOUT:
        setattr(*WITHOUT[options.without])
    write = (lambda *_: None) if options.without else record
    of = partial(of_split, with_bound=options.without != "bound")
    print("coverage, mean width and interval score of each method; widths over the target's SD")
    found = {}
    for name in options.sets or known:
        made = kept(name, known[name], options.keep)
        tested = of_walk(made) if isinstance(made, Walk) else together([*map(of, made)])
        found[name] = report(name, tested, write)
    for method in ("split", "MAPIE", "crepes"):
        both = [(each["nightfit"], each[method]) for each in found.values() if method in each]
        for figure in ("width", "score") if both else ():
            ours, theirs = (np.mean([getattr(pair[i], figure) for pair in both]) for i in (0, 1))
            print(f"mean {figure} of {len(both)} sets: {ours:.3f}; {method}: {theirs:.3f}")
            write("intervals", f"{figure} over that of {method}", ours / theirs, "ratio")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    main()
