"""The log of a run on Prefect's page: a line per step, and no traceback for a user's mistake."""

import logging
from collections.abc import Mapping
from typing import Any

from prefect import runtime

from data.errors import UserError
from tasks.run.page_log import log_on_page

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")

REPEATED = ("Finished in state", "Task run failed with state")
"""How lines begin that only repeat a state, which the page shows with its message."""

OF_AN_ERROR = ("Encountered exception", "Engine execution exited with unexpected exception")


class PlainLines(logging.Filter):
    """Leaves out what only Prefect's developers need, and the second traceback of a bug."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: BaseException | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is shown."""
        message = str(record.msg)
        if message.startswith(REPEATED):
            return False
        error = record.exc_info[1] if record.exc_info else None
        if message.startswith(OF_AN_ERROR) and error is not None:
            if isinstance(error, UserError) or error is self._shown:
                return False
            self._shown = error
        return True


PLAIN_LINES = PlainLines()


def log_plainly() -> None:
    """Have Prefect log plainly in this process."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(PLAIN_LINES)  # which is added only once


def log_parameters() -> None:
    """Say with which parameters the run at hand works, also those that nobody has given."""
    given: Mapping[str, Any] = runtime.flow_run.parameters
    words = [f"{name}: {_word(value)}" for name, value in given.items()]
    log_on_page(f"Parameters: {', '.join(words)}")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ((), []):
        return "none"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)
