"""Run flows from a terminal: quiet Prefect, progress while it works, a summary at the end."""

import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from data.declarations.file import declared_datasets, load_dataset
from data.errors import NightFailed, UserError
from data.settings import settings
from data.store.database.lock import dataset_lock
from data.store.session import Store
from flows.command.backfill import days_between, with_time
from flows.command.printable import printable
from flows.command.process_keeper import keep_family

if TYPE_CHECKING:
    from tasks.run.summary import Summary

STATUS_STYLE = {"skipped": "dim"}
VERDICT_STYLE = {"yay": "green", "nay": "red", "undecided": "yellow"}


def quiet_prefect() -> None:
    """Set what Prefect reads when it is imported; what the user has set stays."""
    defaults = {
        "PREFECT_HOME": str(settings().home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",  # its server's database complains at its end
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def run_nightly(
    datasets: list[str] | None,
    *,
    force: bool,
    wait: bool,
    nights: tuple[str | None, str | None],
    as_json: bool,
) -> int:
    """Run the nightly flow, tonight or for each night of a range; return the exit code."""
    names = datasets or list(declared_datasets(settings().datasets))
    for name in datasets or []:
        load_dataset(name, settings().datasets)  # a wrong call ends before any work
    if not names:
        folder = settings().datasets
        raise UserError(
            "no dataset is declared.",
            where=str(folder),
            next_step="Put one YAML file a dataset there.",
        )
    past = days_between(*nights)
    if past:
        names = with_time(names, asked=bool(datasets))
    with working():
        from flows.nightly import nightly

        try:
            summaries: Sequence[Summary] = nightly(
                names, force=force, as_of=past or None, wait=wait
            )
            code = 0
        except NightFailed as failure:
            summaries, code = failure.summaries, failure.exit_code
    _print_summaries(summaries, as_json=as_json)
    return code


def run_retrain(
    dataset: str, *, dry_run: bool, force: bool, as_of: str | None, wait: bool, as_json: bool
) -> int:
    """Run the retrain flow for one dataset; return the exit code."""
    declaration = load_dataset(dataset, settings().datasets)
    if as_of is not None:
        from data.sources.as_of import must_be_readable, must_have_time

        must_have_time(declaration)  # a wrong call ends before any work
        must_be_readable(as_of)
    if not wait:
        _must_be_free(dataset)
    with working():
        from flows.retrain import retrain

        summary = retrain(dataset, dry_run=dry_run, force=force, as_of=as_of, wait=wait)
    _print_summaries([summary], as_json=as_json)
    return 0


def _must_be_free(dataset: str) -> None:
    """Raise Busy where another night of a dataset is under way; the night itself looks again."""
    with dataset_lock(settings().database_url, dataset, wait=False):
        return


class Screen(Console):
    """A console that shows texts of others as they are: no markup, no commands to the terminal."""

    def __init__(self, file: TextIO | None = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a text in printable signs; what is broken into lines has its width from here."""
        return super().render_str(printable(text), **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Give the parts of what is shown in printable signs, but for Rich's own commands."""
        for part in super().render(renderable, options):
            yield part if part.control else part._replace(text=printable(part.text))


class _Lines(logging.Handler):
    """Prints each thing that happened, with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._start = time.monotonic()
        self.status: Status | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        seconds = time.monotonic() - self._start
        message = record.getMessage()
        style = "yellow" if record.levelno >= logging.WARNING else ""
        self._console.print(
            Text.assemble((f"{seconds:6.1f} s  ", "dim"), (message, style)), soft_wrap=True
        )
        if self.status is not None:
            self.status.update(Text(f"{message} …"))


@contextmanager
def working() -> Iterator[None]:
    """Show progress on standard error; SIGTERM ends as Ctrl-C does, so no worker outlives us."""
    quiet_prefect()
    make_folder(settings().home)
    Store(settings().database_url).ensure_ready()  # report a broken store before any work
    keep_family()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with talking("starting Prefect …"), _no_heartbeat():
        yield


@contextmanager
def talking(first: str | None = None) -> Iterator[None]:
    """Show what is told on standard error; on a terminal a moving line, `first` at first."""
    log = logging.getLogger("nightfit")
    if log.handlers:  # by whom we were called
        yield
        return
    console = Screen(stderr=True)
    handler = _Lines(console)
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    moving = first is not None and console.is_terminal
    showing = console.status(first) if first and moving else nullcontext()
    try:
        with showing as handler.status:
            yield
    finally:
        log.removeHandler(handler)


@contextmanager
def _no_heartbeat() -> Iterator[None]:
    """Save the second that each flow run waits for its heartbeat to end, unless the user set one.

    It tells a server of runs that died, where the user has an automation for that.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings(set_defaults={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def make_folder(folder: Path) -> None:
    """Make a folder of ours, or say why that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise UserError(
            f"the folder cannot be written to ({error.strerror}).",
            where=str(folder),
            next_step="Give it to this user, or name another with NIGHTFIT_HOME.",
        ) from None


def _print_summaries(summaries: "Sequence[Summary]", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(summary) for summary in summaries], indent=2))  # noqa: T201
        return
    console = Screen()
    for summary in summaries:
        console.print()
        night = f", night of {summary.as_of}" if summary.as_of else ""
        console.print(Text(summary.dataset + night, style="bold"))
        for label, text in _facts(summary):
            console.print(Text.assemble((f"  {label:<9}", "dim"), text), soft_wrap=True)
    console.print()
    where = Store(settings().database_url).display_url
    console.print(Text.assemble(("results in ", "dim"), where), soft_wrap=True)
    console.print(
        Text.assemble(("to see     ", "dim"), "nightfit query leaderboard, nightfit query champion")
    )


def _facts(summary: "Summary") -> Iterator[tuple[str, Text]]:
    if summary.status == "succeeded":
        yield "rows", Text(f"{summary.rows_read:,} read, {summary.rows_rejected:,} rejected")
        change = summary.change if summary.run_id else f"it would be: {summary.change}"
        yield "champion", Text(f"{summary.champion} ({change})")
        if summary.rmse is not None:
            yield "error", Text(_error(summary))
        yield (
            "ANN",
            Text.assemble(
                (f"{summary.verdict}", VERDICT_STYLE[summary.verdict or "undecided"]),
                f": {summary.verdict_reason}",
            ),
        )
        if summary.agreement:
            yield "agree", Text(summary.agreement)
        yield "decided", Text(summary.decision or "")
        if summary.sight:
            yield "gate", Text(summary.sight)
        yield "run", Text(str(summary.run_id) if summary.run_id else "not stored (dry run)")
    else:
        yield "status", Text(summary.status, style=STATUS_STYLE.get(summary.status, "red"))
    for remark in summary.remarks:
        yield "note", Text(remark, style="yellow" if summary.status != "skipped" else "")


def _error(summary: "Summary") -> str:
    interval = (
        f" (95% interval {summary.rmse_low:.4g} to {summary.rmse_high:.4g})"
        if summary.rmse_low is not None
        else ""
    )
    r2 = f", R2 {summary.r2:.3f}" if summary.r2 is not None else ""
    return f"test RMSE {summary.rmse:.4g} {summary.target}{interval}{r2}"
