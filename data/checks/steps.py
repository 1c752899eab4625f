"""How far the checks of a large table are: a step reads a column, or computes a rule."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Is told the number of steps that are done, and of all steps."""


class Steps:
    """Counts the steps that are done, and reports them."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def done(self, count: int = 1) -> None:
        """Count some steps more."""
        if self._progress is not None and count:
            self._done += count
            self._progress(self._done, self._total)


UNCOUNTED = Steps(None, 0)
"""For who does not want to know."""
