"""The messages that people get: plain, short, and nothing in them but text."""

import html
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from data.errors import shortened
from tasks.report.labels import INVISIBLE

MAX_TITLE, MAX_TEXT = 100, 700
"""Characters of a title, and of each text of a message."""

MAX_ITEMS = 20
"""Things that one message reports; how many more there are is its last line."""


@dataclass(frozen=True)
class Item:
    """One thing that a message reports; the texts may be anybody's."""

    dataset: str
    event: str
    title: str
    what: str
    since: str | None = None  # ISO 8601, in UTC
    next_step: str = ""
    run: str | None = None  # the address of the run's page
    report: str | None = None  # the address, or else the file, of its report


@dataclass(frozen=True)
class Message:
    """What is sent to each recipient."""

    title: str
    items: tuple[Item, ...]
    good: bool = False  # nobody has to do anything

    @classmethod
    def stored(cls, content: dict[str, Any]) -> "Message":
        """Return a message from `content`."""
        items = tuple(Item(**item) for item in content["items"])
        return cls(content["title"], items, content["good"])

    @property
    def content(self) -> dict[str, Any]:
        """Return the message as plain values, to be stored."""
        return asdict(self)

    @property
    def text(self) -> str:
        """Return the message as plain text."""
        return "\n\n".join("\n".join(lines) for lines in self._parts())

    @property
    def html(self) -> str:
        """Return the message as HTML, in which everything but its addresses is shown as text."""
        return "\n".join(
            f"<p>{'<br/>'.join(map(_html_line, lines))}</p>" for lines in self._parts()
        )

    def _parts(self) -> list[list[str]]:
        parts = [_lines(item) for item in self.items[:MAX_ITEMS]]
        more = len(self.items) - MAX_ITEMS
        return [*parts, [f"And {more} more: 'nightfit status' has them."]] if more > 0 else parts


def message(items: Sequence[Item], *, good: bool = False) -> Message:
    """Return a message about things that began, or ended, together."""
    titles = list(dict.fromkeys(item.title for item in items))
    more = f" (and {len(titles) - 1} more)" if len(titles) > 1 else ""
    first = plain(titles[0], MAX_TITLE - len(more))
    return Message(f"nightfit: {first}{more}", tuple(map(_plain_item, items)), good)


def plain(text: str, length: int = MAX_TEXT) -> str:
    """Return a text as one line, with escapes for what would not be seen or would act."""
    line = " ".join(text.split())
    return shortened(INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], line), length)


def _plain_item(item: Item) -> Item:
    texts = {name: plain(getattr(item, name)) for name in ("dataset", "title", "what", "next_step")}
    return Item(**{**asdict(item), **texts})


def _lines(item: Item) -> list[str]:
    since = f"{datetime.fromisoformat(item.since):%Y-%m-%d %H:%M} UTC" if item.since else None
    told: tuple[tuple[str, str | None], ...] = (
        ("Began" if item.event == "recovered" else "Since", since),
        ("Next", item.next_step),
        ("Run", item.run),
        ("Report", item.report),
    )
    lines = [f"{name}: {text}" for name, text in told if text]
    return [item.title, *filter(None, [item.what]), *lines]


def _html_line(line: str) -> str:
    name, _, address = line.partition(": ")
    if name in ("Run", "Report") and re.fullmatch(r"https?://\S+", address):
        return f'{name}: <a href="{html.escape(address)}">{html.escape(address)}</a>'
    return html.escape(line)
