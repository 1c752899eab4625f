"""What Vega makes of specifications: images, and the script for a page. Made in another process."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROCESS = Path(__file__).with_name("vega_process.py")

TIME_LIMIT = 120.0
"""Seconds that all the drawings of a page may take; they take one or two."""


class CannotDraw(Exception):
    """Vega cannot draw, for example because it may not have enough memory."""


def images(charts: Sequence[Mapping[str, Any]]) -> list[str | CannotDraw]:
    """Return each specification as SVG, or why it cannot be drawn. Raises CannotDraw for all.

    The process takes half a second and 100 MB, and a chart some hundredths of a second.
    """
    if not charts:
        return []
    made = _made({"charts": list(charts), "script": None})
    return [
        image if error is None else CannotDraw(error)
        for image, error in zip(made["images"], made["errors"], strict=True)
    ]


def script(snippet: str) -> str:
    """Return a script that has Vega's libraries in it and runs `snippet`. Raises CannotDraw."""
    made: str = _made({"charts": [], "script": snippet})["script"]
    return made


def _made(wanted: Mapping[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PROCESS)],
            input=json.dumps(wanted, allow_nan=False),
            capture_output=True,
            encoding="utf-8",
            timeout=TIME_LIMIT,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        why = next((line for line in lines if "fatal" in line.lower()), lines[-1] if lines else "")
        raise CannotDraw(
            f"Vega's process ended ({error.returncode}): {why.strip()[:300]}"
        ) from None
    except subprocess.TimeoutExpired:
        raise CannotDraw(f"Vega took longer than {TIME_LIMIT:g} seconds.") from None
    except OSError as error:
        raise CannotDraw(f"Vega's process cannot be started ({error.strerror}).") from None
    made: dict[str, Any] = json.loads(done.stdout)
    return made
