"""`nightfit accept`: a person accepts how the source of a dataset looks now."""

import typer

from data.settings import settings
from flows.command.printable import printable
from flows.command.promote import one_line, ready_store


def run_accept(dataset: str, *, reason: str | None) -> None:
    """Accept what the newest run of a dataset read, and print what that is."""
    from tasks.run.acceptance import accept

    why = None if reason is None else one_line(reason)
    for line in accept(ready_store(settings()), dataset, reason=why):
        typer.echo(printable(line))
