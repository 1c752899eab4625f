"""Standard input, output and error, whatever a shell or a scheduler has made of them."""

import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from data.errors import OutputClosed, UserError

MIN_COLUMNS, MAX_SIZE = 20, 10_000
"""Narrower or wider tables are of no use to anybody."""


def prepare_streams() -> None:
    """Make the three standard streams usable, or make them report that they are not.

    Output that does not go to a terminal is UTF-8 in every locale, so that a file has the same
    bytes on every machine. A terminal gets what its own encoding has, and the rest as escapes.
    """
    _open_closed()
    _refuse_odd_size()
    if sys.stdout is None:
        sys.stdout = _standard_output(io.FileIO(1, "w", closefd=False))
    elif isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _standard_output(sys.stdout)
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        encoding = sys.stderr.encoding
        sys.stderr = StandardError(
            sys.stderr.detach(),
            encoding=encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


class StandardOutput(io.TextIOWrapper):
    """Standard output whose failures are reported to the user, and not as a bug."""

    def write(self, text: str) -> int:
        """Write a text; raise UserError where that is impossible."""
        try:
            return super().write(text)
        except OSError as error:
            raise _lost(error) from None

    def writelines(self, lines: Iterable[Any]) -> None:
        """Write several texts; raise UserError where that is impossible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Send what was written on its way; raise UserError where that is impossible."""
        try:
            super().flush()
        except OSError as error:
            raise _lost(error) from None


def _refuse_odd_size() -> None:
    """Let a terminal say how large it is where a variable leaves no room, or has no end."""
    for name, least in (("COLUMNS", MIN_COLUMNS), ("LINES", 1)):
        size = os.environ.get(name, "")
        if size and not (size.isdecimal() and least <= int(size[:9]) <= MAX_SIZE):
            del os.environ[name]


def _standard_output(stream: io.TextIOWrapper | io.FileIO) -> StandardOutput:
    if isinstance(stream, io.FileIO):
        return StandardOutput(io.BufferedWriter(stream), encoding="utf-8")
    if not stream.isatty():
        return StandardOutput(stream.detach(), encoding="utf-8")
    encoding = stream.encoding
    return StandardOutput(
        stream.detach(), encoding=encoding, errors="backslashreplace", line_buffering=True
    )


class StandardError(io.TextIOWrapper):
    """Standard error that nobody may be reading: what fails to be printed changes no result."""

    def write(self, text: str) -> int:
        """Write a text, if that is possible."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Send what was written on its way, if that is possible."""
        with suppress(OSError):
            super().flush()


def give_up_output() -> None:
    """Forget what cannot be written, or Python would try it again at its end, and complain."""
    try:
        sys.stdout.flush()
    except UserError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _lost(error: OSError) -> UserError:
    if isinstance(error, BrokenPipeError):
        return OutputClosed()
    return UserError(
        f"standard output cannot be written to ({error.strerror}).",
        next_step="What was asked for is done, but not all of it was printed.",
    )


def _open_closed() -> None:
    """Open each closed standard stream, or the next file to be opened would take its place."""
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # output to one that is only read fails, as it should
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open, as it always is
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
