"""The artifacts of runs on Prefect's page: summary, leaderboard, progress, table of a night.

Their keys stay the same from night to night, so that the page shows their history.
"""

import re
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from functools import partial
from hashlib import sha256
from typing import Any

from prefect import runtime
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.futures import PrefectFuture

from data.errors import UserError
from data.settings import Settings
from data.store.session import Store
from flows.page.sending import has_page, sent_to_page
from flows.page.states import error_of, run_message, summaries_of
from tasks.report.answer import Tile, answer, changes, tiles
from tasks.report.chart import LIGHT, themed
from tasks.report.charts.history import history
from tasks.report.charts.leaderboard import leaderboard
from tasks.report.charts.predicted import predicted
from tasks.report.charts.scatter import scatter
from tasks.report.facts import RunFacts, run_facts
from tasks.report.files import report_address, report_file
from tasks.report.vega import CannotDraw, compact, images
from tasks.run import progress
from tasks.run.step import CANCELLED
from tasks.run.summary import Summary

NIGHT_KEY = "nightfit-night"

PLOT_WIDTH = 640
"""Pixels; the page has room for a little more."""

UPDATE_SECONDS = 2.0
"""How far the fits are is sent no more often than this."""

MAX_EXAMPLES = 5
"""Failed rows that a summary shows of each check."""


def key_of(dataset: str, what: str) -> str:
    """Return the key of an artifact, which may have lower-case letters, digits and dashes alone.

    Different datasets have different keys, also where their names differ only in other characters.
    """
    folded = re.sub(r"[^a-z0-9]+", "-", dataset.lower()).strip("-")
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", dataset):
        folded = f"{folded}-{sha256(dataset.encode()).hexdigest()[:8]}".strip("-")
    return f"{folded}-{what}"


def show_run(dataset: str, ended: Summary | UserError, config: Settings) -> None:
    """Show what became of a run: its summary and, if anything was fitted, its leaderboard."""
    if not has_page():
        return
    text, table = _without_facts(dataset, ended), []
    try:
        facts = _facts(dataset, config)
        if facts is not None:
            text, table = summary_of(facts, config), leaderboard_of(facts)
    except Exception:  # noqa: BLE001 - the run itself is stored
        progress.LOG.exception("%s: Prefect's page has no summary because of a bug", dataset)
    _create("markdown", key_of(dataset, "summary"), text, f"What became of {dataset}")
    if table:
        _create("table", key_of(dataset, "leaderboard"), table, f"The candidates for {dataset}")


def show_night(ended: Sequence[Summary] | UserError) -> None:
    """Show a table of all datasets of a night."""
    rows = [_night_row(each) for each in summaries_of(ended)]
    if rows:
        _create("table", NIGHT_KEY, rows, "All datasets of this night")


class FitProgress:
    """Shows how many of a run's fits have ended, and on which cluster they are done, if on one."""

    def __init__(self, dataset: str, fits: int, cluster: str | None = None) -> None:
        self._dataset, self._fits, self._ended = dataset, fits, 0
        self._lock, self._sent_at = threading.Lock(), time.monotonic()
        self._context = copy_context()  # of the run, which a thread that calls `count` has left
        key, text = (
            key_of(dataset, "progress"),
            f"Fits of {dataset}" + (f" on {cluster}" if cluster else ""),
        )
        self._id = _create("progress", key, 0.0, text)

    def count(self, fit: PrefectFuture[Any]) -> None:
        """Count one more fit as ended, unless its run was cancelled."""
        fit.wait()  # it has ended; otherwise its state would be asked of the server
        if fit.state.name == CANCELLED:
            return
        with self._lock:
            self._ended += 1
            share, now = self._ended / max(self._fits, 1), time.monotonic()
            if self._id is None or (share < 1 and now < self._sent_at + UPDATE_SECONDS):
                return
            self._sent_at, artifact = now, self._id
        update = ArtifactUpdate(data=100 * share)
        send = partial(sent_to_page, lambda client: client.update_artifact(artifact, update))
        self._context.copy().run(send)


def summary_of(facts: RunFacts, config: Settings) -> str:
    """Return the summary of a run, as Markdown."""
    said = answer(facts)
    parts = [f"## {_plain(facts.dataset)}, run {facts.run_id}", f"**{_plain(said.heading)}**"]
    parts += map(_plain, said.paragraphs)
    parts += _listed(_figure(tile) for tile in tiles(facts))
    parts += _section("Since the last good run", changes(facts))
    parts += _section("Checks that failed", _failed_checks(facts))
    parts += _section("Notes", facts.run.warnings)
    parts += plots(facts)
    if report_file(config.home, facts.dataset, facts.run_id).is_file():
        parts.append(_report_link(facts, config.page_url))
    return "\n\n".join(parts) + "\n"


def leaderboard_of(facts: RunFacts) -> list[dict[str, Any]]:
    """Return the leaderboard of a run as the rows of a table."""
    return [
        dict(zip(chart.columns, row, strict=True))
        for chart in leaderboard(facts)
        for row in chart.rows
    ]


def plots(facts: RunFacts) -> Iterator[str]:
    """Yield the plots of a run as images in Markdown; a page would show others as their source."""
    if facts.run.status == "skipped":
        return
    drawn = [chart for make in (scatter, predicted, history) for chart in make(facts)]
    try:
        made = images([themed(chart.spec, LIGHT, width=PLOT_WIDTH) for chart in drawn])
    except CannotDraw as error:
        progress.log(facts.dataset, f"Prefect's page has no plots: {error}", warning=True)
        return
    for chart, image in zip(drawn, made, strict=True):
        if isinstance(image, str):
            source = b64encode(compact(image).encode()).decode()
            yield f"### {_plain(chart.title)}"
            yield f"![{_plain(chart.description)}](data:image/svg+xml;base64,{source})"


def _report_link(facts: RunFacts, page_url: str | None) -> str:
    """Return where the report of a run is: on the page of `nightfit serve`, if that runs it."""
    command = f"`nightfit report {facts.dataset} --run {facts.run_id}` draws it"
    if page_url is None:
        return f"The whole report: {command}."
    address = report_address(page_url, facts.dataset, facts.run_id)
    return f"[The whole report]({address}), behind the same login. {command} anywhere."


def _facts(dataset: str, config: Settings) -> RunFacts | None:
    """Return the facts of the run at hand, None if it was not stored."""
    store = Store(config.database_url)
    try:
        facts = store.read(lambda connection: run_facts(connection, dataset))
    except UserError:
        return None
    return facts if facts.run.flow_run_id == runtime.flow_run.id else None


def _without_facts(dataset: str, ended: Summary | UserError) -> str:
    message = str(ended) if isinstance(ended, UserError) else run_message(ended)
    note = "Nothing of this run is stored."
    return f"## {_plain(dataset)}\n\n{_plain(message)}\n\n{note}\n"


def _failed_checks(facts: RunFacts) -> Iterator[str]:
    for rule in facts.rules:
        if rule.success:
            continue
        rows = f", {rule.unexpected_count:,} rows" if rule.unexpected_count else ""
        of_column = f" of {rule.column}" if rule.column else ""
        examples = ", ".join(str(each.get("row")) for each in rule.examples[:MAX_EXAMPLES])
        first = f", such as row {examples}" if examples else ""
        yield f"{rule.expectation}{of_column} ({rule.severity}){rows}{first}"


def _night_row(run: Summary) -> dict[str, Any]:
    row = {
        "dataset": run.dataset,
        "status": run.status,
        "champion": run.champion or "–",
        "change": run.change or "–",
        "test RMSE": error_of(run) or "–",
        "ANN": run.verdict or "–",
        "note": " ".join(filter(None, (*run.remarks, run.undelivered))),
    }
    return {"dataset": row.pop("dataset"), "night": run.as_of, **row} if run.as_of else row


def _figure(tile: Tile) -> str:
    joint = " " if tile.more.startswith("of ") else ", "
    return f"{tile.label}: {tile.figure}{joint}{tile.more}".rstrip(", ")


def _section(title: str, sentences: Any) -> list[str]:
    listed = _listed(sentences)
    return [f"### {title}", *listed] if listed else []


def _listed(sentences: Any) -> list[str]:
    text = "\n".join(f"- {_plain(sentence)}" for sentence in sentences)
    return [text] if text else []


def _plain(text: str) -> str:
    """Return a text of which Markdown changes nothing, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", " ".join(text.split()))


def _create(kind: str, key: str, content: Any, description: str) -> Any:
    """Make an artifact of the run at hand; return its id, None if it could not be made."""
    artifact = ArtifactCreate(
        type=kind,
        key=key,
        data=content,
        description=description,
        flow_run_id=runtime.flow_run.id,
    )
    made = sent_to_page(lambda client: client.create_artifact(artifact))
    return None if made is None else made.id
