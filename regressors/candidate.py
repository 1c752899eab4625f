"""A candidate: one kind of regression, fitted by one framework."""

from dataclasses import dataclass

KINDS = ("least_squares", "gradient_descent", "ann")
"""The kinds of regression, simplest first."""
LINEAR_KINDS = KINDS[:2]


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
        """Return whether the kind fits a linear equation."""
        return self.kind in LINEAR_KINDS
