"""What a command prints: text from others is shown as it is, and never acts on the terminal."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from flows.command.printable import printable


class Screen(Console):
    """A console that shows other people's text literally: no markup, no control sequences."""

    def __init__(self, file: TextIO | None = None, *, stderr: bool = False) -> None:
        super().__init__(file=file, stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text in printable characters, so that Rich measures what it will show."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is shown in printable characters, except for Rich's own control sequences."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=printable(segment.text))


def print_json(value: object, *, default: Callable[[Any], Any] | None = None) -> None:
    """Print a value as JSON alone; `default` converts what JSON has no type for."""
    typer.echo(json.dumps(value, indent=2, default=default))
