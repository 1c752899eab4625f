"""Public sets in order of time, declared as a user would: their times, what is predicted, by what.

They are the bundled ones, those that come with statsmodels, and, where NIGHTFIT_BENCH_DATA names
the folder of docs/benchmark-data.md, those of that folder that have times.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from benchmarks.accuracy import FOLDER, declared

from data.declarations.file import load_dataset
from data.declarations.intervals import Interval
from data.declarations.model import Declaration
from data.settings import ROOT
from tasks.check import check
from tasks.read import read
from tasks.run.prepared import Prepared
from tasks.split import split

LEVELS = (0.9, 0.5)
"""Of the intervals that every set gets."""


@dataclass(frozen=True)
class Series:
    """A set of statsmodels, what is predicted there, and from what."""

    target: str
    time: str
    features: tuple[str, ...]
    lags: tuple[str | float, ...] = ()
    key: tuple[str, ...] = ()


SERIES: Mapping[str, Series] = {
    "co2": Series("co2", "week", ("week",), ("1 week", "52 weeks")),
    "elnino": Series("temperature", "month", ("month",), ("1 month", "1 year")),
    "grunfeld": Series("invest", "year", ("value", "capital"), (1,), ("firm", "year")),
    "macrodata": Series("infl", "quarter", ("unemp", "tbilrate"), ("1 quarter",)),
    "nile": Series("volume", "year", ("year",), (1,)),
    "sunspots": Series("sunactivity", "year", ("year",), (1, 2, 11)),
}
"""Those of statsmodels."""
OF_FOLDER = {"computers": "trend", "nlswork": "year"}
"""Those of the folder, with their times."""
USERS_ALONE = "users_revenue, users alone"
"""The bundled set without its terms: a relation that moves."""
BUNDLED = ("users_revenue", USERS_ALONE, "age_income")


def folder_of_sets() -> Path | None:
    """Return the folder of public sets, None where none is named."""
    return Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else None


def names_in_time() -> list[str]:
    """Return the names of all sets that can be measured."""
    return [*BUNDLED, *SERIES, *(OF_FOLDER if folder_of_sets() else ())]


def in_order(name: str, unpacked: Path) -> Declaration:
    """Return the declaration of a set with its time; its rows are written to a folder."""
    if name in BUNDLED:
        made = load_dataset(name.partition(",")[0], ROOT / "data" / "datasets")
        if name == USERS_ALONE:
            users = ("monthly_active_users_millions",)
            made = made.model_copy(update={"features": users, "terms": ()})
        elif made.time is None:
            made = made.model_copy(update={"time": "year"})
    elif name in OF_FOLDER:
        made = declared(name, folder_of_sets(), unpacked)
        made = made.model_copy(update={"time": OF_FOLDER[name]})
    else:
        made = _of_statsmodels(name, unpacked)
    return made.model_copy(update={"interval": Interval(level=LEVELS)})


def prepared(declaration: Declaration, folder: Path) -> Prepared:
    """Return the rows of a set and their blocks."""
    snapshot = read.fn(declaration, folder)
    checked = check.fn(declaration, snapshot)
    assert checked.passed, checked.reason
    return split.fn(declaration, snapshot, checked)


def _of_statsmodels(name: str, folder: Path) -> Declaration:
    series, source = SERIES[name], folder / f"{name}.csv"
    _frame(name).to_csv(source, index=False)
    return Declaration.model_validate(
        {
            "name": name,
            "source": {"path": source},
            "key": list(series.key) or series.time,
            "target": series.target,
            "time": series.time,
            "features": list(series.features),
            "lags": {series.target: list(series.lags)} if series.lags else {},
        }
    )


def _frame(name: str) -> pd.DataFrame:
    """Return a set of statsmodels with one row for each time, or each time and key."""
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
