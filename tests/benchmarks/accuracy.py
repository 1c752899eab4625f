"""Test error and seconds of nightfit's ANNs beside other models, on public sets.

    accuracy.py [SET...] [--frameworks torch ...] [--splits 1]

Each set is split once, by nightfit's own rule, into about 80% training rows in five folds and
20% test rows; every model gets the same rows. The error is the RMSE on the test rows divided by the
target's standard deviation there: 1 is no better than their mean. The seconds are processor time,
with one thread; models run one after another, and each framework has fitted a small set before.
With more than one of `--splits`, further splits are made by the same rule under other names. The
tables then show the means, and an additional one the standard deviations between splits.

The ANN of each framework is compared with:

- linear: scikit-learn's `LinearRegression` on standardised numbers and one-hot categories;
- MLP: its `MLPRegressor` on the same columns, with 128 and 128 hidden units like the ANN, early
  stopping and a standardised target;
- LightGBM: with its defaults, and categories as categories;
- five LightGBMs: the mean of five, each fitted without one of the five folds, like the ANN's
  members (another seed alone would give the same trees again);
- five, encoded: the same with scikit-learn's `TargetEncoder` for the categories.

NIGHTFIT_BENCH_DATA names the folder of public sets (see docs/benchmark-data.md). Without it, only
the bundled sets can be measured, and only by name. Needs the extra `bench`.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.figures import record

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.settings import ROOT
from data.sources.read import read
from data.sources.snapshot import load
from data.split import split_rows
from data.texts import Texts
from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import WorkerFailed, Workers
from regressors.intervals.rules import Rules
from regressors.job import Fitted, Job
from tasks.run.rows import Rows, SnapshotRows

BUNDLED = ("income_expenses", "age_income")
FOLDER = "NIGHTFIT_BENCH_DATA"
HOW = (
    f"Set {FOLDER} to a folder of public sets (docs/benchmark-data.md says how to make"
    f" one), or name bundled ones: accuracy.py {' '.join(BUNDLED)}"
)
FOLDS, SHARE, HIDDEN = 5, 0.2, (128, 128)
TOLERATED = 1.01
"""An ANN whose error is more than this many times that of the linear model is marked."""

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ),
    "1",
)
"""The environment that a worker is started in."""

Array = np.ndarray
Predict = Callable[[Rows, Array, Rows], Array]
"""Training rows, their folds and test rows to predictions of the latter."""


# The sets


def declared(name: str, folder: Path | None, unpacked: Path) -> Declaration:
    """Return the declaration of a bundled set, or of one in the folder, unpacked for the reader."""
    if name in BUNDLED:
        return load_dataset(name, ROOT / "data" / "datasets")
    assert folder is not None, HOW
    about = json.loads((folder / "meta.json").read_text())[name]
    source = unpacked / f"{name}.csv"
    source.write_bytes(gzip.decompress((folder / f"{name}.csv.gz").read_bytes()))
    return Declaration(name=name, source={"path": source}, key=about["key"], target=about["target"])


def names(folder: Path | None) -> list[str]:
    """Return every set that can be measured, the smallest file first."""
    if folder is None:
        return list(BUNDLED)
    if not (folder / "meta.json").is_file():
        sys.exit(f"There is no file meta.json in {folder.absolute()}. {HOW}")
    files = {
        name: folder / f"{name}.csv.gz" for name in json.loads((folder / "meta.json").read_text())
    }
    return [*BUNDLED, *sorted(files, key=lambda name: files[name].stat().st_size)]


def split_set(declaration: Declaration, folder: Path, number: int = 1) -> tuple[Rows, Array, Rows]:
    """Return the training rows, their folds, and the test rows of a set in one of its splits."""
    snapshot = read(declaration, folder=folder)
    features = declaration.feature_names(load(snapshot.path).column_names)
    kept = np.ones(snapshot.rows, dtype=bool)
    rows = SnapshotRows(declaration, snapshot, kept, features).rows
    split = split_rows(
        dataset=declaration.name if number == 1 else f"{declaration.name} {number}",
        keys=rows.keys,
        labelled=~np.isnan(rows.target),
        share=SHARE,
        folds=FOLDS,
    )
    train = split.role == "train"
    return rows.take(train), split.fold[train], rows.take(split.role == "test")


# The models


def processor_timed(framework: FrameworkModule, job: Job) -> tuple[Fitted, float]:
    """Fit an ANN; runs in the framework's worker."""
    start = process_time()
    return fitting.validate(framework, job), process_time() - start


def ann(workers: Workers, framework: str, dataset: str, train: Rows, fold: Array) -> Any:
    """Fit nightfit's ANN; return the fit and the seconds that it took."""
    job = Job(
        dataset=dataset,
        candidate=Candidate(framework, "ann"),
        columns=train.columns,
        target=train.target,
        fold=fold,
        chained=False,
        hidden=HIDDEN,
        interval=Rules((0.9,)),
    )
    return workers.result(workers.submit(framework, processor_timed, job))


def framed(rows: Rows) -> pd.DataFrame:
    """Return the features as the other libraries want them: floats, and categories without gaps."""
    columns = {}
    for i, values in enumerate(rows.columns.values()):
        if values.dtype.kind == "O":
            columns[f"x{i}"] = pd.Categorical(["missing" if v is None else v for v in values])
        elif values.dtype.kind == "M":
            columns[f"x{i}"] = np.where(np.isnat(values), np.nan, values.astype(float))
        else:
            columns[f"x{i}"] = values
    return pd.DataFrame(columns)


def rivals() -> Mapping[str, Predict]:
    """Return the other models by name; imported here, since each worker imports this file."""
    import lightgbm
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    categories, numbers = (
        make_column_selector(dtype_include="category"),
        make_column_selector(dtype_include="number"),
    )

    def standardised(model: object) -> Pipeline:
        filled = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
        )
        one_hot = OneHotEncoder(handle_unknown="ignore")
        columns = ColumnTransformer([("n", filled, numbers), ("c", one_hot, categories)])
        return make_pipeline(columns, model)

    def boosted() -> Any:
        return lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1)

    def encoded() -> Pipeline:
        encoder = TargetEncoder(target_type="continuous", cv=KFold(5, shuffle=True, random_state=0))
        columns = ColumnTransformer([("c", encoder, categories)], remainder="passthrough")
        return make_pipeline(columns, boosted())

    def mlp() -> Any:
        network = MLPRegressor(hidden_layer_sizes=HIDDEN, early_stopping=True, random_state=0)
        return standardised(TransformedTargetRegressor(network, transformer=StandardScaler()))

    def single(make: Callable[[], Any]) -> Predict:
        def predict(train: Rows, _: Array, test: Rows) -> Array:
            return make().fit(framed(train), train.target).predict(framed(test))

        return predict

    def five(make: Callable[[], Any]) -> Predict:
        def predict(train: Rows, fold: Array, test: Rows) -> Array:
            inputs, unseen = framed(train), framed(test)
            fits = (
                make().fit(inputs[fold != i], train.target[fold != i]) for i in range(1, FOLDS + 1)
            )
            return np.mean([fit.predict(unseen) for fit in fits], axis=0)

        return predict

    return {
        "linear": single(lambda: standardised(LinearRegression())),
        "MLP": single(mlp),
        "LightGBM": single(boosted),
        "five LightGBMs": five(boosted),
        "five, encoded": five(encoded),
    }


# The measurement


def relative_error(predicted: Array, target: Array) -> float:
    """Return the RMSE over the target's standard deviation."""
    return float(np.sqrt(np.square(predicted - target).mean()) / target.std())


def measured(
    workers: Workers,
    others: Mapping[str, Predict],
    frameworks: Sequence[str],
    dataset: str,
    parts: tuple[Rows, Array, Rows],
) -> Iterator[tuple[str, float, float]]:
    """Yield each model's name, error and seconds on a set; a fit that failed has no error."""
    train, fold, test = parts
    for name, predict in others.items():
        start = process_time()
        predicted = predict(train, fold, test)
        yield name, relative_error(predicted, test.target), process_time() - start
    for framework in frameworks:
        try:
            fitted, seconds = ann(workers, framework, dataset, train, fold)
        except WorkerFailed as failure:
            print(f"{dataset}: {framework} failed: {failure}", file=sys.stderr)
            yield framework, np.nan, np.nan
            continue
        start = process_time()
        predicted = fitted.model.predict(test.columns)
        yield framework, relative_error(predicted, test.target), seconds + process_time() - start


def warm_up(workers: Workers, frameworks: Sequence[str]) -> None:
    """Have each framework compile what it compiles once."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    rows = Rows(Texts.of(map(str, range(200))), {"x": x}, x + rng.normal(size=200))
    for framework in frameworks:
        ann(workers, framework, "warm-up", rows, 1 + np.arange(200) % FOLDS)


def table(values: pd.DataFrame, title: str, digits: int, marked: pd.DataFrame | None = None) -> str:
    """Return a Markdown table with a row per set and a row of means; `!` follows marked values."""
    lines = [
        f"| {' | '.join([title, *values.columns])} |",
        f"|---|{'---:|' * len(values.columns)}",
    ]
    for name, row in [*values.iterrows(), ("mean", values.mean(skipna=False))]:
        cells = [str(name)]
        for model, value in row.items():
            mark = marked is not None and name != "mean" and marked.loc[name, model]
            cells.append(f"{value:.{digits}f}{' !' if mark else ''}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def report(results: pd.DataFrame, frameworks: Sequence[str]) -> str:
    """Return the tables, in which each ANN with a mean error above that of linear is marked."""
    models = list(dict.fromkeys(results["model"]))
    by_set = results.groupby(["set", "model"], sort=False)
    errors, seconds = (by_set[name].mean().unstack()[models] for name in ("error", "seconds"))
    worse = errors.gt(TOLERATED * errors["linear"], axis=0)
    worse.loc[:, ~worse.columns.isin(frameworks)] = False
    names = ", ".join(f"{name} ({model})" for name, model in worse.stack()[lambda it: it].index)
    spread = by_set["error"].std().unstack()[models]
    return "\n\n".join(
        [
            table(errors, "test RMSE / SD", 4, worse),
            f"! an ANN worse than linear by more than {TOLERATED - 1:.0%}: {names or 'none'}.",
            *([] if spread.isna().all(axis=None) else [table(spread, "SD over splits", 4)]),
            table(seconds, "seconds", 1),
        ]
    )


def main() -> None:
    """Measure the sets and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", help="names of sets; all that there are by default")
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORK_NAMES, default=FRAMEWORK_NAMES)
    parser.add_argument("--splits", type=int, default=1, help="how often to split each set")
    chosen = parser.parse_args()
    folder = Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None
    available = names(folder)
    if unknown := sorted(set(chosen.sets) - set(available)):
        parser.error(f"there is no set {unknown[0]!r}; there are {', '.join(available)}. {HOW}")
    if not chosen.sets and folder is None:
        print(f"Accuracy is not measured. {HOW}")
        return

    results = []
    others = rivals()
    from threadpoolctl import threadpool_limits  # after the libraries that it holds to a thread

    with (
        tempfile.TemporaryDirectory() as name,
        threadpool_limits(1),
        Workers(FRAMEWORK_NAMES, home=Path(name), time_limit=3600) as workers,
    ):
        home = Path(name)
        os.environ.update(ONE_THREAD)
        warm_up(workers, chosen.frameworks)
        for dataset, number in product(chosen.sets or available, range(1, chosen.splits + 1)):
            parts = split_set(declared(dataset, folder, home), home, number)
            for model, error, took in measured(workers, others, chosen.frameworks, dataset, parts):
                results.append((dataset, model, error, took))
                split = f"{dataset}, split {number}: {model}"
                record("accuracy", f"{split}: test RMSE / SD", error, "ratio")
                record("accuracy", split, took, "s")
                print(f"{dataset:<16}{model:<16}{error:>8.4f}{took:>8.1f} s", file=sys.stderr)
    columns = ["set", "model", "error", "seconds"]
    print(report(pd.DataFrame(results, columns=columns), chosen.frameworks))


if __name__ == "__main__":
    main()
