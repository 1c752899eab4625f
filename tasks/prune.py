"""Remove old data that nothing needs any more."""

from pathlib import Path

from data.errors import Busy
from data.store.retention import remove_old_data
from data.store.session import Store
from tasks.report.files import remove_old_reports
from tasks.run import progress
from tasks.run.step import step


@step()
def prune(dataset: str, store: Store, *, home: Path, keep_runs: int) -> None:
    """Remove old data of a dataset, unless another run of it is in progress, which prunes later."""
    try:
        removed = remove_old_data(
            store, dataset, home=home, keep_runs=keep_runs, wait=False, on_wait=lambda: None
        )
    except Busy:
        return
    if str(removed) != "nothing":
        progress.log(dataset, f"pruned {removed}")
    remove_old_reports(home, dataset, keep_runs=keep_runs)
