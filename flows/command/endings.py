"""How a command ends when Ctrl-C or SIGTERM asks it to."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from data.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any]

SHOW_CURSOR = b"\x1b[?25h"
"""A spinner hides the cursor of a terminal."""

_asked: list[BaseException] = []
"""What the signals raise that have asked the command in progress to end."""


@contextmanager
def ending_at_once() -> Iterator[None]:
    """End without a word at a signal, as long as there is nothing to put in order.

    A library that is interrupted while it is imported would report an error of its own. Processes
    that were started end by their keeper.
    """
    with _handling(_end_at_once, _end_at_once):
        yield


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise KeyboardInterrupt or SystemExit at a signal, so that what was begun is undone.

    It is raised again at the end if an error has taken its place, such as that of a library that
    could not tidy up after it, and by `end_if_asked`.
    """
    _asked.clear()

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        is_interrupt = number == signal.SIGINT
        _asked.append(KeyboardInterrupt() if is_interrupt else SystemExit(128 + number))
        raise _asked[-1]

    with _handling(end, end):
        try:
            yield
        except Exception:
            end_if_asked()
            raise
        finally:
            _asked.clear()


def end_if_asked() -> None:
    """Raise again what a signal has raised, in case that something has caught it or replaced it."""
    if _asked:
        raise _asked[-1] from None


def leave(code: int) -> NoReturn:
    """End this process now, with what it has printed, and without waiting for its threads."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, UserError):
            stream.flush()
    os._exit(code)


@contextmanager
def _handling(interrupt: Handler, terminate: Handler) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in zip(SIGNALS, (interrupt, terminate), strict=True):
        if before[number] is not signal.SIG_IGN:  # a shell's background commands ignore Ctrl-C
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])


def _end_at_once(number: int, _frame: FrameType | None) -> NoReturn:
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR)
    os._exit(128 + number)
