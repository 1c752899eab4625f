"""`nightfit promote`, `rollback` and `unpin`: a person decides which model serves."""

import functools
from typing import TYPE_CHECKING

import typer

from data.declarations.file import load_dataset
from data.errors import CallError
from data.settings import Settings, settings
from data.store.session import Store
from flows.command.printable import printable
from flows.command.session import carry_out, talking, working

if TYPE_CHECKING:
    from tasks.run.attempt import Trained
    from tasks.run.decisions import Tools

MAX_REASON = 1_000
"""Characters; a reason is a sentence or two."""


def run_promote(
    dataset: str, run_id: int, candidate: str | None, *, reason: str, pin: bool
) -> None:
    """Make a model of an earlier run serve from now on."""
    from tasks.run.decisions import promote

    why = one_line(reason)
    tools = _tools(settings())
    with talking():
        message = promote(tools, dataset, run_id, candidate, reason=why, pin=pin)
        undelivered = _delivered(dataset, tools.store)
    _print(message, undelivered)


def run_rollback(dataset: str, to: int | None, *, reason: str | None, pin: bool) -> None:
    """Make the previous champion, or the one that run `to` trained, serve again."""
    from tasks.run.decisions import rollback

    why = None if reason is None else one_line(reason)
    tools = _tools(settings())
    with talking():
        message = rollback(tools, dataset, to, reason=why, pin=pin)
        undelivered = _delivered(dataset, tools.store)
    _print(message, undelivered)


def run_unpin(dataset: str, *, reason: str | None) -> None:
    """Let the nights replace a pinned champion again."""
    from tasks.run.decisions import unpin

    why = None if reason is None else one_line(reason)
    message = unpin(ready_store(settings()), dataset, reason=why)
    typer.echo(printable(message))


def _delivered(dataset: str, store: Store) -> str | None:
    """Give the new champion's predictions to the declared output; return why that cannot be."""
    from tasks.deliver import deliver

    try:
        declaration = load_dataset(dataset, settings().datasets)
    except CallError:
        return None  # it is declared no more, or with a mistake, which the next night reports
    return deliver(declaration, store)


def _print(message: str, undelivered: str | None) -> None:
    """Print what was done; end with exit code 1 if the results have not reached their output."""
    typer.echo(printable(message))
    if undelivered:  # it has been logged
        raise typer.Exit(1)


def _tools(config: Settings) -> "Tools":
    from tasks.run.decisions import Tools

    return Tools(ready_store(config), config.home, functools.partial(_fit_again, config))


def ready_store(config: Settings) -> Store:
    """Return the store after checking it: a broken one is reported before any work."""
    store = Store(config.database_url)
    store.ensure_ready()
    return store


def one_line(reason: str) -> str:
    """Return a reason on one line; raise CallError if it is empty or too long."""
    line = " ".join(reason.split())
    if not line or len(line) > MAX_REASON:
        raise CallError(
            f"--reason has {len(line):,} characters; it must have 1 to {MAX_REASON:,}.",
            next_step="Give the reason in a sentence; it is kept in the history.",
        )
    return line


def _fit_again(config: Settings, run_id: int, candidate: str) -> "Trained":
    with working(config):
        from flows.verify import fit_again

        return carry_out(fit_again, run_id, candidate)
