"""Which worker of a cluster does a job, and which ones may take part."""

import pytest

from data.errors import ClusterError
from tasks.cluster.connection import require_none
from tasks.cluster.silence import Silence
from tasks.cluster.slots import Slots, WorkerThere
from tasks.cluster.versions import OWN_CODE, differences, versions

BOTH = frozenset({"torch", "theano"})
THERE = {"a": WorkerThere(1, BOTH), "b": WorkerThere(2, frozenset({"torch"}))}


def test_a_worker_does_one_job_per_framework_and_no_more_than_it_has_threads():
    slots = Slots()
    assert slots.take("torch", THERE) == "b"  # it has more threads
    assert slots.take("torch", THERE) == "a"
    assert slots.take("torch", THERE) is None
    assert slots.take("theano", THERE) is None  # the one thread of `a` is taken
    slots.give_back("torch", "a")
    assert slots.take("theano", THERE) == "a"


def test_a_preferred_worker_is_taken_if_it_is_free_and_an_excluded_one_never():
    slots = Slots()
    assert slots.take("torch", THERE, preferred=["gone", "a"]) == "a"
    assert slots.take("torch", THERE, preferred=["a"]) == "b"
    assert Slots().take("theano", THERE, excluded=["a"]) is None


def test_a_worker_is_silent_if_its_last_sign_stays_the_same_while_the_scheduler_hears_of_others(
    monkeypatch,
):
    clock = 0.0
    monkeypatch.setattr("tasks.cluster.silence.time.monotonic", lambda: clock)
    silence = Silence()
    for clock in (0.0, 100.0, 200.0):
        assert silence.of({"heard": clock, "frozen": 7.0}, 120.0) == (
            {"frozen"} if clock == 200 else set()
        )
    silence.begin_again()
    assert silence.of({"heard": 200.0, "frozen": 7.0}, 120.0) == set()
    clock = 300.0
    assert silence.of({"heard": 300.0, "frozen": 8.0}, 120.0) == set()


def test_a_framework_that_a_worker_lacks_is_no_difference_but_another_version_is():
    here = {"Python": "3.11.7", "torch": "2.13", "numpy": "2.4.6", OWN_CODE: "abc"}
    assert differences(here, {**here}) == ()
    assert differences(here, {k: v for k, v in here.items() if k != "torch"}) == ()
    assert differences(here, {**here, "torch": "2.12", OWN_CODE: "def"}) == (
        "torch 2.12 and not 2.13",
        f"{OWN_CODE} def and not abc",
    )
    assert differences(here, {"Python": "3.11.7", "torch": "2.13", OWN_CODE: "abc"}) == (
        "numpy not at all and not 2.4.6",
    )


def test_what_is_compared_is_what_digits_depend_on():
    assert {
        "Python",
        "nightfit",
        "numpy",
        "pyarrow",
        "dask",
        "distributed",
        OWN_CODE,
    } <= versions().keys()


def test_a_difference_is_one_sentence_that_says_what_differs_and_where():
    require_none({"tcp://a:1": ()}, "tcp://scheduler:8786")
    with pytest.raises(ClusterError) as refused:
        require_none(
            {"tcp://a:1": (), "tcp://b:1": ("numpy 2.4.5 and not 2.4.6",), "tcp://c:1": ("x",)},
            "tcp://scheduler:8786",
        )
    assert str(refused.value) == (
        "tcp://scheduler:8786: tcp://b:1 has numpy 2.4.5 and not 2.4.6, and 1 more differ, too: it"
        " would not compute the same digits. Install the same versions everywhere, and start its"
        " workers again."
    )
