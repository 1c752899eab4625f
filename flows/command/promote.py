"""`nightfit promote`, `rollback` and `unpin`: a person decides which model serves."""

import functools
from collections.abc import Callable
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
    dataset: str,
    run_id: int,
    candidate: str | None,
    *,
    segment: str | None,
    reason: str,
    pin: bool,
) -> None:
    """Make a model of an earlier run serve from now on, the whole dataset or one segment."""
    from tasks.run.decisions import promote
    from tasks.run.segment_decisions import promote_in_segment

    why = one_line(reason)
    if segment is not None:
        in_segment = functools.partial(
            promote_in_segment, run_id=run_id, candidate=candidate, reason=why, pin=pin
        )
        _decide_in_segment(in_segment, dataset, segment)
        return
    tools = _tools(settings())
    with talking():
        message = promote(tools, dataset, run_id, candidate, reason=why, pin=pin)
        undelivered = _delivered(dataset, tools.store)
    _print(message, undelivered)


def run_rollback(
    dataset: str, to: int | None, *, segment: str | None, reason: str | None, pin: bool
) -> None:
    """Make the previous champion, or the one that run `to` trained, serve again.

    With a segment, let what served that before serve it again.
    """
    from tasks.run.decisions import rollback
    from tasks.run.segment_decisions import roll_back_in_segment

    why = None if reason is None else one_line(reason)
    if segment is not None:
        if to is not None:
            raise CallError(
                "--to goes with the dataset's champion, not with a --segment.",
                next_step=f"'nightfit promote {dataset} {to} --segment ...' names the run of a"
                " model for a segment.",
            )
        in_segment = functools.partial(roll_back_in_segment, reason=why, pin=pin)
        _decide_in_segment(in_segment, dataset, segment)
        return
    tools = _tools(settings())
    with talking():
        message = rollback(tools, dataset, to, reason=why, pin=pin)
        undelivered = _delivered(dataset, tools.store)
    _print(message, undelivered)


def run_unpin(dataset: str, *, segment: str | None, reason: str | None) -> None:
    """Let the nights replace a pinned champion again, or decide about a pinned segment."""
    from tasks.run.decisions import unpin
    from tasks.run.segment_decisions import unpin_segment

    why = None if reason is None else one_line(reason)
    store = ready_store(settings())
    if segment is None:
        message = unpin(store, dataset, reason=why)
    else:
        message = unpin_segment(store, dataset, segment, reason=why)
    typer.echo(printable(message))


def _decide_in_segment(decide: Callable[..., str], dataset: str, segment: str) -> None:
    """Decide about a segment, and give its predictions to the declared output."""
    store = ready_store(settings())
    with talking():
        message = decide(store, dataset, segment=segment)
        undelivered = _delivered(dataset, store)
    _print(message, undelivered)


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
