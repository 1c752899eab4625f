"""What people read in an alarm: plain, short, and only text, whoever wrote the cells."""

from html.parser import HTMLParser

import pytest

from tasks.alarms.message import MAX_ITEMS, MAX_TEXT, MAX_TITLE, Item, Message, message

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "a\r\nBcc: everybody@example.com",
    "\u202egnp.exe",
    "x\0y\x1b[31m",
    "zero\u200bwidth",
    "line\u2028separator",
    "&lt;b&gt;",
    "\ud800",
)


def item(text: str = "shop failed", **facts) -> Item:
    return Item("shop", "failed", text, text, "2026-01-02T03:04:05+00:00", **facts)


@pytest.mark.parametrize("text", HOSTILE)
def test_title_is_one_line_of_visible_characters(text):
    title = message([item(text)]).title
    assert title.isprintable()
    assert title.encode()
    assert len(title) <= MAX_TITLE + len("nightfit: ") + 1


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_as_text_what_others_wrote(text):
    told = message([item(text, next_step=text, run="http://127.0.0.1/x?a=1&b=2")])
    tags, shown = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

        def handle_data(self, data):
            shown.append(data)

    Reader().feed(told.html)
    assert {tag for tag, _ in tags} == {"p", "br", "a"}
    assert [attrs for tag, attrs in tags if tag == "a"] == [{"href": "http://127.0.0.1/x?a=1&b=2"}]
    assert "".join(shown).replace("\n", "") == told.text.replace("\n", "")


def test_text_has_the_parts_in_order():
    told = message([item(next_step="Run it.", run="http://h/r", report="http://h/p")])
    assert told.title == "nightfit: shop failed"
    assert told.text.splitlines() == [
        "shop failed",
        "shop failed",
        "Since: 2026-01-02 03:04 UTC",
        "Next: Run it.",
        "Run: http://h/r",
        "Report: http://h/p",
    ]


def test_address_that_is_none_is_no_link():
    assert "<a" not in message([item(report="javascript:alert(1)")]).html


def test_many_things_are_one_message_of_bounded_size():
    told = message([item(f"set{n} failed" + "x" * 9999) for n in range(50)])
    assert told.title.endswith(" (and 49 more)")
    assert told.text.count("Since:") == MAX_ITEMS
    assert told.text.endswith("And 30 more: 'nightfit status' has them.")
    assert len(told.text) < MAX_ITEMS * (2 * MAX_TEXT + 200)


def test_message_is_the_same_after_it_was_stored():
    told = message([item("a"), item("b")], good=True)
    assert Message.stored(told.content) == told
