"""Which runs of a night are done at the same time, and how many."""

from types import SimpleNamespace

import psutil
import pytest

from flows.dataset_run import Asked
from flows.side_by_side import PROCESS_BYTES, _next, at_a_time

NIGHTS = [
    Asked(dataset, night, force=False, wait=True)
    for night in ("2024-01-01", "2024-01-02")
    for dataset in ("a", "b")
]


@pytest.mark.parametrize(
    ("waiting", "at_work", "place"),
    [
        ([0, 1, 2, 3], [], 0),
        ([1, 2, 3], [0], 1),
        ([2, 3], [0, 1], None),  # the second nights of both wait for the first ones
        ([2, 3], [0], 3),
        ([], [3], None),
    ],
)
def test_the_next_run_is_of_a_dataset_that_has_none_in_progress(waiting, at_work, place):
    busy = [SimpleNamespace(place=place) for place in at_work]
    assert _next(waiting, NIGHTS, busy) == place


@pytest.mark.parametrize(
    ("datasets", "cores", "gibibytes", "processes"),
    [(1, 8, 64, 1), (6, 8, 64, 6), (20, 8, 64, 8), (20, 8, 3.9, 3), (20, 8, 0.5, 1), (6, 1, 64, 1)],
)
def test_there_are_as_many_processes_as_cores_and_gibibytes_of_free_memory(
    monkeypatch, datasets, cores, gibibytes, processes
):
    memory = SimpleNamespace(available=int(gibibytes * PROCESS_BYTES))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr("flows.side_by_side.cores", lambda: cores)
    assert at_a_time(datasets) == processes
