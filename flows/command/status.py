"""`nightfit status`: how each dataset is doing."""

import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from data.connections.table_name import TableName
from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError
from data.run_notes import RunNote
from data.settings import settings
from data.store.check.record import LastCheck, last_check
from data.store.read.alarms import BAD, unsent_messages
from data.store.read.champions import champion_model
from data.store.read.datasets import DatasetStatus, dataset_statuses, results_tables
from data.store.read.segments import pinned_segments, served_segments
from data.store.session import Store
from data.store.write.delivery import undelivered
from flows.command.printable import printable
from flows.command.screen import Screen, print_json
from tasks.run.killed import in_words, killed_for

MIN_WIDTH = 40
"""Problems are wrapped to the width of the screen, but to no less."""

KILLED = "killed"

STYLE = {"succeeded": "green", "skipped": "dim", "never run": "yellow"}


def run_status(*, as_json: bool, older: timedelta | None = None) -> int:
    """Print how each dataset is doing; return 1 if the last run of any ended badly.

    It failed, or was rejected, or was killed, which only its home knows, until the next one.

    A declaration with mistakes, with which the next run would fail, counts as well, and so do a
    champion that is damaged in the database, results that have not reached their output, alarms
    that have not reached their recipient, and anything else that the last check of the database
    found wrong. A declared dataset whose last good night is older than `older` counts, too; without
    it, one that is older than the setting is shown as a problem. A dataset that is declared no more
    does not count for how its last run ended.
    """
    config = settings()
    with Store(config.database_url).reading() as connection:
        stored = {status.dataset: status for status in dataset_statuses(connection)}
        damage = {n: what for n in stored if (what := _damage(connection, n)) is not None}
        checked = last_check(connection)
        pending = {each.dataset: each for each in undelivered(connection)}
        tables = results_tables(connection)
        segments, pinned = served_segments(connection), pinned_segments(connection)
        unsent = unsent_messages(connection) if config.notify else ()
    declared = declared_datasets(config.datasets)
    mistakes = {name: mistake for name in declared if (mistake := _mistake(name, config.datasets))}
    gone = {name: _gone(tables.get(name)) for name in stored if name not in declared}
    names = sorted({*declared, *stored})
    late = {name: str(pending[name]) for name in declared if name in pending}
    limit = older or timedelta(hours=config.good_night_within)
    now = datetime.now(UTC)
    aged = {name: age for name in declared if (age := _aged(stored.get(name), limit, now))}
    kinds = (damage, mistakes, late, gone)
    lines = [_line(name, stored.get(name), kinds, aged.get(name), now) for name in names]
    notes = killed_for(config.home, Store(config.database_url).display_url).values()
    for note in notes:
        _note_killed(note, lines, stored)
    for line in lines:
        line["segments"] = segments.get(line["dataset"])
        if of_people := pinned.get(line["dataset"]):
            line["segments_pinned"] = of_people.pinned
            line["segments_waiting"] = of_people.waiting
    if as_json:
        print_json(lines, default=datetime.isoformat)
    else:
        _print(lines)
    wrong = checked.wrong if checked is not None else ()
    if checked is not None and wrong:
        _print_check(checked)
    alarms = [*_mistake_of_notify(config.notify), *(_unsent(*each) for each in unsent)]
    nights = [_killed_night(note) for note in notes if note.flow == "nightly"]
    for sentence in (*nights, *alarms):
        Screen(stderr=True).print(sentence, soft_wrap=True)
    too_old = older is not None and any(
        name in aged or name not in stored or stored[name].good_night_at is None
        for name in declared
    )
    bad = mistakes or damage or wrong or late or nights or alarms or too_old
    ran_badly = any(
        line["last_run"] in (*BAD, KILLED) for line in lines if line["dataset"] not in gone
    )
    return 1 if bad or ran_badly else 0


def _gone(table: TableName | None) -> str:
    """Return what there still is of a dataset that is declared no more."""
    left = f" Its results stay in the table {table} until you drop it." if table else ""
    return f"It is declared no more, so no night runs it.{left}"


def _aged(status: DatasetStatus | None, limit: timedelta, now: datetime) -> str | None:
    """Return in words that the last good night of a dataset is too long ago, None if it is not."""
    if status is None or status.good_night_at is None or now - status.good_night_at <= limit:
        return None
    return f"The last good night was {_ago(now - status.good_night_at)} ago."


def _ago(age: timedelta) -> str:
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if age >= 3 * length:
            return f"{round(age / length):,} {unit}"
    return f"{round(age / timedelta(minutes=1))} minutes"


def _mistake_of_notify(notify: str | None) -> list[str]:
    """Return what is wrong with the setting that names the recipients of alarms."""
    if not notify:
        return []
    from tasks.alarms.recipients import recipients_of  # whose library is as slow as a query

    try:
        recipients_of(notify)
    except CallError as error:
        return [f"No alarm can be sent: {error}"]
    return []


def _unsent(recipient: str, since: datetime, reason: str) -> str:
    return (
        f"Alarms since {since:%Y-%m-%d %H:%M} UTC have not reached {recipient}: {reason}. They are"
        " tried again; 'nightfit notify test' tries at once."
    )


def _mistake(name: str, folder: Path) -> str | None:
    """Return what is wrong with a declaration, None if nothing is."""
    try:
        load_dataset(name, folder)
    except CallError as error:
        return str(error)
    return None


def _print_check(checked: LastCheck) -> None:
    """Print what the last check of the database found wrong, apart from the table's lines."""
    screen = Screen(stderr=True)
    screen.print(
        f"The check of the database on {checked.checked_at:%Y-%m-%d %H:%M} UTC found"
        f" {len(checked.wrong):,} wrong; after mending, run 'nightfit db check':",
        soft_wrap=True,
    )
    for finding in checked.wrong:
        screen.print(f"  {finding}", soft_wrap=True)


def _damage(connection: Connection, dataset: str) -> str | None:
    """Return what is damaged of a dataset's champion, None if nothing is."""
    champion = champion_model(connection, dataset)
    if champion is None or champion.damage is None:
        return None
    damage = champion.damage
    return f"{champion.name_and_run} is damaged in the database: {damage.what}. {damage.next_step}"


def _line(
    name: str,
    status: DatasetStatus | None,
    problems: Sequence[Mapping[str, str]],
    aged: str | None,
    now: datetime,
) -> dict[str, Any]:
    texts = [found[name] for found in problems if name in found]
    if status is None:
        return {
            "dataset": name,
            "last_run": "never run",
            "last_good": None,
            "champion": None,
            "wrong": " ".join(texts) or f"run 'nightfit retrain {name}'",
            "last_good_night": None,
            "hours_since_good_night": None,
        }
    if not texts:
        texts = [status.reason or ""] if status.status in BAD else list(status.warnings)
    night = status.good_night_at
    return {
        "dataset": name,
        "last_run": status.status,
        "last_good": status.last_succeeded_at,
        "champion": status.champion,
        "wrong": " ".join(filter(None, [*texts, aged])) or None,
        "last_good_night": night,
        "hours_since_good_night": round((now - night) / timedelta(hours=1), 2) if night else None,
    }


def _note_killed(
    note: RunNote, lines: Sequence[dict[str, Any]], stored: Mapping[str, DatasetStatus]
) -> None:
    """Note in the line of its dataset that a run was killed, unless a later one is stored."""
    for line in lines:
        status = stored.get(line["dataset"])
        is_last = status is None or status.started_at < note.began_at
        if note.dataset == line["dataset"] and is_last:
            line["last_run"] = KILLED
            others = line["wrong"] if status is not None else None
            line["wrong"] = " ".join(filter(None, [in_words(note), others]))


def _killed_night(note: RunNote) -> str:
    return (
        f"The night that began on {note.began_at:%Y-%m-%d %H:%M} UTC was killed ({note.where}),"
        " so what it had not stored by then was not done. The next one begins anew."
    )


def _served(line: Mapping[str, Any]) -> str:
    """Return how many segments of a dataset are served by what, and what people decided."""
    segments: Mapping[str, int] = line["segments"]
    *others, last = (f"{count:,} by {what}" for what, count in segments.items())
    served = f"{', '.join(others)} and {last}" if others else last
    pinned, waiting = line.get("segments_pinned", 0), line.get("segments_waiting", 0)
    more = f"; {pinned:,} pinned" if pinned else ""
    more += (
        f", {waiting:,} of these to a kind that serves from the next night on" if waiting else ""
    )
    return f"{sum(segments.values()):,} segments, served {served}{more}."


def _print(lines: Sequence[dict[str, Any]]) -> None:
    """Print a line per dataset that fits where little fits, and then the problems in words."""
    screen = Screen(sys.stdout)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("dataset", "last run", "good night (UTC)", "champion"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        night = line["last_good_night"] or line["last_good"]
        table.add_row(
            line["dataset"],
            Text(line["last_run"], style=STYLE.get(line["last_run"], "red")),
            f"{night:%Y-%m-%d %H:%M}" if night else "never",
            line["champion"] or "none",
        )
    screen.print(table)
    for line in lines:
        if line["segments"]:
            screen.print(f"{line['dataset']}: {_served(line)}", soft_wrap=True)
        if line["wrong"]:
            text = printable(f"{line['dataset']}: {line['wrong']}")
            width = max(screen.width, MIN_WIDTH)
            for part in text.splitlines():
                wrapped = textwrap.fill(
                    part,
                    width,
                    subsequent_indent="  ",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                screen.print(wrapped, soft_wrap=True)
