"""Errors on public time series: every block of the newest times is predicted from what was known.

    times.py [SET...]

Each set is declared with its time, cut into blocks by nightfit's own rule and walked through block
by block: every model is fitted at the origin of each test block, on the rows whose target is known
by then, and predicts that block alone. Printed are the RMSE on all test rows, and R squared there
in brackets.

- naive: the best of the naive predictions on these rows, which nobody knows beforehand, by name;
- LightGBM: with its defaults, refitted at the same origins with the same features, a time as its
  days and its month;
- line, ANN: nightfit's least squares and PyTorch ANN, all rows counting the same;
- line, recency and ANN, recency: the same with the half-life that `recency: auto` chooses on the
  training rows alone; those before where none is clearly better.

The sets are the bundled users_revenue and series of statsmodels. Needs the extra `bench`.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.figures import record

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.settings import ROOT
from regressors import fitting
from regressors.candidate import Candidate
from regressors.frameworks.workers import Workers
from regressors.job import Job, folds
from regressors.judging.naive import naive_over_time
from tasks.check import check
from tasks.read import read
from tasks.recency import recency
from tasks.run.prepared import Prepared
from tasks.run.recency import Recency
from tasks.run.workers import FrameworkWorkers, job_of
from tasks.split import split

LINE, ANN = Candidate("torch", "least_squares"), Candidate("torch", "ann")
NAMES = {LINE: "line", ANN: "ANN"}


@dataclass(frozen=True)
class Series:
    """A set of statsmodels, what is predicted there, and from what."""

    target: str
    time: str
    features: tuple[str, ...]
    lags: tuple[str | float, ...] = ()


SETS = {
    "co2": Series("co2", "week", ("week",)),
    "elnino": Series("temperature", "month", ("month",), ("1 month", "1 year")),
    "macrodata": Series("infl", "quarter", ("unemp", "tbilrate"), ("1 quarter",)),
    "nile": Series("volume", "year", ("year",), (1,)),
    "sunspots": Series("sunactivity", "year", ("year",), (1, 2, 11)),
}


# The sets


def frame(name: str) -> pd.DataFrame:
    """Return a series of statsmodels with one row per time."""
    import statsmodels.api as sm

    rows = getattr(sm.datasets, name).load_pandas().data
    rows.columns = [str(column).lower() for column in rows.columns]
    if name == "co2":
        return rows.dropna().rename_axis("week").reset_index()
    if name == "elnino":
        long = rows.melt("year", var_name="name", value_name="temperature").dropna()
        first = long["name"].str.title() + " 1 " + long["year"].astype(int).astype(str)
        return pd.DataFrame({"month": pd.to_datetime(first), "temperature": long["temperature"]})
    if name == "macrodata":
        ends = pd.PeriodIndex.from_fields(
            year=rows["year"].astype(int), quarter=rows["quarter"].astype(int)
        )
        return rows.assign(quarter=ends.to_timestamp(how="end").normalize())
    return rows


def declared(name: str, folder: Path) -> Declaration:
    """Return the declaration of the bundled set, or of a series that is written to the folder."""
    if name == "users_revenue":
        return load_dataset(name, ROOT / "data" / "datasets")
    series, source = SETS[name], folder / f"{name}.csv"
    frame(name).to_csv(source, index=False)
    return Declaration.model_validate(
        {
            "name": name,
            "source": {"path": source},
            "key": series.time,
            "target": series.target,
            "time": series.time,
            "features": list(series.features),
            "lags": {series.target: list(series.lags)} if series.lags else {},
        }
    )


def prepared(declaration: Declaration, folder: Path) -> Prepared:
    """Return the rows of a set and their blocks."""
    snapshot = read.fn(declaration, folder)
    checked = check.fn(declaration, snapshot)
    assert checked.passed, checked.reason
    return split.fn(declaration, snapshot, checked)


# The predictions


def walked(candidate: Candidate, rows: Prepared, of_age: Recency) -> Job:
    """Return the job whose folds are all blocks, those of the test rows included."""
    job = job_of(candidate, rows, starts={}, half_life=of_age.of(candidate))
    labelled = rows.labelled
    return replace(
        job,
        columns=labelled.columns,
        target=labelled.target,
        time=labelled.instants,
        fold=rows.labelled_fold,
        known=rows.labelled_known,
        predictions_file=None,
        table="",
    )


def boosted(rows: Prepared) -> np.ndarray:
    """Return what LightGBM predicts, refitted for each test block."""
    import lightgbm

    labelled = rows.labelled
    columns: dict[str, np.ndarray] = {}
    for values in labelled.columns.values():
        if values.dtype.kind == "M":
            days = values.astype("M8[D]")
            columns[f"{len(columns)}"] = days.astype(float)
            columns[f"{len(columns)}"] = days.astype("M8[M]").astype(int) % 12
        else:
            columns[f"{len(columns)}"] = np.asarray(values, dtype=float)
    table, predicted = pd.DataFrame(columns), np.full(len(labelled.target), np.nan)
    test = rows.test_of_labelled
    for _, train, held in folds(rows.labelled_fold, chained=True, known=rows.labelled_known):
        if (held & test).any():
            model = lightgbm.LGBMRegressor(n_jobs=1, verbosity=-1)
            model.fit(table[train], labelled.target[train])
            predicted[held] = model.predict(table[held])
    return predicted


def predictions(rows: Prepared, workers: FrameworkWorkers) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name of each model and what it predicts of the labelled rows."""
    labelled, test = rows.labelled, rows.test_of_labelled
    naive = naive_over_time(
        labelled.target,
        scored=test,
        block=rows.labelled_fold,
        known=rows.labelled_known,
        time=labelled.time,
    )
    best = min(naive, key=lambda name: _rmse(labelled.target[test] - naive[name][test]))
    yield f"naive ({best})", naive[best]
    yield "LightGBM", boosted(rows)
    of_age = recency.fn((LINE, ANN), rows, workers)
    for candidate, name in NAMES.items():
        without = _predicted(candidate, rows, Recency(), workers)
        yield name, without
        changed = of_age.of(candidate) is not None
        yield (
            f"{name}, recency",
            _predicted(candidate, rows, of_age, workers) if changed else without,
        )


def _predicted(
    candidate: Candidate, rows: Prepared, of_age: Recency, workers: FrameworkWorkers
) -> np.ndarray:
    fitted: Any = workers.run(fitting.validate, walked(candidate, rows, of_age))
    assert not isinstance(fitted, str), fitted
    return np.asarray(fitted.out_of_fold)


def _rmse(errors: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(errors))))


def main() -> None:
    """Measure the named sets, or all, and print and record their errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(["users_revenue", *SETS]))
    chosen = parser.parse_args().sets or ["users_revenue", *SETS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Workers(("torch",), home=folder, time_limit=600, memory_limit=8) as processes:
            workers = FrameworkWorkers(processes)
            for of in chosen:
                rows = prepared(declared(of, folder), folder / "snapshots")
                test = rows.test_of_labelled
                truth = rows.labelled.target[test]
                print(
                    f"{of}: {test.sum()} test rows of {len(test)}, {rows.split.scheme}", flush=True
                )
                for model, predicted in predictions(rows, workers):
                    rmse = _rmse(truth - predicted[test])
                    r2 = 1 - (rmse / truth.std()) ** 2
                    print(f"  {model:40} {rmse:10.4g}  ({r2:.2f})", flush=True)
                    record("times", f"{of}: RMSE of {model.partition(' (')[0]}", rmse, "of target")


if __name__ == "__main__":
    main()
