"""Writing reports into the home: a run's page, and the index over all of them."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from data.errors import HomeError
from data.sources.whole_file import write_whole
from tasks.report.charts import charts
from tasks.report.facts import RunFacts
from tasks.report.files import (
    INDEX,
    report_file,
    report_paths,
    reports_folder,
    runs_in,
)
from tasks.report.index import index_page
from tasks.report.page import report_page
from tasks.report.script import VegaScript, vega_script
from tasks.report.vega import CannotDraw

LOG = logging.getLogger("nightfit")


def report_of(facts: RunFacts, *, home: Path) -> str:
    """Return the report of a run, with links to the reports in the home.

    A skipped run has no charts: they would be those of the run before, to which its page leads.
    """
    drawn = () if facts.run.status == "skipped" else charts(facts)
    script = page_script(home) if drawn else None
    return report_page(facts, drawn, script=script, others=runs_in(home, facts.dataset))


def write_report(facts: RunFacts, *, home: Path) -> Path:
    """Write the report of a run into the home, and return its file. Raises HomeError."""
    file = report_file(home, facts.dataset, facts.run_id)
    _write(file, report_of(facts, home=home))
    return file


def write_index(connection: Connection, *, home: Path) -> Path:
    """Write the index over all datasets and runs, and return its file. Raises HomeError."""
    file = reports_folder(home) / INDEX
    _write(file, index_page(connection, report_paths(home), now=datetime.now(UTC)))
    return file


def page_script(home: Path) -> VegaScript | None:
    """Return the script of a page with charts; None, with a warning, where none can be made."""
    try:
        return vega_script(reports_folder(home))
    except CannotDraw as error:
        LOG.warning("Reports are written without their script: %s", error)
        return None


def _write(file: Path, text: str) -> None:
    content = text.encode("utf-8", "replace")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda handle: handle.write(content))
    except OSError as error:
        raise HomeError(
            f"the report cannot be written ({error.strerror}).",
            where=str(file),
            next_step="Make the folder writable, or make room there.",
        ) from None
