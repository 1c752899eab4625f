"""What rules for choosing between the linear model and the ANN cost in test error.

    choice.py FILE [SET...] [--rows 200 1000 5000] [--splits 3]

Each set is cut to as many rows as are asked for, drawn at random, and split by nightfit's own rule.
Least squares and the ANN are fitted on PyTorch, and their out-of-fold and test errors are added to
FILE, so that rules can be compared again without fitting: what FILE has already is not fitted
again. Gradient descent is left out, since it is the same line as least squares.

`line` stands for sets whose truth is a line in four numbers and a category, with noise, tested
on 2,000 rows.

Each rule sees the out-of-fold errors alone. Its cost is the RMSE on the test rows of the model that
it chose, over that of the model which was better there, minus 1: the mean over the sets, of the
mean over their splits. NIGHTFIT_BENCH_DATA names the folder of public sets, as for accuracy.py; the
sets of statsmodels are measured beside them.
"""

import argparse
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.accuracy import FOLDER, FOLDS, HIDDEN, ONE_THREAD, SHARE, declared, names
from scipy.special import stdtrit

from data.declarations.model import Declaration
from data.sources.read import read
from data.sources.snapshot import load
from data.split import split_rows
from data.texts import Texts
from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.workers import Workers
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.judging.paired import paired_gain, standard_error
from regressors.judging.ranking import Contender, rank
from tasks.run.rows import Rows, SnapshotRows

STATSMODELS = {
    "ccard": "AVGEXP",
    "engel": "foodexp",
    "fair": "affairs",
    "grunfeld": "invest",
    "heart": "survival",
    "randhie": "mdvis",
    "star98": "NABOVE",
    "statecrime": "violent",
}
"""Sets that come with statsmodels, with their targets."""
SIMULATED = "line"
LINE_TEST_ROWS = 2_000
LINE, ANN = Candidate("torch", "least_squares"), Candidate("torch", "ann")

Array = np.ndarray
Rule = Callable[[Array, Array], bool]
"""The out-of-fold errors (n,) of the linear model and of the ANN to whether the ANN is chosen."""


@dataclass(frozen=True)
class Fit:
    """Errors of least squares and the ANN, out of fold (2, n) and on the test rows (2, m)."""

    out_of_fold: Array
    test: Array
    spread: float


# The rules


def better_by(errors: float) -> Rule:
    """Return the rule that wants more than so many standard errors of the paired difference."""

    def is_chosen(linear: Array, ann: Array) -> bool:
        difference = np.square(linear) - np.square(ann)
        return bool(difference.mean() > errors * standard_error(difference))

    return is_chosen


def better_at(level: float) -> Rule:
    """Return the rule that wants the ANN shown to be better, by a one-sided test."""

    def is_chosen(linear: Array, ann: Array) -> bool:
        return better_by(float(stdtrit(len(linear) - 1, 1 - level)))(linear, ann)

    return is_chosen


def gate_like(linear: Array, ann: Array) -> bool:
    """Choose the ANN where its gain is surely above zero, as the gate measures it."""
    return paired_gain(ann, linear, confidence=0.95).low > 0


def nightfits(linear: Array, ann: Array) -> bool:
    """Choose as nightfit does."""
    contenders = [Contender(LINE, lambda: linear), Contender(ANN, lambda: ann)]
    ranking = rank(contenders, spread=float("nan"))
    return next(entry.candidate for entry in ranking if entry.chosen) == ANN


def better_by_share(share: float) -> Rule:
    """Return the rule that wants an RMSE lower by more than this share."""

    def is_chosen(linear: Array, ann: Array) -> bool:
        return bool(rmse(ann) < (1 - share) * rmse(linear))

    return is_chosen


RULES: Mapping[str, Rule] = {
    "always the linear model": lambda *_: False,
    "always the ANN": lambda *_: True,
    "the lowest out-of-fold error": better_by(0),
    "the simpler within 0.2% of it": better_by_share(0.002),
    "the same, or better in most rows and within one standard error: nightfit's": nightfits,
    "the simpler within 0.5% of it": better_by_share(0.005),
    "the simpler within 1% of it": better_by_share(0.01),
    "the simpler within half a standard error": better_by(0.5),
    "the simpler within one standard error": better_by(1),
    "the simpler unless shown to be worse (5%, Student)": better_at(0.05),
    "the simpler unless shown to be worse (5%, as the gate)": gate_like,
}


def rmse(errors: Array) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.square(errors).mean()))


def report(fits: Mapping[tuple[str, int, int], Fit]) -> str:
    """Return a Markdown table with a row per rule."""
    lines = [
        "| rule | chooses the ANN | costs | at worst in one set | test RMSE / SD |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, is_chosen in RULES.items():
        rows = []
        for (dataset, size, _), fit in fits.items():
            pick = int(is_chosen(*fit.out_of_fold))
            errors = [rmse(errors) for errors in fit.test]
            rows.append((f"{dataset}/{size}", pick, errors[pick] / min(errors) - 1,
                         errors[pick] / fit.spread))  # fmt: skip
        table = pd.DataFrame(rows, columns=["set", "ann", "cost", "error"])
        by_set = table.groupby("set")[["ann", "cost", "error"]].mean()
        mean = by_set.mean()
        lines.append(
            f"| {name} | {mean['ann']:.0%} | {mean['cost']:.2%} | {by_set['cost'].max():.1%}"
            f" | {mean['error']:.4f} |"
        )
    return "\n".join(lines)


# The fits


def simulated_line(size: int, number: int) -> tuple[Rows, Array, Rows]:
    """Return training rows, their folds, and test rows of a line, whose R2 is about 0.5."""
    rng = np.random.default_rng([size, number])
    rows = size + LINE_TEST_ROWS
    numbers, code = rng.normal(size=(rows, 4)), rng.integers(0, 4, rows)
    target = numbers @ [1, 0.5, 0.2, 0] + np.array([0, 0.5, 1, -0.5])[code]
    drawn = Rows(
        Texts.of(map(str, range(rows))),
        {
            **{f"x{i}": numbers[:, i] for i in range(4)},
            "c": np.array(list("abcd"), dtype=object)[code],
        },
        target + rng.normal(scale=1.2, size=rows),
    )
    train = np.arange(rows) < size
    return drawn.take(train), 1 + np.arange(size) % FOLDS, drawn.take(~train)


def statsmodels_set(name: str, unpacked: Path) -> Declaration:
    """Return the declaration of a set of statsmodels, written out for the reader."""
    import statsmodels.datasets

    frame = getattr(statsmodels.datasets, name).load_pandas().data.reset_index(drop=True)
    frame.insert(0, "row_id", np.arange(len(frame)))
    frame.to_csv(unpacked / f"{name}.csv", index=False)
    return Declaration(
        name=name,
        source={"path": unpacked / f"{name}.csv"},
        key="row_id",
        target=STATSMODELS[name],
    )


def parts(
    declaration: Declaration, folder: Path, size: int, number: int
) -> tuple[Rows, Array, Rows] | None:
    """Return training rows, their folds, and test rows; None if a set has fewer rows than that."""
    snapshot = read(declaration, folder=folder)
    features = declaration.feature_names(load(snapshot.path).column_names)
    rows = SnapshotRows(declaration, snapshot, np.ones(snapshot.rows, dtype=bool), features).rows
    rows = rows.take(~np.isnan(rows.target))
    if size and len(rows.keys) < size:
        return None
    if size:
        kept = np.zeros(len(rows.keys), dtype=bool)
        kept[np.random.default_rng([size, number]).permutation(len(kept))[:size]] = True
        rows = rows.take(kept)
    split = split_rows(
        dataset=f"{declaration.name} {number}",
        keys=rows.keys,
        labelled=~np.isnan(rows.target),
        share=SHARE,
        folds=FOLDS,
    )
    train = split.role == "train"
    return rows.take(train), split.fold[train], rows.take(split.role == "test")


def fitted(workers: Workers, dataset: str, train: Rows, fold: Array, test: Rows) -> Fit:
    """Fit both kinds."""
    out_of_fold, on_test = [], []
    for candidate in (LINE, ANN):
        job = Job(
            dataset=dataset,
            candidate=candidate,
            columns=train.columns,
            target=train.target,
            fold=fold,
            chained=False,
            hidden=HIDDEN,
            interval=Rules((0.9,)),
        )
        fit: Any = workers.result(workers.submit("torch", fitting.validate, job))
        out_of_fold.append(train.target - fit.out_of_fold)
        on_test.append(test.target - fit.model.predict(test.columns))
    return Fit(np.array(out_of_fold), np.array(on_test), float(test.target.std()))


def missing(
    done: Mapping[tuple[str, int, int], Fit],
    sets: Sequence[str],
    sizes: Sequence[int],
    splits: int,
) -> Iterator[tuple[str, int, int]]:
    """Yield the set, size and split of each fit that is not there yet."""
    for number, size, dataset in product(range(1, splits + 1), sizes, sets):
        if (dataset, size, number) not in done:
            yield dataset, size, number


def main() -> None:
    """Fit what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, help="where the errors are kept")
    parser.add_argument("sets", nargs="*", help="names of sets; all that there are by default")
    parser.add_argument("--rows", type=int, nargs="*", default=[200, 1000, 5000])
    parser.add_argument("--splits", type=int, default=3, help="how often to split each set")
    chosen = parser.parse_args()
    folder = Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None
    fits = pickle.loads(chosen.file.read_bytes()) if chosen.file.exists() else {}
    sets = chosen.sets or [*names(folder), *STATSMODELS, SIMULATED]
    with (
        tempfile.TemporaryDirectory() as name,
        Workers(["torch"], home=Path(name), time_limit=600) as workers,
    ):
        home = Path(name)
        os.environ.update(ONE_THREAD)
        for dataset, size, number in missing(fits, sets, chosen.rows, chosen.splits):
            if dataset == SIMULATED:
                cut: tuple[Rows, Array, Rows] | None = simulated_line(size, number)
            elif dataset in STATSMODELS:
                cut = parts(statsmodels_set(dataset, home), home, size, number)
            else:
                cut = parts(declared(dataset, folder, home), home, size, number)
            if cut is None:
                continue
            fit = fits[dataset, size, number] = fitted(workers, f"{dataset} {number}", *cut)
            chosen.file.write_bytes(pickle.dumps(fits))
            errors = " ".join(f"{rmse(errors) / fit.spread:.4f}" for errors in fit.test)
            print(f"{dataset}, {size} rows, split {number}: {errors}", file=sys.stderr)
    for title, simulated in (("Real sets", False), ("A line", True)):
        part = {key: fit for key, fit in fits.items() if (key[0] == SIMULATED) == simulated}
        if part:
            print(f"\n{title}: {len(part)} fits of each kind\n\n{report(part)}")


if __name__ == "__main__":
    main()
