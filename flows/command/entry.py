"""Where the `nightfit` command starts: before its libraries are there, Ctrl-C just ends it."""

import signal


def main() -> None:
    """Import the command and run it.

    The import takes part of a second, in which there is nothing to clean up: an interrupt ends the
    process as any signal does, rather than with a traceback from the middle of a library.
    """
    on_interrupt = signal.getsignal(signal.SIGINT)
    if on_interrupt is signal.default_int_handler:  # and not ignored, as in a shell's background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from flows.command.cli import main as command

    signal.signal(signal.SIGINT, on_interrupt)
    command()
