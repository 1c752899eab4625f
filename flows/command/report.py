"""`nightfit report`: draw the report of a run, from the store alone."""

import webbrowser
from functools import partial
from pathlib import Path

import typer

from data.settings import settings
from data.store.session import Store
from flows.command.output_formats import new_file
from flows.command.session import talking


def run_report(dataset: str, run_id: int | None, out: Path | None, *, opened: bool) -> None:
    """Write the report of a run, by default of the latest one, and print where it is."""
    from tasks.report.facts import run_facts  # imports the numerics
    from tasks.report.write import report_of, write_index, write_report

    config = settings()
    store = Store(config.database_url)
    with talking():
        facts = store.read(partial(run_facts, dataset=dataset, run_id=run_id))
        if out is None:
            file = write_report(facts, home=config.home)
            store.read(partial(write_index, home=config.home))
        else:
            file = out
            with new_file(out) as stream:
                stream.write(report_of(facts, home=config.home))
    typer.echo(file)
    if opened:
        webbrowser.open(file.absolute().as_uri())
