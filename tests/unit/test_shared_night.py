"""Processes that share a night on a cluster ask one of them for workers, and for the night."""

import threading
from concurrent.futures import CancelledError
from multiprocessing import Pipe

import pytest

from data.errors import ClusterError
from tasks.cluster.shared import ASK_SECONDS, Host, Member, SharedNight
from tasks.cluster.slots import Slots, WorkerThere

THERE = {name: WorkerThere(1, frozenset({"torch"})) for name in ("a", "b")}
HOST = Host("night", "tcp://a:1", "tcp://a:1", "the Dask cluster at tcp://a:1", None)


@pytest.fixture
def asked():
    """The nights that members said have ended."""
    return []


@pytest.fixture
def joined(asked):
    """What makes a member of one night, and what ends it."""

    def host(ended):
        asked.append(ended)
        if ended == "away":
            raise ClusterError("it is away.", where="tcp://a:1", next_step="Start it.")
        return HOST

    night, served = SharedNight(host, Slots()), []

    def join():
        theirs, ours = Pipe()
        thread = threading.Thread(target=night.serve, args=(theirs,))
        thread.start()

        def end():
            ours.close()
            thread.join()

        served.append(end)
        return Member(ours), end

    yield join
    for end in served:
        end()


def test_a_worker_does_a_job_of_one_member_at_a_time(joined, monkeypatch):
    clock = 0.0
    monkeypatch.setattr("tasks.cluster.shared.time.monotonic", lambda: clock)
    (first, _), (second, _) = joined(), joined()
    assert {first.slots.take("torch", THERE), second.slots.take("torch", THERE)} == {"a", "b"}
    assert second.slots.take("torch", THERE) is None
    first.slots.give_back("torch", "a")
    assert second.slots.take("torch", THERE) is None  # it has just asked
    clock = ASK_SECONDS
    assert second.slots.take("torch", THERE) == "a"
    assert first.slots.take("torch", THERE, excluded=["b"]) is None
    second.slots.give_back("torch", "b")
    clock += ASK_SECONDS
    assert first.slots.take("torch", THERE, preferred=["b"]) == "b"


def test_what_a_member_has_taken_is_free_when_it_has_ended(joined):
    (killed, end), (other, _) = joined(), joined()
    assert {killed.slots.take("torch", THERE), killed.slots.take("torch", THERE)} == {"a", "b"}
    end()
    assert other.slots.take("torch", THERE)
    assert other.slots.take("torch", THERE)
    assert other.slots.take("torch", THERE) is None


def test_a_member_gets_the_night_of_the_host_or_the_reason_that_there_is_none(joined, asked):
    member, _ = joined()
    assert member.host() == HOST
    assert member.host("before") == HOST
    with pytest.raises(ClusterError) as refused:
        member.host("away")
    assert str(refused.value) == "tcp://a:1: it is away. Start it."
    assert asked == [None, "before", "away"]


def test_a_member_whose_host_has_ended_does_no_more(joined):
    theirs, ours = Pipe()
    member = Member(ours)
    theirs.close()
    with pytest.raises(CancelledError):
        member.slots.take("torch", THERE)
