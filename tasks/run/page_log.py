"""Lines of the log on Prefect's page that a terminal does not show."""

import logging

from prefect import runtime
from prefect.logging import get_run_logger


def log_on_page(message: str, *, warning: bool = False) -> None:
    """Add a line to the log of the run at hand on Prefect's page."""
    if runtime.flow_run.id is not None:
        get_run_logger().log(logging.WARNING if warning else logging.INFO, "%s", message)
