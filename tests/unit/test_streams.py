"""Standard output that is full, closed or too narrow, and numbers and texts that are too long."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from data.errors import MAX_REPEATED, OutputClosed, UserError, brief
from data.store.views import TEXT
from flows.command import streams
from flows.command.options import MAX_INTEGER, whole_number
from flows.command.output_formats import write_rows
from flows.command.streams import StandardError, StandardOutput

ROOT = Path(__file__).parents[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_escapes_and_a_file_every_character():
    texts = ["\x1b]0;title\x07", "\x1b[31mred", "\u202eabc", "\x9b31m", "a\rb", "\x7f", "naïve 🦊"]
    rows = [(text,) for text in texts]
    for output_format in ("csv", "json"):
        file, terminal = io.StringIO(newline=""), Terminal(newline="")
        write_rows([rows], {"key": TEXT}, output_format, file)
        write_rows([rows], {"key": TEXT}, output_format, terminal)
        shown = terminal.getvalue()
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r", "\x7f"} & set(shown)
        assert "naïve 🦊" in shown
        if output_format == "csv":
            assert all(text in file.getvalue() for text in texts)
            assert r"\x1b]0;title\x07" in shown
            assert r"\x9b31m" in shown
        else:
            assert "\u202eabc" in file.getvalue()
            assert [row["key"] for row in json.loads(shown)] == texts


def test_a_full_disk_is_reported_on_output_and_changes_nothing_on_standard_error():
    for kind in (StandardOutput, StandardError):
        with open("/dev/full", "wb", buffering=0) as full:
            buffer = io.BufferedWriter(full)
            stream = kind(buffer, encoding="utf-8")
            stream.write("a")
            if kind is StandardError:
                stream.flush()
            else:
                with pytest.raises(UserError, match="standard output cannot be written to"):
                    stream.flush()
            with pytest.raises(OSError, match="No space left"):
                buffer.close()


def test_a_closed_pipe_ends_the_command_as_it_ends_others_and_without_a_word():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe:
        buffer = io.BufferedWriter(pipe)
        stream = StandardOutput(buffer, encoding="utf-8")
        stream.write("a")
        with pytest.raises(OutputClosed) as closed:
            stream.flush()
        with pytest.raises(BrokenPipeError):
            buffer.close()
    assert (str(closed.value), closed.value.exit_code) == ("", 141)


def test_closed_streams_end_in_a_true_exit_code_and_no_traceback():
    command = f"{sys.executable} -m flows.command.cli --version"
    done = subprocess.run(
        f"{command} >&-; echo $?; {command} <&- >&- 2>&-; echo $?; {command} 2>&- <&-",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.split()[:3] == ["1", "1", "nightfit"]
    assert done.stderr.startswith("nightfit: standard output cannot be written to (Bad file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("columns", ["0", "1", "-5", "abc", "²", "9" * 5_000, ""])
def test_an_odd_size_of_the_terminal_is_ignored(columns: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", "9" * 5_000)
    streams._refuse_odd_size()
    assert not os.environ.get("COLUMNS")
    assert "LINES" not in os.environ
    monkeypatch.setenv("COLUMNS", "80")
    streams._refuse_odd_size()
    assert os.environ["COLUMNS"] == "80"


@pytest.mark.parametrize(
    "text", ["", "-1", "0", "x", "1.5", "0x10", "1_000", " 5", "5\n", "٣", "1e3", "²", "9" * 5_000]
)
def test_what_is_not_a_run_is_refused(text: str):
    with pytest.raises(typer.BadParameter, match=f"whole number from 1 to {MAX_INTEGER}"):
        whole_number(1)(text)


def test_numbers_as_large_as_a_database_has_are_understood():
    assert whole_number(1)(str(MAX_INTEGER)) == MAX_INTEGER == 2**63 - 1
    assert whole_number(1, 65_535)(4200) == 4200
    assert whole_number(0)("007") == 7
    for number in (MAX_INTEGER + 1, 10**30):
        with pytest.raises(typer.BadParameter):
            whole_number(0)(str(number))


def test_a_message_repeats_little_of_what_it_quotes():
    long, spaced = "x" * 5_000, "x y" * 2_000
    for error in (
        UserError(f"there is no view {long!r}.", next_step=f"Try '{long}', and not \"{spaced}\"."),
        UserError("it is not there.", where=spaced),
        UserError("it is not there.", where=f"/folder/{long}/rows.csv"),
    ):
        assert len(str(error)) < 2 * MAX_REPEATED
        assert "…" in str(error)
    assert str(error).endswith("rows.csv: it is not there.")
    assert len(brief(f"No such command {spaced}.", [spaced])) < MAX_REPEATED + 30


def test_a_long_sentence_with_apostrophes_stays_whole():
    words = "the dataset's columns, which the runs' declarations name, " * 9
    assert str(UserError(f"{words} and 'this' one.")) == f"{words} and 'this' one."
