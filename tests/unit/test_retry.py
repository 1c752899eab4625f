"""What fails in a passing way is attempted again, and the reader is told."""

import time
from types import SimpleNamespace

import pytest

from data.connections import retry
from data.connections.retry import ATTEMPTS, retried
from data.errors import SourceAway, SourceError, SourceLate


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)


@pytest.fixture
def failing():
    """What fails with one error so many times, and then returns how often it was called."""
    calls = []

    def make(error, times):
        def action():
            calls.append(1)
            if len(calls) <= times:
                raise error
            return len(calls)

        return action

    return make


AWAY = SourceAway("The server does not answer.", where="shop", next_step="Start it.")


def test_what_passes_is_attempted_again_and_told_each_time(failing, caplog):
    told: list[str] = []
    assert retried(failing(AWAY, 2), told=told.append) == 3
    assert told == ["The server does not answer. It was tried again 2 times."]
    again = "shop: The server does not answer. It is tried again."
    assert [record.getMessage() for record in caplog.records] == [again] * 2


def test_a_failure_that_stays_is_raised_and_says_how_often_it_was_tried(failing):
    told: list[str] = []
    with pytest.raises(SourceAway) as caught:
        retried(failing(AWAY, 100), told=told.append)
    assert str(caught.value) == (
        f"shop: The server does not answer. It was tried {ATTEMPTS} times. Start it."
    )
    assert told == ["The server does not answer. It was tried again 3 times."]


def test_a_failure_that_does_not_pass_is_raised_at_once(failing):
    told: list[str] = []
    action = failing(SourceError("The password is wrong."), 1)
    with pytest.raises(SourceError, match=r"^The password is wrong\.$"):
        retried(action, told=told.append)
    assert told == []
    assert action() == 2


def test_the_caller_may_say_which_failures_pass(failing):
    told: list[str] = []
    error = SourceError("The server is starting.")
    result = retried(failing(error, 1), told=told.append, is_passing=lambda e: "start" in e.what)
    assert (result, len(told)) == (2, 1)


def test_a_bug_is_not_hidden_by_another_attempt(failing):
    with pytest.raises(ZeroDivisionError):
        retried(failing(ZeroDivisionError(), 1), told=print)


LATE = SourceLate("There is no such file.", where="sales.csv", next_step="Correct the path.")


def test_what_is_late_is_an_error_at_once_unless_there_is_time(failing):
    told: list[str] = []
    with pytest.raises(SourceLate) as caught:
        retried(failing(LATE, 1), told=told.append)
    assert caught.value is LATE
    assert told == []


@pytest.mark.parametrize("error", [LATE, AWAY])
def test_with_time_it_is_tried_more_often(failing, error):
    told: list[str] = []
    assert retried(failing(error, 6), told=told.append, until=time.monotonic() + 60) == 7
    assert told == [f"{error.what} It was tried again 6 times."]


def test_pauses_grow_to_the_longest_and_end_in_time(failing, monkeypatch):
    now, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(retry, "time", clock)
    monkeypatch.setattr(retry, "FIRST_PAUSE", 1.0)
    monkeypatch.setattr(retry, "JITTER", 0.0)
    with pytest.raises(
        SourceLate, match=r"There is no such file\. It was tried 9 times in 100 s\."
    ):
        retried(failing(LATE, 99), told=print, until=100.0)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 9]


def test_with_time_a_mistake_is_still_an_error_at_once(failing):
    error = SourceError("wrong password")
    with pytest.raises(SourceError) as caught:
        retried(failing(error, 1), told=print, until=time.monotonic() + 60)
    assert caught.value is error
