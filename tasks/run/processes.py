"""Framework processes, here or on a cluster."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from regressors.frameworks.workers import Reporter, WorkerFailed


class NotSeen(WorkerFailed):
    """A job that needs a file or a source which no worker of the cluster sees."""


class Processes(Protocol):
    """Framework processes, here or on a cluster; `Workers` says what each method does."""

    def submit(
        self,
        framework: str,
        function: Callable[..., Any],
        *args: Any,
        reporter: Reporter | None = None,
    ) -> Future[Any]:
        """Run a function in a framework's process."""
        ...

    def result(self, future: Future[Any]) -> Any:
        """Return the result of a job."""
        ...

    def probe_with(
        self, probe: Callable[[Any], Any], obstacle: Callable[[str, Any], str | None]
    ) -> None:
        """Have each process probed before its first job."""
        ...

    def take_warnings(self) -> tuple[str, ...]:
        """Return what a user should know about the processes."""
        ...

    def stop(self) -> None:
        """End the processes and their jobs."""
        ...


class ManyProcesses(Processes, Protocol):
    """Framework processes of which one framework may have several, whose jobs may be ended."""

    @property
    def fit_seconds(self) -> float:
        """Return how long a fit may take, unless its job says more."""
        ...

    def cancel(self, future: Future[Any]) -> None:
        """End a job whose result nobody waits for any more, if it is not done."""
        ...
