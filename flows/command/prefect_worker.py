"""Prefect's worker as `nightfit serve` runs it: with the flows loaded before one is cancelled.

The worker of Prefect loads a flow when a run of it is cancelled, to ask it for hooks. That takes
seconds, in which the page does not say that the run has ended. Run it as
`python -m flows.command.prefect_worker OPTION...`, with the options of `prefect worker start`.
"""

import importlib
import sys
from threading import Timer

from prefect.cli import app

LOAD_AFTER = 5.0
"""Seconds: by then the worker has started, and asks for runs."""

FLOWS = ("flows.nightly", "flows.retrain")


def main() -> None:
    """Run until a signal."""
    loading = Timer(LOAD_AFTER, lambda: [importlib.import_module(name) for name in FLOWS])
    loading.daemon = True
    loading.start()
    sys.argv[:1] = ["prefect", "--no-prompt", "worker", "start"]
    app()


if __name__ == "__main__":
    main()
