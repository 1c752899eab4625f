"""What people should hear of, and when it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from data.store.check.finding import Finding
from data.store.check.record import LastCheck
from data.store.read.alarms import AlarmFacts, ChampionChange, LatestRun, StandingAlarm
from data.store.write.delivery import Undelivered
from tasks.alarms.causes import Killed, causes, ended

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)
WITHIN = timedelta(hours=26)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def latest(dataset="shop", status="succeeded", hours=10.0, **facts) -> LatestRun:
    good = ago(hours) if status in ("succeeded", "skipped") else ago(hours + 24)
    usual = {
        "run_id": 7,
        "reason": None,
        "flow_run_id": None,
        "first_at": LONG_AGO,
        "good_at": good,
        "bad_since": None if good == ago(hours) else ago(hours),
    }
    return LatestRun(dataset=dataset, status=status, finished_at=ago(hours), **{**usual, **facts})


def found(*runs, killed=(), declared=None, **facts):
    known = AlarmFacts(
        runs, **{"changes": (), "undelivered": (), "checked": None, "standing": (), **facts}
    )
    names = declared if declared is not None else {run.dataset: LONG_AGO for run in runs}
    return causes(known, declared=names, within=WITHIN, now=NOW, killed=killed), known, names


def over(*runs, standing, **more):
    held, known, names = found(*runs, standing=standing, **more)
    return ended(known, held, names)


def stands(area="run", dataset="shop", detail="failed x", hours=30.0) -> StandingAlarm:
    return StandingAlarm(1, area, dataset, detail, "It was so.", ago(hours))


def titles(*runs, **more):
    return [cause.title for cause in found(*runs, **more)[0]]


def test_good_nights_are_no_news():
    assert titles(latest(), latest("b", "skipped")) == []


@pytest.mark.parametrize(
    ("status", "title"), [("failed", "shop failed"), ("rejected", "shop was rejected")]
)
def test_bad_run_is_reported_with_its_reason(status, title):
    ((cause,), *_) = found(latest(status=status, reason="No such file.", bad_since=ago(40)))
    assert (cause.title, cause.what, cause.since) == (title, "No such file.", ago(40))
    assert "nightfit retrain shop" in cause.next_step


def test_same_reason_with_other_figures_is_the_same_cause():
    def key(status, reason):
        return found(latest(status=status, reason=reason))[0][0].key

    assert key("rejected", "60 rows, 3% fewer") == key("rejected", "61 rows, 12% fewer")
    assert key("rejected", "60 rows") != key("rejected", "60 columns")
    assert key("rejected", "60 rows") != key("failed", "60 rows")


def test_no_night_at_all_is_one_cause_however_many_datasets_wait():
    runs = [latest("a", hours=30), latest("b", hours=27), latest("c", hours=26.5)]
    assert titles(*runs) == ["no night within 26 hours"]


def test_nobody_is_told_twice_as_the_datasets_of_one_missing_night_become_overdue():
    assert titles(latest("a", hours=26.5), latest("b", hours=25.5)) == []


def test_dataset_that_later_nights_left_out_is_reported():
    assert titles(latest("a", hours=27), latest("b", hours=2)) == [
        "a had no good night within 26 hours"
    ]


def test_dataset_whose_last_run_was_bad_is_reported_for_that_alone():
    assert titles(latest("a", "failed", hours=3), latest("b", hours=2)) == ["a failed"]


def test_dataset_that_was_never_run_waits_from_its_declaration_on():
    runs = [latest("b", hours=2)]
    assert titles(*runs, declared={"b": LONG_AGO, "new": ago(20)}) == []
    assert titles(*runs, declared={"b": LONG_AGO, "new": ago(50)}) == [
        "new had no good night within 26 hours"
    ]


def test_first_night_that_never_came_is_reported():
    assert titles(declared={"new": ago(20)}) == []
    assert titles(declared={"new": ago(50)}) == ["no night within 26 hours"]
    assert titles(declared={}) == []


def test_dataset_that_is_no_longer_declared_is_no_news():
    assert titles(latest(status="failed"), declared={}) == []
    (end,) = over(latest(status="failed"), standing=(stands(),), declared={})
    assert end.title is None


def test_killed_run_is_reported_until_a_later_one_is_good():
    killed = [Killed("shop", ago(5), "id", "Prefect says: killed.")]
    assert titles(latest(hours=10), killed=killed) == ["shop was broken off"]
    assert titles(latest(hours=4), killed=killed) == []
    assert titles(latest(hours=10), killed=killed, declared={}) == []
    night = [Killed("", ago(5), "id", "Prefect says: killed.")]
    assert titles(latest(hours=10), killed=night) == ["the night was broken off"]
    assert titles(latest("any", hours=4), killed=night) == []


def test_recovery_is_reported_and_a_second_bad_run_is_none():
    assert over(latest(status="failed", hours=3), standing=(stands(),)) == ()
    (end,) = over(latest(status="skipped", hours=3), standing=(stands(),))
    assert (end.title, end.run.run_id) == ("shop is fine again", 7)


def test_good_run_before_the_alarm_is_no_recovery():
    assert over(latest(hours=40), standing=(stands(hours=30),)) == ()


def test_killed_run_is_over_with_a_good_one_though_prefect_forgot_it():
    assert over(latest(hours=40), standing=(stands(detail="killed", hours=30),)) == ()
    (end,) = over(latest(hours=1), standing=(stands(detail="killed", hours=30),))
    assert end.title == "shop is fine again"


def test_missing_night_is_over_with_any_later_run():
    missing = (stands("night", "", "none", hours=30),)
    assert over(latest(hours=30), standing=missing) == ()
    (end,) = over(latest(status="failed", hours=1), standing=missing)
    assert end.title == "nights run again"


def test_left_out_dataset_is_not_fine_because_all_nights_are_missing_now():
    left_out = (stands("night", "a", "none", hours=60),)
    assert over(latest("a", hours=60), latest("b", hours=30), standing=left_out) == ()


def test_champion_is_reported_and_its_alarm_ends_without_a_word():
    change = ChampionChange("shop", 4, ago(3), "torch/ann", "torch/ls", "Better.", None, 7, None)
    ((cause,), *_) = found(latest(), changes=(change,))
    assert (cause.title, cause.what) == (
        "torch/ann now serves shop",
        "It replaces torch/ls: Better.",
    )
    news = (stands("champion", "shop", "4"),)
    assert over(latest(), standing=news, changes=(change,)) == ()
    (end,) = over(latest(), standing=news)
    assert end.title is None


def test_results_are_reported_until_they_are_delivered():
    late = Undelivered("shop", "db/results", ago(2), "no answer after 30 s.")
    assert titles(latest(), undelivered=(late,)) == ["results of shop were not delivered"]
    waiting = (stands("delivery", "shop", "x"),)
    assert over(latest(), undelivered=(late,), standing=waiting) == ()
    (end,) = over(latest(), standing=waiting)
    assert end.title == "results of shop are delivered"


def test_damage_is_reported_unless_acknowledged():
    broken = Finding("models", "run 3 cannot be loaded.", "Restore it.", "shop")
    known = Finding("models", "run 2 cannot be loaded.", "Restore it.", acknowledged=True)
    check = LastCheck(ago(1), (broken, known))
    ((cause,), *_) = found(latest(), checked=check)
    assert cause.what == "shop: run 3 cannot be loaded."
    damaged = (stands("damage", "", "x"),)
    assert over(latest(), checked=check, standing=damaged) == ()
    (end,) = over(latest(), checked=LastCheck(ago(1), (known,)), standing=damaged)
    assert end.title == "the database is fine again"
