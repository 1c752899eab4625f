"""`nightfit promote`, `rollback` and `unpin`: a person decides which model serves."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from sqlalchemy import Engine

from data.declarations.file import NO_TEXT
from data.errors import CallError
from data.settings import Settings, settings
from data.store.database.engine import open_store
from flows.command.printable import printable
from flows.command.session import talking, working

if TYPE_CHECKING:
    from tasks.run.attempt import Attempt

MAX_REASON = 1_000
"""Characters; a reason is a sentence or two."""


def run_promote(
    dataset: str, run_id: int, candidate: str | None, *, reason: str, pin: bool
) -> None:
    """Make a model of an earlier run serve from now on."""
    from tasks.run.decisions import promote

    config = settings()
    why = _one_line(reason)
    again = functools.partial(_fit_again, config)
    with _store(config) as engine, talking():
        done = promote(engine, dataset, run_id, candidate, reason=why, pin=pin, again=again)
    typer.echo(printable(str(done)))


def run_rollback(dataset: str, to: int | None, *, reason: str | None, pin: bool) -> None:
    """Make the previous champion, or the one that run `to` trained, serve again."""
    from tasks.run.decisions import rollback

    config = settings()
    why = None if reason is None else _one_line(reason)
    again = functools.partial(_fit_again, config)
    with _store(config) as engine, talking():
        done = rollback(engine, dataset, to, reason=why, pin=pin, again=again)
    typer.echo(printable(str(done)))


def run_unpin(dataset: str, *, reason: str | None) -> None:
    """Let the nights replace a pinned champion again."""
    from tasks.run.decisions import unpin

    why = None if reason is None else _one_line(reason)
    with _store(settings()) as engine:
        done = unpin(engine, dataset, reason=why)
    typer.echo(printable(str(done)))


@contextmanager
def _store(config: Settings) -> Iterator[Engine]:
    engine = open_store(config.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _one_line(reason: str) -> str:
    """Return a reason on one line; raise CallError if it is empty, too long or not text."""
    line = " ".join(reason.split())
    if NO_TEXT.search(line):
        raise CallError("--reason is not UTF-8.", next_step="Use a terminal that sends UTF-8.")
    if not line or len(line) > MAX_REASON:
        raise CallError(
            f"--reason has {len(line):,} characters; it must have 1 to {MAX_REASON:,}.",
            next_step="Give the reason in a sentence; it is kept in the history.",
        )
    return line


def _fit_again(config: Settings, run_id: int, candidate: str) -> "Attempt":
    with working(config):
        from flows.verify import fit_again

        return fit_again(run_id, candidate)
