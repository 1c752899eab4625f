"""How far the checks of a large table are: a step reads a column, or computes a rule."""

from data.progress import Report, unreported


class Steps:
    """Counts the steps that are done, and reports them."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._done = 0

    def done(self, count: int = 1) -> None:
        """Count some steps more."""
        self._done += count
        if self._total and count:
            self._report(self._done / self._total, f"{self._done} of {self._total} steps")


UNCOUNTED = Steps(unreported, 0)
"""For who does not want to know."""
