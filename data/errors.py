"""Errors that a user can mend: what went wrong, where, and what to do next."""


class UserError(Exception):
    """A mistake in a call, a setting or the data; shown as one message, never as a traceback.

    `exit_code` is 2 for a wrong call or declaration, 1 for data or a database that cannot be used.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what, where, next_step)
        self.what, self.where, self.next_step = what, where, next_step

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f" {self.next_step}" if self.next_step else "")


class CallError(UserError):
    """A wrong call: an unknown dataset, a mistake in a declaration or a setting."""

    exit_code = 2


class SourceError(UserError):
    """A source that cannot be read at all; nothing of it reaches the store."""


class StoreError(UserError):
    """A database that cannot be reached, or is at another version than this code."""
