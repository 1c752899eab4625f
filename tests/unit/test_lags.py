"""Lags: what the target or a feature was some length of time before, as a feature."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from helpers.checked import checked
from helpers.scoring import learned

from data.declarations.file import load_dataset
from data.declarations.lags import Lag, is_nearer, lag_named, length_of
from data.declarations.model import Declaration
from data.errors import CallError
from data.lags import KnownValues
from data.sources.read import read
from tasks.run.rows import SnapshotRows

QUARTERS = ["2023-03-31", "2023-06-30", "2023-09-30", "2023-12-31", "2024-03-31", "2024-06-30"]
YEAR = "y[1 year before]"


def declaration(path, **more):
    keys = {"name": "shop", "source": {"path": path}, "key": "day", "target": "y", "time": "day"}
    return Declaration.model_validate({**keys, **more})


def lags(folder, text, *names, **declared):
    """Return lags of the rows of a table, in the order of their keys."""
    path = folder / "rows.csv"
    path.write_text(text)
    made = declaration(path, **declared)
    snapshot = read(made, folder=folder / "snapshots")
    every_row = np.ones(snapshot.rows, dtype=bool)
    columns = SnapshotRows(made, snapshot, every_row, names).rows.columns
    assert list(columns) == list(names)
    return [columns[name].tolist() for name in names]


def nan(values):
    return [None if value != value else value for value in values]


def table(values, days=QUARTERS):
    return "day,y\n" + "".join(f"{day},{y}\n" for day, y in zip(days, values, strict=True))


def test_the_ends_of_months_stay_ends_of_months_and_new_rows_have_lags_too(tmp_path):
    text = table([1, 2, 3, 4, "", ""])
    (year, quarter) = lags(tmp_path, text, YEAR, "y[1 quarter before]")
    assert nan(year) == [None, None, None, None, 1, 2]
    assert nan(quarter) == [None, 1, 2, 3, 4, None]


def test_the_order_of_the_source_and_later_targets_change_no_earlier_lag(tmp_path):
    lines = table([1, 2, 3, 4, 5, 6]).splitlines()
    shuffled = "\n".join([lines[0], *lines[:0:-1]]) + "\n"
    (before,) = lags(tmp_path, shuffled, YEAR)
    for changed in range(6):
        values: list[float] = [1, 2, 3, 4, 5, 6]
        values[changed:] = [100.0 * value for value in values[changed:]]
        (after,) = lags(tmp_path, table(values), YEAR)
        # A year is four rows: a row is another one from four rows behind the change on.
        assert nan(after[: changed + 4]) == nan(before[: changed + 4])
        assert changed > 1 or after != before


def test_rows_with_the_same_rest_of_the_key_are_a_series(tmp_path):
    text = "day,shop,y,x\n" + "".join(
        f"{year}-02-28,{shop},{value},{10 * value}\n"
        for year, shop, value in [(2021, "a", 1), (2021, "b", 2), (2022, "a", 3), (2022, "b", 4)]
    )
    text += "2023-02-28,a,,\n2023-02-28,c,,\n"
    rows = lags(tmp_path, text, YEAR, "x[2 years before]", key=["shop", "day"], features=["x"])
    assert [nan(values) for values in rows] == [
        [None, 1, 3, None, 2, None],
        [None, None, 10, None, None, None],
    ]


def test_a_lag_of_numbers_is_a_number_and_rows_need_not_be_there(tmp_path):
    text = "day,y\n" + "".join(f"{day},{day * day}\n" for day in (1, 2, 4, 5, 7))
    (two, half) = lags(tmp_path, text, "y[2 before]", "y[0.5 before]")
    assert nan(two) == [None, None, 4, None, 25]
    assert nan(half) == [None] * 5


def test_a_clock_that_shows_an_hour_twice_has_no_value_for_it():
    times = np.array(["2024-10-27T02:00"] * 2 + ["2024-10-27T03:00"], dtype="M8[us]")
    known = KnownValues.of(None, times, np.array([1.0, 2.0, 3.0]))
    assert nan(known.at(None, times)) == [None, None, 3]
    nothing = KnownValues.of(None, times, np.full(3, np.nan))
    assert nan(nothing.at(None, times)) == [None] * 3


def test_a_lag_is_named_in_words_and_its_name_says_what_it_is():
    assert Lag("y", length_of("12  Months")).name == "y[12 months before]"
    assert Lag("y", length_of(4)).name == "y[4 before]"
    for name in (YEAR, "y[4 before]", "a[b][0.5 before]", "y[36 hours before]"):
        assert lag_named(name).name == name
    assert lag_named("y[one year before]") is None
    assert lag_named("y[days]") is None


@pytest.mark.parametrize(
    ("lag", "horizon", "nearer"),
    [
        ("1 year", "1 quarter", False),
        ("3 months", "1 quarter", False),
        ("2 months", "1 quarter", True),
        ("365 days", "1 year", True),
        ("366 days", "1 year", False),
        ("1 month", "28 days", False),
        ("1 month", "29 days", True),
        ("1 day", "24 hours", False),
        (1, 2, True),
        (2, 2, False),
    ],
)
def test_a_lag_is_nearer_than_a_horizon_if_it_ever_may_be(lag, horizon, nearer):
    assert is_nearer(length_of(lag), length_of(horizon)) == nearer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key: day\nlags: {y: 1 year}", "no 'time' column is declared, so there is no time to"),
        ("key: id\ntime: day\nlags: {y: 1 year}", "'day' is not part of the key, so it is not"),
        ("key: day\ntime: day\nlags: {day: 1 year}", "'day' is part of the key, which has no lags"),
        ("key: day\ntime: day\nlags: {y: []}", "no length is listed"),
        ("key: day\ntime: day\nlags: {y: [1 year, 1 YEARS]}", "'1 year' is listed twice"),
        ("key: day\ntime: day\nlags: {y: 1 yaer}", "'yaer' is not a unit. Did you mean 'years'?"),
        ("key: day\ntime: day\nlags: {y: 0 days}", "'0 days' is zero"),
        ("key: day\ntime: day\nlags: {y: -3}", "-3 is not above 0"),
        ("key: day\ntime: day\nlags: {y: true}", "True is not a length of time"),
        ("key: day\ntime: day\nlags: {y: {a: 1}}", "is not a length of time"),
        ("key: day\ntime: day\nlags: y", "should be a mapping"),
        (
            "key: day\ntime: day\nhorizon: 1 quarter\nlags: {y: [1 year, 2 months]}",
            "the lag 'y[2 months before]' may be nearer than the horizon of 1 quarter, so it would",
        ),
        (
            "key: day\ntime: day\nfeatures: [users]\nlags: {user: 1 year}",
            "'user' is neither the target nor one of the 'features'. Did you mean 'users'?",
        ),
    ],
)
def test_lags_that_cannot_be_made_are_refused_with_their_line(tmp_path, text, message):
    (tmp_path / "shop.yaml").write_text(f"source: {{path: rows.csv}}\ntarget: y\n{text}\n")
    with pytest.raises(CallError) as caught:
        load_dataset("shop", tmp_path)
    assert message in str(caught.value)


ROWS = 60
DAYS = np.datetime64("2024-01-01") + np.arange(ROWS)
Y = np.arange(float(ROWS)) % 7
TABLE = pa.table(
    {"day": pa.array(DAYS), "n": range(ROWS), "text": ["a", "b"] * (ROWS // 2), "y": Y}
)


def of_table(table=TABLE, **declared):
    return checked(table=table, **{"key": "day", "time": "day", "features": ["n"], **declared})


def test_a_lag_is_a_feature_of_the_run_that_terms_may_have():
    name = "y[1 week before]"
    outcome = of_table(lags={"y": ["1 week"]}, terms=[f"{name}^2", f"n:{name}"])
    assert outcome.features == ("n", name)
    assert outcome.products == (((name, 2),), (("n", 1), (name, 1)))
    (known,) = (r for r in outcome.results if r.expectation == "lag_is_known")
    assert known.observed == "missing in 7 of 60 rows with a target"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"lags": {"y": [3]}}, "The time column 'day' holds times, but the lag 'y[3 before]' is a"),
        (
            {"lags": {"y": ["1 day"]}, "key": "n", "time": "n", "features": ["text"]},
            "holds numbers",
        ),
        ({"lags": {"text": ["1 day"]}, "features": ["text"]}, "'text', which holds categories"),
    ],
)
def test_a_lag_that_does_not_fit_its_columns_ends_the_run(declared, message):
    assert message in of_table(**declared).reason


def test_a_lag_that_no_row_has_is_left_out_with_a_warning():
    outcome = of_table(lags={"y": ["1 year", "7 days"]}, terms=f"n:{YEAR}")
    assert outcome.features == ("n", "y[7 days before]")
    assert outcome.products == ()
    assert any(f"The lag '{YEAR}' is missing in every row" in each for each in outcome.warnings)


def test_a_column_that_is_called_like_a_lag_is_refused():
    assert (
        "Rename the column"
        in of_table(TABLE.append_column(YEAR, pa.array(Y)), lags={"y": ["1 year"]}).reason
    )


def test_rows_that_are_scored_find_lags_in_their_own_source_first_and_then_in_the_run(tmp_path):
    path = tmp_path / "rows.csv"
    days = np.datetime64("2024-01-01") + np.arange(60)
    rng = np.random.default_rng(1)
    target = rng.normal(size=60).round(3)
    path.write_text(table(target.tolist(), days.tolist()))
    model = learned(declaration(path, lags={"y": ["1 day"]}, features=["day"]), tmp_path)
    again = model.scored(path)
    assert again.value.tolist() == model.predicted().value.tolist()
    assert [w for w in again.warnings if "lag" in w] == [
        "The lag 'y[1 day before]' is missing in 1 of 60 rows: neither the source nor the rows of"
        " the run have the value from so long before."
    ]
    new = tmp_path / "new.csv"
    new.write_text("day\n2024-03-01\n2024-03-02\n2024-03-03\n")  # behind the 60 days
    scored = model.scored(new)
    assert "missing in 2 of 3 rows" in " ".join(scored.warnings)
    others = tmp_path / "others.csv"
    others.write_text(f"day,y\n2024-03-01,\n2024-03-02,7\n2024-03-03,\n2024-02-29,{target[59]}\n")
    of_source = model.scored(others)
    assert of_source.value[0] == scored.value[0]
    assert of_source.value[2] != scored.value[2]
    assert "missing in 1 of 4 rows" in " ".join(of_source.warnings)
    gone = replace(model, rows=None).scored(new)
    assert "in 3 of 3 rows: the rows of the run no longer exist, and the" in " ".join(gone.warnings)
