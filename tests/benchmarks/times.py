"""Errors and intervals on public sets in order of time, measured as a night measures them.

    times.py [SET...]

Each set is declared with its time and goes through the steps of a night: the half-life is chosen on
the training rows (`recency: auto`), the candidates are fitted on them and ranked out of fold, and
those that are compared predict the test rows at rolling origins, each block by fits on what was
known before it. The candidates are least squares and the ANN of PyTorch. Beside them:

- naive: the best of the naive predictions on these rows, which nobody knows beforehand, by name;
- LightGBM: with its defaults, refitted at the same origins with the same features, a time as its
  days and its month.

Printed are the RMSE on the test rows, and R squared there in brackets; `*` is the candidate that is
chosen. Where a half-life is taken, the lines `all alike` are the same candidates with rows that all
count the same. Then come the shares of test rows inside the intervals of 90% and of 50%, the mean
width of the first, and their mean interval score, both over the SD of the test rows. LightGBM has
intervals of one width, the conformal quantile of its own errors in all earlier blocks.

`series.py` has the sets. Needs the extra `bench`.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.figures import record
from benchmarks.series import LEVELS, in_order, names_in_time, prepared

from regressors.candidate import Candidate
from regressors.frameworks.workers import Workers
from regressors.intervals.quantiles import interval_score, quantile
from regressors.job import Fitted, folds
from regressors.rolling import Rolled
from tasks.fit import fit
from tasks.plan import plan
from tasks.rank import rank
from tasks.recency import recency
from tasks.roll import roll
from tasks.run.naive import NaiveRows, naive_of
from tasks.run.prepared import Prepared
from tasks.run.recency import Recency
from tasks.run.workers import FrameworkWorkers

LINE, ANN = Candidate("torch", "least_squares"), Candidate("torch", "ann")
NAMES = {LINE: "line", ANN: "ANN"}

Array = np.ndarray
Ends = tuple[tuple[Array, Array], ...]
"""The lower and upper ends (m,) of intervals of each level."""


@dataclass(frozen=True)
class Tested:
    """What is predicted for the m test rows, and the ends of its intervals, if it has any."""

    name: str
    predicted: Array
    ends: Ends = ()
    is_chosen: bool = False

    def errors(self, target: Array) -> tuple[float, float]:
        """Return the RMSE on the test rows that it predicts, and R squared there."""
        rmse = float(np.sqrt(np.nanmean(np.square(target - self.predicted))))
        return rmse, 1 - (rmse / target.std()) ** 2

    def intervals(self, target: Array) -> Mapping[str, float]:
        """Return what its intervals cover by level, how wide the widest are, and their score."""
        if not self.ends or np.isnan(self.ends[0][0]).all():
            return {}
        (lower, upper), sd = self.ends[0], target.std()
        covered = {
            f"coverage of {level:.0%}": float(((low <= target) & (target <= high)).mean())
            for level, (low, high) in zip(LEVELS, self.ends, strict=True)
        }
        score = interval_score(target, lower, upper, LEVELS[0])
        return {
            **covered,
            "width": float((upper - lower).mean() / sd),
            "score": float(score.mean() / sd),
        }


def tested(rows: Prepared, workers: FrameworkWorkers, home: Path) -> Iterator[Tested]:
    """Yield what a night and its rivals predict for the test rows."""
    test = rows.parts.labelled.is_test
    target = rows.labelled.target[test]
    naive = [
        Tested(name, made[test]) for name, made in naive_of(NaiveRows.of(rows)).predicted.items()
    ]
    best = min(naive, key=lambda each: each.errors(target)[0])
    yield Tested(f"naive ({best.name})", best.predicted)
    yield boosted(rows)
    of_age = recency.fn((LINE, ANN), rows, workers)
    yield from _of_night(rows, workers, of_age, home)
    if of_age.linear is not None:
        alike = Recency()
        for made in _of_night(rows, workers, alike, home):
            yield Tested(f"{made.name}, all alike", made.predicted, made.ends)


def _of_night(
    rows: Prepared, workers: FrameworkWorkers, of_age: Recency, home: Path
) -> Iterator[Tested]:
    planned = plan.fn((LINE, ANN), rows, workers, of_age, home=home)
    of_kind = {LINE: None, ANN: planned}
    fits: dict[Candidate, Fitted | str] = {
        c: fit.fn(c, rows, {}, workers, of_age, of_kind[c]) for c in NAMES
    }
    ranking = rank.fn(rows, fits)
    for candidate, name in NAMES.items():
        fitted = fits[candidate]
        assert isinstance(fitted, Fitted), fitted
        made = roll.fn(candidate, fitted, rows, {}, workers)
        assert isinstance(made, Rolled), made
        yield Tested(name, made.predicted, made.ends, candidate == ranking.winner)


def boosted(rows: Prepared) -> Tested:
    """Return what LightGBM predicts, refitted for every block, and its intervals of one width."""
    import lightgbm

    labelled, test, block = rows.labelled, rows.parts.labelled.is_test, rows.parts.labelled.fold
    columns: dict[str, Array | pd.Categorical] = {}
    for values in labelled.columns.values():
        name = f"x{len(columns)}"
        if values.dtype.kind == "M":
            days = values.astype("M8[D]")
            columns[name] = days.astype(float)
            columns[f"{name} month"] = days.astype("M8[M]").astype(int) % 12
        elif values.dtype.kind == "O":
            columns[name] = pd.Categorical(values.tolist())
        else:
            columns[name] = np.asarray(values, dtype=float)
    table, target = pd.DataFrame(columns), labelled.target
    predicted = np.full(len(target), np.nan)
    width = np.full((len(LEVELS), len(target)), np.nan)
    for number, train, held in folds(block, chained=True, known=rows.parts.labelled.known):
        model = lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1)
        predicted[held] = model.fit(table[train], target[train]).predict(table[held])
        past = train & ~np.isnan(predicted) & (block < number)
        for i, level in enumerate(LEVELS):
            errors = np.abs(target - predicted)[past]
            width[i, held] = quantile(errors, level, np.ones(len(errors)), capped=True)
    ends = tuple((predicted[test] - own[test], predicted[test] + own[test]) for own in width)
    return Tested("LightGBM", predicted[test], ends)


def main() -> None:
    """Measure the named sets, or all, and print and record their figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(names_in_time()))
    chosen = parser.parse_args().sets or names_in_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Workers(("torch",), home=folder, time_limit=600, memory_limit=8) as processes:
            workers = FrameworkWorkers(processes)
            for of in chosen:
                rows = prepared(in_order(of, folder), folder / "snapshots")
                target = rows.test.target
                print(
                    f"{of}: {len(target):,} test rows of {rows.labelled_rows:,},"
                    f" {rows.split.scheme}",
                    flush=True,
                )
                for made in tested(rows, workers, folder):
                    report(of, made, target)


def report(of: str, made: Tested, target: Array) -> None:
    """Print and record the figures of what is predicted for the test rows (m,)."""
    (rmse, r2), figures = made.errors(target), made.intervals(target)
    shown = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
    mark = "*" if made.is_chosen else " "
    print(f" {mark}{made.name:30} {rmse:10.4g}  ({r2:6.2f})  {shown}", flush=True)
    name = made.name.partition(" (")[0]
    record("times", f"{of}: RMSE of {name}", rmse, "of target")
    for figure, value in figures.items():
        record("times", f"{of}: {figure} of {name}", value, "SD" if " " not in figure else "share")


if __name__ == "__main__":
    main()
