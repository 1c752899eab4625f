"""The entry point of the command `nightfit`: as little as possible before signals are handled."""

from flows.command.endings import ending_at_once


def main() -> None:
    """Run the command."""
    with ending_at_once():
        from flows.command import cli  # this takes a moment
    cli.main()


if __name__ == "__main__":
    main()
