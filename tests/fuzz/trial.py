"""One trial: files and a command that are made from a seed, what came of it, and what is wrong."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

MAX_SECONDS = 10
"""A command that takes longer hangs: each of these takes well under a second."""

MAX_MB = 1_000
"""The memory that a command may use for inputs of some kilobytes."""

MAX_REPEATED = 200
"""How many characters of what was typed a message may repeat."""

EXIT_CODES = (0, 1, 2)
"""All is well; the data or the store is not; the call or a declaration is not."""

FAULTS = (
    "traceback",
    "hang",
    "memory",
    "half-written",
    "orphan",
    "leftover",
    "wrong",
)
"""What must never come of a trial, in the order of the table."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Outcome:
    """What became of a command."""

    exit_code: int | None  # None: it was killed because it took too long
    output: str
    messages: str
    megabytes: int = 0
    orphans: int = 0
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A command to try on the files that its generator wrote."""

    command: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    wrong: Callable[[Outcome], str | None] = lambda outcome: None
    """Says what is wrong with the answer, where the right one is known."""
    store: str | None = None
    """The database, if the trial needs one that has runs: `sqlite` or `postgresql`."""


Generator = Callable[[Random, Path], Trial]
"""Writes the files of a trial to a folder, and says what to try on them."""


def faults_of(trial: Trial, outcome: Outcome) -> dict[str, str]:
    """Return what is wrong with an outcome, as a sentence for each kind of fault."""
    faults: dict[str, str] = {}
    if "Traceback (most recent call last)" in outcome.messages + outcome.output:
        faults["traceback"] = outcome.messages.strip().splitlines()[-1][:300]
    if outcome.exit_code is None:
        faults["hang"] = f"still running after {MAX_SECONDS} seconds"
    if outcome.megabytes > MAX_MB or "MemoryError" in outcome.messages:
        faults["memory"] = f"used {outcome.megabytes:,} MB"
    if outcome.orphans:
        faults["orphan"] = f"{outcome.orphans} processes were left"
    if outcome.leftovers:
        faults["leftover"] = f"left {', '.join(outcome.leftovers)}"
    if wrong := _wrong_answer(trial, outcome):
        faults["wrong"] = wrong
    return faults


def _wrong_answer(trial: Trial, outcome: Outcome) -> str | None:
    if outcome.exit_code is None:
        return None
    if outcome.exit_code not in EXIT_CODES:
        return f"exit code {outcome.exit_code}"
    if outcome.exit_code and not (outcome.messages + outcome.output).strip():
        return f"exit code {outcome.exit_code} without a word"
    if control := CONTROL.search(outcome.messages):
        return f"the message has the control character {control[0]!r}"
    typed = [*trial.command, *trial.settings.values()]
    for value in typed:
        if len(value) > MAX_REPEATED and value[: MAX_REPEATED + 1] in outcome.messages:
            return f"the message repeats more than {MAX_REPEATED} characters of what was typed"
    return trial.wrong(outcome)
