"""A candidate: one kind of regression, fitted by one framework."""

from dataclasses import dataclass

SEGMENT_KINDS = (
    "shrunken_least_squares",
    "segment_least_squares",
    "segment_gradient_descent",
)
"""The kinds that have an equation for each segment, where a declaration names a `segment`."""
LINEAR_KINDS = ("least_squares", "gradient_descent", *SEGMENT_KINDS)
KINDS = (*LINEAR_KINDS, "ann")
"""The kinds of regression, simplest first."""
POOLED_KINDS = tuple(kind for kind in KINDS if kind not in SEGMENT_KINDS)
"""The kinds that have one model for all rows."""

OWN_LINE = "own line"
GROUPS = {
    "line of all rows": ("least_squares", "gradient_descent"),
    "shrunken line": ("shrunken_least_squares",),
    OWN_LINE: ("segment_least_squares", "segment_gradient_descent"),
    "network": ("ann",),
}
"""The kinds that are alike in what they may say of a segment, by what a reader calls them."""


def group_of(kind: str) -> str:
    """Return the group of a kind; an unknown kind is a group of its own."""
    return next((name for name, kinds in GROUPS.items() if kind in kinds), kind)


@dataclass(frozen=True, order=True)
class Candidate:
    """A framework and a kind. Its text, `torch/ann`, is what people read and write.

    A stored model may be of a framework or a kind that no longer exists, so any names are allowed.
    """

    framework: str
    kind: str

    def __str__(self) -> str:
        return f"{self.framework}/{self.kind}"

    @classmethod
    def parse(cls, text: str) -> "Candidate":
        """Return the candidate that has this text; raise ValueError for any other text."""
        parts = text.split("/")
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"{text!r} is not a candidate, written framework/kind")
        return cls(*parts)

    @property
    def is_linear(self) -> bool:
        """Return whether the kind fits linear equations."""
        return self.kind in LINEAR_KINDS

    @property
    def is_segmented(self) -> bool:
        """Return whether the kind fits an equation for each segment."""
        return self.kind in SEGMENT_KINDS
