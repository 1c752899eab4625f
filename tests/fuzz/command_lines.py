"""Every command with every option, hostile values in both, and hostile settings.

The commands and their options are those of the command itself, so that new ones are tried, too.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import typer
from fuzz.dataset import csv_text, declaration
from fuzz.trial import Outcome, Trial
from fuzz.words import DATES, NUMBERS, word

NOT_UTF8 = "caf\udce9"
"""How Python shows an argument whose bytes are not UTF-8."""

DATASETS = ("small", "small", "small", "nothing", "Small", "small ", "-small", "../small")
LIKELY = {
    "dataset": DATASETS,
    "view": ("champion", "current_prediction", "run_history", "leaderboard", "champoin", "run"),
    "key": ("1", "007", "nothing"),
    "columns": ("dataset", "dataset,dataset", ",", "nothing", "key,predicted,predicted"),
    "run": ("1", "2", "3", "0", "-1"),
    "to": ("1", "2", "0"),
    "candidate": ("torch/least_squares", "torch/ann", "torch", "/", "torch/least_squares/x"),
    "source": ("new.csv", ".", "/dev/null", "/proc/self/mem", "nothing.csv", "x" * 300 + ".csv"),
    "out": ("out.csv", "out.json", "out.parquet", "out", ".", "/proc/x.csv", "a/b.csv", "x" * 300),
    "format": ("table", "csv", "json", "parquet", "text", "CSV"),
    "as_of": DATES,
    "first": DATES,
    "last": DATES,
}
"""Values that get past the first check of an argument or option of this name."""

SETTINGS = {
    "NIGHTFIT_DATABASE_SCHEMA": ("x", "pg_x", "$user", "é", "x" * 64, '"', "public"),
    "NIGHTFIT_FIT_TIME_LIMIT": NUMBERS,
    "NIGHTFIT_FIT_MEMORY_LIMIT": NUMBERS,
    "NIGHTFIT_KEEP_RUNS": NUMBERS,
    "COLUMNS": NUMBERS,
    "LINES": NUMBERS,
    "TERM": ("dumb", "", "xterm-256color", "nothing"),
    "LANG": ("C", "de_DE.UTF-8", "nothing"),
    "TZ": ("Mars/Olympus", "", "UTC+99", "/etc/passwd"),
    "NO_COLOR": ("1",),
}
URLS = (
    "sqlite://",
    "sqlite:///",
    "sqlite:///{here}",
    "sqlite:///{here}/new.db",
    "sqlite:///{here}/a/b.db",
    "sqlite:///{here}/new.db?mode=ro",
    "sqlite:////proc/x.db",
    "sqlite+aiosqlite:///{here}/new.db",
    "sqlite+nothing:///{here}/new.db",
    "postgresql+asyncpg://localhost/x",
    "postgresql+psycopg2://localhost/x",
    "postgresql://localhost:1/x?user=secret&password=secret",
    "postgresql://localhost:1/x?host=/nowhere&port=1",
    "postgresql://localhost:99999/x",
    "postgresql://localhost:x/x",
    "postgresql://[::1/x",
    "postgresql://u:p@w@localhost:1/x",
    "postgresql://localhost:1/x?options=-csearch_path%3Dx",
    "postgresql://localhost:1/x?schema=a&schema=b",
    "mysql://localhost/x",
    "http://localhost/x",
    "file:///etc/passwd",
    "postgresql",
    "://",
    " ",
    "x" * 5_000,
    "postgresql://localhost:1/" + "x" * 5_000,
)
STARTS_WORK = ("nightly", "retrain", "serve")
"""Commands that would train for minutes, or wait for ever, if nothing were wrong with the call."""


def generate(chance: Random, folder: Path) -> Trial:
    """Write the declaration of the dataset `small`, and make a call with something odd in it."""
    (folder / "datasets" / "small.csv").write_text(csv_text(40))
    (folder / "here" / "new.csv").write_text(csv_text(40))
    (folder / "datasets" / "small.yaml").write_text(declaration())
    names, command = chance.choice(_commands())
    call = _call(names, command, chance)
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        call.insert(chance.randint(len(names), len(call)), _argument(chance))
    settings = _settings(chance, folder / "here") if chance.random() < 0.4 else {}
    store = chance.choice(("sqlite", "postgresql", "sqlite", "postgresql", None))
    return Trial(tuple(call), settings, wrong=_limited(call), store=store)


@cache
def _commands() -> tuple[tuple[tuple[str, ...], Any], ...]:
    """Return each command with the words that call it."""
    from flows.command.cli import app

    return tuple(_below((), typer.main.get_command(app)))


def _below(names: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner_commands = getattr(command, "commands", None)
    if inner_commands is not None:
        for name, inner in inner_commands.items():
            yield from _below((*names, name), inner)
    else:
        yield names, command


def _call(names: tuple[str, ...], command: Any, chance: Random) -> list[str]:
    """Return a call of a command with most of its arguments and some of its options."""
    if names[0] == "serve":
        return [*names, "--port", chance.choice(("0", "-1", "65536", str(2**64), "x", ""))]
    call = list(names)
    for parameter in command.params:
        name = parameter.name or ""
        if parameter.param_type_name == "argument":
            refused = names[0] in STARTS_WORK
            if refused or parameter.required or chance.random() < 0.5:
                call.append(f"not {word(chance)}" if refused else _value(name, chance))
        elif parameter.required or chance.random() < 0.4:
            call.append(parameter.opts[0])
            if not getattr(parameter, "is_flag", False):
                call.append(_value(name, chance))
    return call


def _value(name: str, chance: Random) -> str:
    return (
        chance.choice(LIKELY[name])
        if name in LIKELY and chance.random() < 0.7
        else _argument(chance)
    )


def _argument(chance: Random) -> str:
    return NOT_UTF8 if chance.random() < 0.05 else word(chance)


def _settings(chance: Random, here: Path) -> dict[str, str]:
    """Return one to three settings, most of them wrong; no path leads out of the trial's folder."""
    settings = {}
    for _ in range(chance.randint(1, 3)):
        match chance.randrange(5):
            case 0 | 1:
                settings["NIGHTFIT_DATABASE_URL"] = chance.choice(URLS).format(here=here)
            case 2:
                name = chance.choice(("NIGHTFIT_HOME", "NIGHTFIT_DATASETS", "TMPDIR"))
                inside = chance.choice(("new.csv", "a/b", "é\n", "x" * 300, "new.csv/b", " "))
                settings[name] = f"{here}/{inside}"
            case _:
                name = chance.choice(list(SETTINGS))
                settings[name] = chance.choice((*SETTINGS[name], word(chance)))
    return settings


def _limited(call: list[str]) -> Callable[[Outcome], str | None]:
    """Return what tells whether an answer has more rows than `--limit` allows."""
    limits = [after for before, after in pairwise(call) if before == "--limit"]

    def check(outcome: Outcome) -> str | None:
        if outcome.exit_code or "json" not in call or not limits:
            return None
        rows, limit = len(json.loads(outcome.output)), int(limits[-1])
        return f"{rows} rows, but the limit is {limit}" if rows > limit else None

    return check
