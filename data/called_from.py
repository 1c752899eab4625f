"""Where a run was started: what it says speaks of the options there, or of the fields.

A message that asks for another call names what a person can set: `--force` in a terminal, the field
`force` on Prefect's page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_page: ContextVar[bool] = ContextVar("page", default=False)


@contextmanager
def called_from_page() -> Iterator[None]:
    """Have messages speak of the fields of Prefect's page, until the `with` block is left."""
    token = _page.set(True)
    try:
        yield
    finally:
        _page.reset(token)


def is_called_from_page() -> bool:
    """Return whether messages speak of the fields of Prefect's page."""
    return _page.get()


def asking(*, terminal: str, page: str) -> str:
    """Return the one of two sentences that fits where the run was started."""
    return page if is_called_from_page() else terminal
