"""What prediction intervals are asked for, and what an interval is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """The shares of true values that intervals should cover, the widest first.

    No interval reaches below `lowest` or above `highest`, in the target's units; None where there
    is no such bound. `by` is the category or boolean column by whose levels intervals are
    calibrated.
    """

    levels: tuple[float, ...]
    lowest: float | None = None
    highest: float | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        assert self.levels and all(0 < level < 1 for level in self.levels)
        assert list(self.levels) == sorted(set(self.levels), reverse=True)
