"""The `nightfit` command: its options, and the commands in the order of `nightfit --help`.

Each command imports what it needs when it is called. `nightfit query` should answer at once, and
every worker process of a framework imports this file when it starts.
"""

import sys
from typing import Annotated

import typer

from data.errors import UserError
from data.private_files import make_private
from flows.command import cli_champions, cli_operations, cli_query, cli_train
from flows.command.printable import printable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Retrain regressions every night and query their predictions.",
)
for part in (cli_train, cli_query, cli_champions, cli_operations):
    app.add_typer(part.commands)


def main() -> None:
    """Run the command. A user's mistake ends in one message and exit code 1 or 2."""
    make_private()
    try:
        app()
    except UserError as error:
        typer.echo(f"nightfit: {printable(str(error))}", err=True)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # whoever read our output has closed it, for example `head`
        sys.stderr.close()
        raise SystemExit(0) from None


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"nightfit {version('nightfit')}")
        raise typer.Exit


@app.callback()
def nightfit(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Retrain regressions every night and query their predictions."""


if __name__ == "__main__":
    main()
