"""What Prefect does with arguments and results: it skips our large ones, and keeps nothing."""

import importlib
import sys
from pathlib import Path

import pytest
from prefect import Flow, Task
from prefect.utilities.collections import visit_collection

from tasks.run.prepared import Prepared
from tasks.run.rows import SnapshotRows
from tasks.run.step import Step
from tasks.run.workers import FrameworkWorkers

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", [Prepared, SnapshotRows, FrameworkWorkers])
def test_prefect_does_not_walk_through_what_every_task_is_given(kind):
    value = kind.__new__(kind)
    value.rows_of_a_million = [[0]]
    visited: list[object] = []
    visit_collection(value, visited.append)
    assert visited == [value]


def test_prefect_keeps_no_result_of_a_flow_or_a_task_whatever_its_settings_are():
    names = [f"tasks.{path.stem}" for path in (ROOT / "tasks").glob("*.py")]
    for name in ("flows.nightly", "flows.verify", *names):
        importlib.import_module(name)
    kept = [
        (name, value.name)
        for name, module in sys.modules.items()
        if name.startswith(("flows.", "tasks."))
        for found in vars(module).values()
        for value in [found.task if isinstance(found, Step) else found]
        if isinstance(value, (Flow, Task)) and value.persist_result is not False
    ]
    assert kept == []
