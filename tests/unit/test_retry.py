"""What fails in a passing way is attempted again, and the reader is told."""

import pytest

from data.connections import retry
from data.connections.retry import ATTEMPTS, retried
from data.errors import SourceAway, SourceError


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
    assert told == ["The server does not answer. It was tried again."] * 2
    assert [r.getMessage() for r in caplog.records] == [f"shop: {told[0]}"] * 2


def test_a_failure_that_stays_is_raised_and_says_how_often_it_was_tried(failing):
    told: list[str] = []
    with pytest.raises(SourceAway) as caught:
        retried(failing(AWAY, 100), told=told.append)
    assert str(caught.value) == (
        f"shop: The server does not answer. It was tried {ATTEMPTS} times. Start it."
    )
    assert len(told) == ATTEMPTS - 1


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
