"""What Vega makes of specifications: images, and the script for a page. Made in another process."""

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Any

PROCESS = Path(__file__).with_name("vega_process.py")

TIME_LIMIT = 120.0
"""Seconds that all the drawings of a page may take; they take one or two."""

SAID_OF_GROUPS = re.compile(r' (?:aria-roledescription|role|aria-hidden)="[^"]*"')
LONG_NUMBER = re.compile(r"(\d\.\d\d)\d+(?=[^\"<>]*\"[^<>]*>)")
"""In an attribute: hundredths of a pixel are enough. What is written on a chart stays whole."""


@dataclass(frozen=True)
class _Process:
    """The process that draws, the file of what it complains of, and whose it is."""

    popen: subprocess.Popen[str]
    complaints: IO[str]
    owner: int


_guard = Lock()
_kept: list[_Process] = []
"""The process, once there is one."""


class CannotDraw(Exception):
    """Vega cannot draw, for example because it may not have enough memory."""


def start_vega() -> None:
    """Start the process that draws, if there is none, without waiting: it is ready in a second."""
    with _guard, suppress(CannotDraw):  # who draws is told of it
        _running()


def images(charts: Sequence[Mapping[str, Any]]) -> list[str | CannotDraw]:
    """Return each specification as SVG, or why it cannot be drawn. Raises CannotDraw for all.

    The process takes half a second and 100 MB, and a chart some hundredths of a second, of which
    most is for measuring its texts.
    """
    if not charts:
        return []
    made = _made({"charts": list(charts), "script": None})
    return [
        image if error is None else CannotDraw(error)
        for image, error in zip(made["images"], made["errors"], strict=True)
    ]


def compact(image: str) -> str:
    """Return an image in fewer characters, to stand in a page that says what it shows."""
    return LONG_NUMBER.sub(r"\1", SAID_OF_GROUPS.sub("", image))


def script(snippet: str) -> str:
    """Return a script that has Vega's libraries in it and runs `snippet`. Raises CannotDraw."""
    made: str = _made({"charts": [], "script": snippet})["script"]
    return made


def _made(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the process makes; it is kept for the next call, as starting it takes a while."""
    line = json.dumps(wanted, allow_nan=False)
    with _guard:
        process = _running()
        limit = Timer(TIME_LIMIT, process.popen.kill)
        limit.start()
        try:
            made = _answer(process.popen, line)
        finally:
            limit.cancel()
        if not made:
            _kept.clear()
            raise CannotDraw(_why_ended(process))
    answer: dict[str, Any] = json.loads(made)
    return answer


def _running() -> _Process:
    if _kept and _kept[0].owner == os.getpid() and _kept[0].popen.poll() is None:
        return _kept[0]
    complaints = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - as long as it
    try:
        popen = subprocess.Popen(
            [sys.executable, "-I", str(PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
        )
    except OSError as error:
        raise CannotDraw(f"Vega's process cannot be started ({error.strerror}).") from None
    _kept[:] = [_Process(popen, complaints, os.getpid())]
    return _kept[0]


def _answer(process: subprocess.Popen[str], line: str) -> str:
    """Return the line with which the process answers, "" if it has ended."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    except OSError:
        return ""
    return process.stdout.readline()


def _why_ended(process: _Process) -> str:
    process.popen.kill()
    code = process.popen.wait()
    process.complaints.seek(0)
    lines = [line.strip() for line in process.complaints if line.strip()]
    why = next((line for line in lines if "fatal" in line.lower()), lines[-1] if lines else "")
    return f"Vega's process ended ({code}): {why[:300]}"


@atexit.register
def _end() -> None:
    """Let the process end, which waits for the end of its input."""
    for process in _kept:
        if process.owner == os.getpid() and process.popen.stdin is not None:
            with suppress(OSError, subprocess.TimeoutExpired):
                process.popen.stdin.close()
                process.popen.wait(5)
