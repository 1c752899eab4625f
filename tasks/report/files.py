"""Where the reports are: one file per run below `reports/` in the home, and an index of them."""

import re
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from data.declarations.file import is_name

INDEX = "index.html"

REPORT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}/[1-9][0-9]{0,18}\.html")
"""A report's path below the folder; nothing else is one, so no path can lead out of it."""


def reports_folder(home: Path) -> Path:
    """Return the folder of the reports."""
    return home / "reports"


def report_file(home: Path, dataset: str, run_id: int) -> Path:
    """Return the file of a run's report."""
    return reports_folder(home) / report_path(dataset, run_id)


def report_path(dataset: str, run_id: int) -> str:
    """Return a report's path below the folder of the reports, and below /reports/ on the server."""
    return f"{dataset_folder(dataset)}/{run_id}.html"


def report_address(page: str, dataset: str, run_id: int) -> str:
    """Return the address of a report on the server whose page has the address `page`."""
    return f"{page.rstrip('/')}/reports/{report_path(dataset, run_id)}"


def dataset_folder(dataset: str) -> str:
    """Return the name of a dataset's folder: its own name, which can name a file.

    A store that others have filled may have other names; those get a made one.
    """
    return dataset if is_name(dataset) else f"_{sha256(dataset.encode()).hexdigest()[:16]}"


def is_report_path(text: str) -> bool:
    """Return whether a path below the folder of the reports is that of a report or of the index."""
    return text == INDEX or REPORT.fullmatch(text) is not None


def runs_in(home: Path, dataset: str) -> list[int]:
    """Return the runs of a dataset whose reports are in the home."""
    folder = reports_folder(home) / dataset_folder(dataset)
    return [int(file.stem) for file in folder.glob("*.html") if file.stem.isdecimal()]


def report_paths(home: Path) -> set[str]:
    """Return the paths of all reports in the home, below their folder."""
    folder = reports_folder(home)
    found = (file.relative_to(folder).as_posix() for file in folder.glob("*/*.html"))
    return {path for path in found if is_report_path(path)}


def remove_old_reports(home: Path, dataset: str, *, keep_runs: int) -> None:
    """Remove the reports of a dataset but those of its latest runs; each can be drawn again."""
    for run_id in sorted(runs_in(home, dataset), reverse=True)[keep_runs:]:
        with suppress(OSError):  # it takes room, and the next night tries again
            report_file(home, dataset, run_id).unlink()
