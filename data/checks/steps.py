"""How far the checks of a large table are: a step reads a few columns, or computes their rules."""

from data.progress import Report


class Steps:
    """Counts the steps that are done, and reports them."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._done = 0

    def done(self) -> None:
        """Count one step more."""
        self._done += 1
        self._report(self._done / self._total, f"{self._done} of {self._total} steps")
