"""What a check of the database finds, and what a person should do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or only left over, in the database or in the home.

    `area` is one of AREAS. `dataset` is None where it concerns no dataset, or all of them. What is
    only `left_over` does no harm; a person has seen what is `acknowledged`, and goes on with it.
    """

    area: str
    what: str
    next_step: str
    dataset: str | None = None
    left_over: bool = False
    acknowledged: bool = False

    @property
    def is_wrong(self) -> bool:
        """Return whether a person has yet to do something about it."""
        return not (self.left_over or self.acknowledged)

    def __str__(self) -> str:
        where = f"{self.dataset}: " if self.dataset else ""
        return f"{where}{self.what} {self.next_step}"


AREAS = (
    "schema",
    "integrity",
    "references",
    "values",
    "models",
    "champions",
    "checksums",
    "results",
    "snapshots",
    "leftovers",
)
"""What is checked, in order."""

RESTORE = "Restore a backup of the database."
"""What to do where nothing less helps."""
