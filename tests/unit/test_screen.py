"""Text from others is shown literally: not taken for markup, and never acting on the terminal."""

import io
import logging
import re

import pytest
from rich.table import Table
from rich.text import Text

from data.errors import CallError
from data.store.views import TEXT
from flows.command import cli
from flows.command.output_formats import write_rows
from flows.command.printable import printable
from flows.command.screen import Screen
from flows.command.session import talking

RED = "\x1b[31mred\x1b[0m"
CONTROLS = [RED, "\x9b31m", "a\rb", "\x07\x08", "\x1b]0;title\x07", "\u202eabc", "\u2066", "\x7f"]
MARKUP = ["[red]", "[/red]", "level[college]", "[link=x]", ":smile:", "[bold", "\\[red]"]


class Stream(io.StringIO):
    def __init__(self, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stream:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return Stream(request.param)


def assert_shown(text: str) -> None:
    """Assert that everything is there, and that no control sequence is left."""
    lines = re.sub("\x1b\\[[01]m|\n", "", text)  # the header of a table is bold
    assert printable(lines) == lines
    assert r"\x1b[31mred\x1b[0m" in text
    for word in (r"\x9b31m", r"\u202eabc", r"\u2066", *MARKUP):
        assert word in text


def test_screen_shows_text_literally(stream):
    screen = Screen(stream)
    table = Table("value", box=None)
    for value in (*CONTROLS, *MARKUP):
        table.add_row(value)
    screen.print(table)
    assert_shown(stream.getvalue())
    for kind in (str, Text):
        stream.seek(0)
        stream.truncate()
        for value in (*CONTROLS, *MARKUP):
            screen.print(kind(value), soft_wrap=True)
        assert_shown(stream.getvalue())


def test_table_of_rows_shows_text_literally(stream):
    rows = [(value,) for value in (*CONTROLS, *MARKUP, "two\nlines\tand a tab")]
    write_rows([rows[:4], rows[4:]], {"level": TEXT}, "table", stream)
    assert_shown(stream.getvalue())
    assert "two lines and a tab" in stream.getvalue()


def test_programs_get_every_character(tmp_path):
    stream = Stream(tty=False)
    write_rows([[(value,) for value in CONTROLS]], {"level": TEXT}, "csv", stream)
    assert all(value in stream.getvalue() for value in CONTROLS)


def test_letters_of_every_script_are_printable():
    for text in ("שלום", "🦊 e\u0301", "a\tb\nc", "\u200dfamily\u200f", "naïve"):
        assert printable(text) == text


def test_error_message_cannot_act_on_the_terminal(monkeypatch, capsys):
    def failing(**_options):
        raise CallError(f"the value is {RED}.")

    monkeypatch.setattr(cli, "app", failing)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "nightfit: the value is \\x1b[31mred\\x1b[0m.\n"


def test_progress_cannot_act_on_the_terminal(monkeypatch, capsys):
    log = logging.getLogger("nightfit")
    monkeypatch.setattr(log, "handlers", [])  # whatever other tests have left
    monkeypatch.setattr(log, "disabled", False)
    with talking():
        log.warning("%s", f"{RED} [red] :smile:")
    assert r"\x1b[31mred\x1b[0m [red] :smile:" in capsys.readouterr().err
