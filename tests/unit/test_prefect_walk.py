"""Prefect walks through the arguments of every task, except for our large ones."""

import pytest
from prefect.utilities.collections import visit_collection

from tasks.run.prepared import Prepared
from tasks.run.rows import SnapshotRows
from tasks.run.workers import FrameworkWorkers


@pytest.mark.parametrize("kind", [Prepared, SnapshotRows, FrameworkWorkers])
def test_prefect_does_not_walk_through_what_every_task_is_given(kind):
    value = kind.__new__(kind)
    value.rows_of_a_million = [[0]]
    visited: list[object] = []
    visit_collection(value, visited.append)
    assert visited == [value]
