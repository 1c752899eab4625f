"""The `nightfit` command: its options, and the commands in the order of `nightfit --help`.

Each command imports what it needs when it is called. `nightfit query` should answer at once, and
every worker process of a framework imports this file when it starts.
"""

import sys
from typing import Annotated, NoReturn

import typer

from data.errors import UserError
from data.private_files import make_private
from flows.command import cli_champions, cli_operations, cli_query, cli_train
from flows.command.endings import leave
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


def main() -> NoReturn:
    """Run the command. A user's mistake ends in one message and exit code 1 or 2."""
    make_private()
    code = _exit_code()
    lost_server = sys.modules.get("flows.lost_server")
    if lost_server is not None and lost_server.server_was_lost():
        leave(code)  # Prefect would wait for that server for minutes, to tell it the rest
    raise SystemExit(code)


def _exit_code() -> int:
    try:
        app()
    except UserError as error:
        typer.echo(f"nightfit: {printable(str(error))}", err=True)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BrokenPipeError:  # whoever read our output has closed it, for example `head`
        sys.stderr.close()
        return 0
    return 0


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
