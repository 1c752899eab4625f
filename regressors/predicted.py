"""What a model predicts: values, the ends of intervals, and notes on the few odd rows."""

from dataclasses import dataclass
from itertools import chain

import numpy as np

from regressors.arrays import Array, Indices, Values


@dataclass(frozen=True)
class Predicted:
    """Predictions (n,) in the target's units, with their intervals and what makes them doubtful.

    `lower` and `upper` are the ends of the widest interval, and `further` those of the narrower
    ones; they are NaN where there is none. The few rows `noted` (m,) have a text each.
    """

    value: Array
    lower: Array
    upper: Array
    noted: Indices
    texts: Values
    further: tuple[tuple[Array, Array], ...] = ()

    @property
    def ends(self) -> tuple[Array, ...]:
        """Return the lower and upper ends (n,) of each interval in turn, the widest first."""
        return (self.lower, self.upper, *chain.from_iterable(self.further))

    @property
    def note(self) -> Values:
        """Return the text of each row (n,), None for most."""
        note: Values = np.full(len(self.value), None, dtype=object)
        note[self.noted] = self.texts
        return note

    def replaced(self, rows: Indices, by: "Predicted") -> "Predicted":
        """Return these predictions with those of some rows (m,), in order, by another model."""
        value, note, ends = self.value.copy(), self.note, [end.copy() for end in self.ends]
        value[rows], note[rows] = by.value, by.note
        for end in ends:
            end[rows] = np.nan  # the other model may have fewer intervals
        for end, other in zip(ends, by.ends, strict=False):
            end[rows] = other
        noted = np.union1d(np.setdiff1d(self.noted, rows), rows[by.noted])
        pairs = [(ends[i], ends[i + 1]) for i in range(2, len(ends), 2)]
        return Predicted(value, ends[0], ends[1], noted, note[noted], tuple(pairs))
