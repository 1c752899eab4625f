"""The `nightfit` command: its options, and the commands in the order of `nightfit --help`.

Each command imports what it needs when it is called. `nightfit query` should answer at once, and
every worker process of a framework imports this file when it starts.
"""

import os
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from data.errors import CallError, UserError, brief
from data.private_files import make_private
from flows.command import cli_champions, cli_operations, cli_query, cli_train
from flows.command.endings import leave
from flows.command.printable import printable
from flows.command.streams import give_up_output, prepare_streams

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Retrain regressions every night and query their predictions.",
)
for part in (cli_train, cli_query, cli_champions, cli_operations):
    app.add_typer(part.commands)


FILE_OPTIONS = ("--source", "--out")
NOT_TEXT = re.compile("[\ud800-\udfff]")
"""Bytes of an argument that are not UTF-8, as Python hands them on."""

WrongCall: type[Exception] = typer.BadParameter.__mro__[2]
"""What Typer raises for any command line that it cannot understand."""


def main() -> NoReturn:
    """Run the command. A user's mistake ends in one message and exit code 1 or 2."""
    prepare_streams()
    make_private()
    code = _exit_code()
    lost_server = sys.modules.get("flows.lost_server")
    if lost_server is not None and lost_server.server_was_lost():
        leave(code)  # Prefect would wait for that server for minutes, to tell it the rest
    raise SystemExit(code)


def _exit_code() -> int:
    try:
        _refuse_undecodable(sys.argv[1:])
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _report(str(error), error.exit_code)
    except WrongCall as error:
        return _report(_wrong_call(error), 2)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        cause = _cause(error)
        if cause is None:
            raise
        return _report(str(cause), cause.exit_code)
    return code or 0


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    """Raise CallError for an argument that is not text; only a file may have such a name."""
    for before, argument in pairwise(("", *arguments)):
        names_file = before in FILE_OPTIONS or argument.startswith(FILE_OPTIONS)
        if NOT_TEXT.search(argument) and not names_file:
            what = before if before.startswith("--") else repr(argument)
            raise CallError(f"{what} is not UTF-8.", next_step="Use a terminal that sends UTF-8.")


def _cause(error: Exception) -> UserError | None:
    """Return what is behind an error that nobody expected; None if it is a bug."""
    from data.settings import settings
    from data.store.check.cause import damage_behind
    from tasks.run.memory import out_of_memory

    return _without_folder(error) or out_of_memory(error) or damage_behind(settings().database_url)


def _without_folder(error: Exception) -> CallError | None:
    """Return the error for a relative path in a folder that has been deleted, None if it is not."""
    if isinstance(error, FileNotFoundError):
        try:
            Path.cwd()
        except FileNotFoundError:
            what = "the current folder no longer exists, so relative paths mean nothing."
            return CallError(what, next_step="Change to another folder.")
    return None


def _report(message: str, exit_code: int) -> int:
    """Print what is wrong, if that is possible and anybody can do something about it."""
    typed = [*sys.argv[1:], *(text for name, text in os.environ.items() if "NIGHTFIT" in name)]
    parts = [part for text in typed for part in (text, text.partition("=")[2], repr(text)[1:-1])]
    if message:
        typer.echo(f"nightfit: {printable(brief(message, parts))}", err=True)
    give_up_output()
    return exit_code


def _wrong_call(error: Any) -> str:
    """Return what is wrong with a command line, and where to read how it is written."""
    if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed
        return ""
    context = error.ctx
    command = context.command_path if context is not None else "nightfit"
    what = error.format_message().replace("Value error, ", "").rstrip(".")
    return f"{what}. Try `{command} --help`."


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
