"""How long a run waits for a source that is late."""

import os

DEPLOYMENTS_SECONDS = 300.0
"""So long where nobody looks on: the next night may be a day away."""

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""What Prefect's worker sets in the process of a run that a deployment or its schedule began."""


def patience(seconds: float | None) -> float:
    """Return for how many seconds to try, by the setting or by who began the run.

    A person at a terminal is told of a missing file at once, and may start the run again.
    """
    if seconds is not None:
        return seconds
    return DEPLOYMENTS_SECONDS if os.environ.get(FLOW_RUN) else 0.0
