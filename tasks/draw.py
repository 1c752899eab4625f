"""Draw the report of a run into the home."""

from pathlib import Path

from data.errors import UserError
from data.store.session import Store
from tasks.report.facts import run_facts
from tasks.report.write import write_index, write_report
from tasks.run import progress
from tasks.run.attempt import Attempt
from tasks.run.step import step


def draw(run: Attempt, store: Store, *, home: Path) -> None:
    """Draw the report of an attempt that was stored."""
    if run.run_id is not None:
        draw_run(run.declaration.name, run.run_id, store, home=home)


@step(run_name="draw")
def draw_run(dataset: str, run_id: int, store: Store, *, home: Path) -> None:
    """Write the report of a stored run, and the index. A failure is told, and harms no run."""
    try:
        facts = store.read(lambda connection: run_facts(connection, dataset, run_id))
        write_report(facts, home=home)
        store.read(lambda connection: write_index(connection, home=home))
    except UserError as error:
        progress.log(dataset, f"the report was not written: {error}", warning=True)
    except Exception:  # noqa: BLE001 - the run itself is stored
        progress.LOG.exception("%s: the report was not written because of a bug", dataset)
