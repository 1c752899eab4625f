"""What Apprise logs, kept from every other log: it repeats URLs with their secrets."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Kept(logging.Handler):
    """Keeps the messages of one thread."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.thread, self.lines = threading.get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one message."""
        if record.thread == self.thread:
            self.lines.append(record.getMessage())


@contextmanager
def hushed() -> Iterator[list[str]]:
    """Give what Apprise logs in this thread, and let nothing else show it."""
    log, kept = logging.getLogger("apprise"), _Kept()
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(kept)
    try:
        yield kept.lines
    finally:
        log.removeHandler(kept)
