"""Every attempt leaves a trace, even if its source cannot be read; a wrong call leaves none."""

import numpy as np
import pytest
from sqlalchemy import select

from data.declarations.model import Declaration
from data.errors import Busy, CallError, HomeError, RunFailed, SourceError
from data.store.session import Store
from data.store.tables import run
from tasks.run.row_files import RowFiles
from tasks.store import new_attempt, store_failure

SHOP = Declaration.model_validate(
    {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y"}
)
GONE = SourceError("There is no such file.", where="/rows.csv")


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


def attempt(store, tmp_path, error, *, dry_run=False):
    """Make an attempt that ends in an error before its source was read."""
    with new_attempt(SHOP, store, home=tmp_path, as_of=None, dry_run=dry_run):
        raise error


def traces(store):
    with store.reading() as connection:
        statement = select(run.c.dataset, run.c.status, run.c.reason, run.c.rows_read)
        return [tuple(row) for row in connection.execute(statement)]


def test_each_night_without_a_source_is_a_failed_run_with_its_reason(store, tmp_path):
    for _ in range(2):
        with pytest.raises(RunFailed, match=r"shop failed: /rows.csv: There is no such file."):
            attempt(store, tmp_path, GONE)
    assert traces(store) == [("shop", "failed", "/rows.csv: There is no such file.", None)] * 2


def test_a_bug_before_the_source_was_read_leaves_a_trace_and_its_traceback(store, tmp_path):
    with pytest.raises(ZeroDivisionError):
        attempt(store, tmp_path, ZeroDivisionError("a bug"))
    assert traces(store) == [("shop", "failed", "ZeroDivisionError: a bug", None)]


def test_the_files_of_a_run_that_failed_are_gone_before_the_next_dataset(store, tmp_path):
    folders = []

    def step():
        files = RowFiles()
        rows = files.stored(np.ones(10))
        folders.append(files.folder)
        raise HomeError(f"No room for {len(rows)} more.", where="/home", next_step="Make room.")

    with (
        pytest.raises(RunFailed) as caught,
        new_attempt(SHOP, store, home=tmp_path, as_of=None, dry_run=False),
    ):
        step()
    assert isinstance(caught.value.__cause__, HomeError)  # which has the frames of its steps
    assert not folders[0].exists()


@pytest.mark.parametrize("error", [CallError("no row is that old"), Busy("another run")])
def test_a_wrong_call_and_a_busy_dataset_leave_no_trace(store, tmp_path, error):
    with pytest.raises(type(error)):
        attempt(store, tmp_path, error)
    assert traces(store) == []


def test_a_dry_run_leaves_no_trace(store, tmp_path):
    with pytest.raises(RunFailed):
        attempt(store, tmp_path, GONE, dry_run=True)
    assert traces(store) == []


def test_a_night_whose_declaration_is_wrong_is_a_failed_run(store):
    store_failure("shop", CallError("'tagret' is not a key.", where="shop.yaml, line 3"), store)
    assert traces(store) == [("shop", "failed", "shop.yaml, line 3: 'tagret' is not a key.", None)]
