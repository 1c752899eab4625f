"""How long a run would take is the median of what the last good ones took."""

import datetime as dt

import pytest
from helpers.store_nights import candidate, night, promoted, read, write

from data.store.read.run_times import RunTime, run_times
from data.store.session import Store
from tasks.run.changes import Change
from tasks.run.duration import expected_duration, in_words


def took(seconds: float, rows: int | None = 100, **fits: float) -> RunTime:
    return RunTime(1, rows, seconds, fits)


def test_median_of_runs_with_about_as_many_rows_is_taken_as_it_is():
    duration = expected_duration([took(10), took(30, 95), took(14, 109)], 100)
    assert (duration.seconds, duration.known_from) == (14, "by the last 3 good runs")


def test_seconds_grow_with_the_rows():
    duration = expected_duration([took(10, ann=8.0)], 300)
    assert (duration.seconds, duration.fits) == (30, {"ann": 24.0})
    assert duration.known_from == "by the last good run, scaled by the rows"


@pytest.mark.parametrize("times", [[], [took(10, None)], [took(10, 0)]])
def test_nobody_knows_how_long_a_first_run_takes(times):
    assert expected_duration(times, 100).seconds is None


def test_changed_candidates_are_mentioned():
    change = Change("declaration", "candidates.kinds")
    assert expected_duration([took(10)], 100, [change]).known_from.endswith("another declaration")
    harmless = Change("declaration", "description")
    assert expected_duration([took(10)], 100, [harmless]).known_from == "by the last good run"


def test_stored_runs_say_what_they_and_their_slowest_fits_took(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    fits = [candidate("torch/ann", rank=1, chosen=True, fit_seconds=4.0)]
    fits.append(candidate("theano/ann", rank=2, fit_seconds=6.0))
    write(store, promoted(1, {"a": 1.0}, name="torch/ann", candidates=fits, rows_read=7))
    write(store, night(2, status="failed"))
    (time,) = read(store, run_times, "wages", most=5)
    assert (time.run_id, time.rows, time.fits) == (1, 7, {"ann": 6.0})
    assert time.seconds >= 0


def test_durations_are_told_in_words():
    told = [in_words(s) for s in (None, 0.2, 45.0, 600.0, dt.timedelta(hours=3).total_seconds())]
    assert told == ["unknown", "less than a second", "about 45 s", "about 10 min", "about 3.0 h"]
