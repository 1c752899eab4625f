"""Which terms and lags the bundled users_revenue has: the choice, by its training rows alone.

    terms.py

Whether elapsed time, the quarter, their products with the users, and the revenue of last year enter
is chosen among all their combinations, as a night chooses among candidates: by the lowest RMSE of
least squares on the training rows, each predicted at a rolling origin by fits on the rows before
it, with `recency: auto`. What is chosen is printed before the test rows are looked at. Then come
the RMSE on the test rows of what was chosen and of what is bundled, and the best naive prediction
there.

The rule was written before it was run, but after the test rows of this set had been seen; what it
cannot undo is that the list of what may enter is by people who know how such revenues grow.
"""

import tempfile
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.figures import record
from benchmarks.series import prepared

from data.declarations.file import load_dataset
from data.declarations.model import Declaration
from data.settings import ROOT
from regressors.candidate import Candidate
from regressors.frameworks.workers import Workers
from regressors.job import Fitted
from regressors.rolling import Rolled
from tasks.fit import fit
from tasks.rank import rank
from tasks.recency import recency
from tasks.roll import roll
from tasks.run.naive import NaiveRows, naive_of
from tasks.run.prepared import Prepared
from tasks.run.workers import FrameworkWorkers

NAME, USERS, TIME = "users_revenue", "monthly_active_users_millions", "quarter_end"
LINE = Candidate("torch", "least_squares")
FEATURES = ([USERS], [USERS, TIME])
TERMS = (f"{USERS}:{TIME}", f"{USERS}:{TIME}[quarter]")
LAGS: tuple[Mapping[str, list[str]], ...] = ({}, {"revenue_musd": ["1 year"]})


def declarations(bundled: Declaration) -> Sequence[Declaration]:
    """Return the bundled declaration with each combination of what may enter."""
    subsets = [terms for size in range(len(TERMS) + 1) for terms in combinations(TERMS, size)]
    return [
        _with(bundled, features=features, terms=list(terms), lags=lags)
        for features, terms, lags in product(FEATURES, subsets, LAGS)
    ]


def _with(bundled: Declaration, **changes: Any) -> Declaration:
    return Declaration.model_validate({**bundled.model_dump(exclude_unset=True), **changes})


def entering(declaration: Declaration) -> str:
    """Return what enters, in words."""
    lags = [lag.name for lag in declaration.lagged]
    return ", ".join([*(declaration.features or ()), *declaration.terms, *lags])


def line(rows: Prepared, workers: FrameworkWorkers) -> tuple[Fitted, float]:
    """Return the line, and its RMSE on the training rows."""
    fitted = fit.fn(LINE, rows, {}, workers, recency.fn((LINE,), rows, workers))
    assert isinstance(fitted, Fitted), fitted
    return fitted, rank.fn(rows, {LINE: fitted}).validation[LINE].rmse


def tested(rows: Prepared, fitted: Fitted, workers: FrameworkWorkers) -> float:
    """Return the RMSE of the line on the test rows."""
    made = roll.fn(LINE, fitted, rows, {}, workers)
    assert isinstance(made, Rolled), made
    return float(np.sqrt(np.square(rows.test.target - made.predicted).mean()))


def main() -> None:
    """Choose, then measure."""
    bundled = load_dataset(NAME, ROOT / "data" / "datasets")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Workers(("torch",), home=folder, time_limit=600, memory_limit=8) as processes:
            workers = FrameworkWorkers(processes)
            found = []
            print("RMSE of least squares on the training rows, at rolling origins:")
            for number, declared in enumerate(declarations(bundled)):
                rows = prepared(declared, folder / str(number))
                fitted, rmse = line(rows, workers)
                found.append((rmse, number, declared, rows, fitted))
                print(f"  {rmse:8,.0f}  {entering(declared)}", flush=True)
            rmse, _, chosen, rows, fitted = min(found, key=lambda each: each[:2])
            print(f"Chosen: {entering(chosen)}\nBundled: {entering(bundled)}")
            record("terms", f"{NAME}: RMSE on training rows of {entering(chosen)}", rmse, "musd")
            of_bundled = prepared(bundled, folder / "bundled")
            as_bundled = tested(of_bundled, line(of_bundled, workers)[0], workers)
            naive = [
                float(
                    np.sqrt(
                        np.nanmean(np.square(rows.test.target - made[rows.parts.labelled.is_test]))
                    )
                )
                for made in naive_of(NaiveRows.of(rows)).predicted.values()
            ]
            print(
                f"RMSE on the test rows: {tested(rows, fitted, workers):,.0f} (chosen),"
                f" {as_bundled:,.0f} (bundled), {min(naive):,.0f} (best naive prediction)"
            )


if __name__ == "__main__":
    main()
