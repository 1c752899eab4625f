"""What a run reports while it works, to the terminal and to Prefect's page alike."""

import logging

LOG = logging.getLogger("nightfit")
LOG.setLevel(logging.INFO)


def log(dataset: str, message: str, *, warning: bool = False) -> None:
    """Report one thing that happened to one dataset."""
    LOG.log(logging.WARNING if warning else logging.INFO, "%s: %s", dataset, message)
