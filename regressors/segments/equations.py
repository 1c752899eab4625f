"""The equations of segments in the fits of a job, by their sums: of all segments, or of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from regressors.arrays import Indices, Values
from regressors.frameworks.contract import FrameworkModule
from regressors.linear.gram import Gram
from regressors.linear.rows import Rows
from regressors.segments.fits import SegmentFits
from regressors.segments.lines import OwnLine, none_of, own_line
from regressors.segments.neurons import NeuronLines
from regressors.segments.own_lines import OwnLines
from regressors.segments.shrunken_lines import Scaling, ShrunkenLines
from regressors.segments.table import Parts, SegmentCells, SegmentSums

Solved = tuple[Any, ...]
"""What a batch of segments has come to in a fit: arrays by segment, as its kind has them."""


class Lines(Protocol):
    """The equations of the segments of one fit, whose sums are added a few segments at a time."""

    details: dict[str, Any]

    def add(self, sums: SegmentSums | Indices) -> None:
        """Add the sums of some segments, or the numbers of those without sums."""
        ...

    def solved(self) -> Solved:
        """Return what was made of the sums."""
        ...

    def add_solved(self, start: int, solved: Solved) -> None:
        """Add what was made elsewhere of the sums of segments from number `start` on."""
        ...

    def fits(self, names: Values, rows: Indices) -> SegmentFits:
        """Return the equations of the segments that have `rows` (S,) in this fit."""
        ...


@dataclass(frozen=True, eq=False)
class SolvedBatch:
    """What some segments, from number `start` on, have come to in each fit."""

    start: int
    solved: Mapping[Parts, Solved]


@dataclass(frozen=True)
class FitFacts:
    """What the equations of all segments have in common in a fit: the `scaling` of shrunken lines.

    `recency` is how much the rows count for their age, in the mean, None where they do not.
    """

    scaling: Scaling | None
    recency: float | None


@dataclass(frozen=True, eq=False)
class SegmentEquations:
    """The equations of one kind for some segments, in each fit: what is to be solved."""

    kind: str
    cells: SegmentCells
    facts: Mapping[Parts, FitFacts]

    def lines(self, framework: FrameworkModule) -> dict[Parts, Lines]:
        """Return the lines of each fit, to which no sums are added yet."""
        make = {
            "segment_least_squares": self._own,
            "shrunken_least_squares": self._shrunken,
            "segment_gradient_descent": self._neurons,
        }[self.kind]
        return {trained: make(framework, trained) for trained in self.cells.fits}

    def solved(self, framework: FrameworkModule) -> dict[Parts, Lines]:
        """Return the lines of each fit, by one pass over the rows."""
        lines = self.lines(framework)
        for trained, sums in self.cells.sums(framework.row_products):
            lines[trained].add(sums)
        return lines

    def _own(self, framework: FrameworkModule, trained: Parts) -> Lines:
        return OwnLines(
            self.cells.encodings[trained].term_names(),
            len(self.cells),
            framework.inverses,
            partial(self._alone, framework, trained),
            read=partial(self.cells.fit_rows, trained=trained)
            if self._has_errors(trained)
            else None,
        )

    def _has_errors(self, trained: Parts) -> bool:
        """Return whether the coefficients of a fit are shown: the twin's or the refit's."""
        return len(trained) == max(map(len, self.cells.fits))

    def _shrunken(self, framework: FrameworkModule, trained: Parts) -> Lines:
        facts = self.facts[trained]
        assert facts.scaling is not None
        return ShrunkenLines(
            self.cells.encodings[trained].term_names(),
            facts.scaling,
            framework.inverses,
            partial(self._gram, framework, trained),
            recency=facts.recency,
        )

    def _neurons(self, framework: FrameworkModule, trained: Parts) -> Lines:
        encoding, job = self.cells.encodings[trained], self.cells.job
        return NeuronLines(
            encoding.term_names(),
            len(self.cells),
            framework.descend_stack,
            partial(self._gram, framework, trained),
            intercept=encoding.intercept,
            learning_rate=job.learning_rate,
            epochs=job.epochs,
            recency=self.facts[trained].recency,
        )

    def _gram(self, framework: FrameworkModule, trained: Parts, segment: int) -> Gram:
        """Return the sums of one segment in a fit, from its rows."""
        job, positions = self.cells.job, self.cells.rows(segment, trained)
        rows = Rows.of(
            self.cells.design(trained, positions), job.target[positions], job.fit_weight(positions)
        )
        return rows.gram(framework.row_products)

    def _alone(self, framework: FrameworkModule, trained: Parts, segment: int) -> OwnLine:
        """Return the line of one segment in a fit, from its rows."""
        cells, job = self.cells, self.cells.job
        positions, terms = cells.rows(segment, trained), cells.encodings[trained].term_names()
        if not positions.size:
            return none_of(len(terms), "it has no rows")
        return own_line(
            cells.design(trained, positions),
            job.target[positions],
            job.fit_weight(positions),
            terms,
            framework.row_products,
            recency=None if job.half_life is None else cells.mean_recency(positions),
            robust=self._has_errors(trained),
        )
