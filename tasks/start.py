"""Start the process of a framework."""

from tasks.run.step import step, why_not
from tasks.run.workers import FrameworkWorkers


@step(run_name="start {framework}", problem=why_not)
def start(framework: str, dataset: str, workers: FrameworkWorkers) -> str | None:
    """Start a framework's process and probe it; return why it is left out tonight, or None."""
    return workers.start(framework, dataset)
