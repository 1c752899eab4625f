"""A kind that has an equation for each segment, on some rows of a job."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from regressors.arrays import Indices, Mask, Values
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import Sums, gram_of_rows
from regressors.linear.gram import Gram
from regressors.linear.rows import Rows
from regressors.model import Model
from regressors.progress import part as part_of_work
from regressors.segments.fits import SegmentFits
from regressors.segments.lines import OwnLine, none_of, own_line
from regressors.segments.member import SegmentedMember
from regressors.segments.own_lines import OwnLines
from regressors.segments.shrunken_lines import Scaling, ShrunkenLines
from regressors.segments.table import Parts, SegmentSums, SegmentTable

MAX_NAMED = 5
"""At most so many segments are named in a sentence."""
WITH_ERRORS = ("twin", "refit")
"""The fits whose coefficients are shown, with their standard errors."""


def of_all_rows(job: Job) -> Job:
    """Return the job of the line of all rows beside those of the segments."""
    if not job.candidate.is_segmented:
        return job
    columns = {name: job.columns[name] for name in job.columns if name not in job.segment}
    candidate = Candidate(job.candidate.framework, "least_squares")
    return replace(job, candidate=candidate, columns=columns, segment=())


class Lines(Protocol):
    """The equations of the segments of one fit, whose sums are added a few segments at a time."""

    details: dict[str, Any]

    def add(self, sums: SegmentSums | Indices) -> None:
        """Add the sums of some segments, or the numbers of those without sums."""
        ...

    def fits(self, names: Values, rows: Indices) -> SegmentFits:
        """Return the equations of the segments that have `rows` (S,) in this fit."""
        ...


class SegmentParts:
    """The fits of a job, on the rows (masks) of each of which it trains.

    `sums` are those of the line of all rows.
    """

    def __init__(
        self, framework: FrameworkModule, job: Job, sums: Sums, fits: Iterable[Mask]
    ) -> None:
        self._framework, self._job, self._sums = framework, job, sums
        self._pooled = of_all_rows(job)
        self._table = SegmentTable(job, self._pooled, sums, fits)
        self._lines: dict[Parts, Lines] = {}

    def fit(self, rows: Mask, *, part: str) -> Part:
        """Fit some rows (a mask); `part` names the fold, the twin or the refit."""
        with_errors = part in WITH_ERRORS
        line = fit_linear(
            self._framework,
            self._pooled,
            rows,
            part=WITH_ERRORS[0] if with_errors else part,
            sums=self._sums,
        )
        assert line.solved is not None
        (member,) = line.model.members
        with part_of_work("segments"):
            trained = self._table.parts_of(rows)
            lines = self._solved(trained)
            fits = lines.fits(self._table.names, self._table.counts(trained))
        own = fits.own
        estimates = line.solved.estimates
        whole = np.where(own[:, None], np.nan_to_num(fits.estimates, nan=0.0), estimates)
        equations = SegmentedMember(
            member.encoding, estimates, self._job.segment, fits.names, np.ascontiguousarray(whole)
        )
        details = {
            **line.details,
            "segments": len(own),
            "own_lines": int(own.sum()),
            "left_out_terms": int(np.isnan(fits.estimates[own]).sum()),
            **lines.details,
        }
        return Part(
            Model(self._job.candidate, (equations,)),
            line.coefficients,
            details,
            (*line.warnings, *_warnings(fits)),
            segments=fits,
        )

    def _solved(self, trained: Parts) -> "Lines":
        """Return the lines of a fit; those of all fits are made in one pass over the rows."""
        if not self._lines:
            for each in self._table.fits:
                self._lines[each] = self._shrunken(each) if self._shrinks else self._own(each)
            for each, sums in self._table.sums(self._framework.row_products):
                self._lines[each].add(sums)
        return self._lines[trained]

    @property
    def _shrinks(self) -> bool:
        return self._job.candidate.kind == "shrunken_least_squares"

    def _own(self, trained: Parts) -> OwnLines:
        return OwnLines(
            self._table.encoding(trained).term_names(),
            len(self._table.names),
            self._framework.inverses,
            partial(self._alone, trained),
            with_errors=len(trained) == max(map(len, self._table.fits)),
            robust=self._job.half_life is not None,
        )

    def _shrunken(self, trained: Parts) -> ShrunkenLines:
        rows, encoding = self._table.mask(trained), self._table.encoding(trained)
        gram = self._sums.gram(rows)
        if gram is None:
            gram = gram_of_rows(self._pooled, encoding, rows, self._framework.row_products)
        return ShrunkenLines(
            encoding.term_names(),
            Scaling.of(gram, intercept=encoding.intercept),
            self._framework.inverses,
            partial(self._gram, trained),
            recency=self._job.mean_recency(rows),
        )

    def _gram(self, trained: Parts, segment: int) -> Gram:
        """Return the sums of one segment in a fit, from its rows."""
        positions = self._table.rows(segment, trained)
        rows = Rows.of(
            self._table.design(trained, positions),
            self._job.target[positions],
            self._job.fit_weight(positions),
        )
        return rows.gram(self._framework.row_products)

    def _alone(self, trained: Parts, segment: int) -> OwnLine:
        """Return the line of one segment in a fit, from its rows."""
        job, positions = self._job, self._table.rows(segment, trained)
        if not positions.size:
            return none_of(len(self._table.encoding(trained).term_names()), "it has no rows")
        recency = None
        if job.half_life is not None:
            weight = None if job.weight is None else job.weight[positions]
            recency = float(np.average(job.recency(positions), weights=weight))
        return own_line(
            self._table.design(trained, positions),
            job.target[positions],
            job.fit_weight(positions),
            self._table.encoding(trained).term_names(),
            self._framework.row_products,
            recency=recency,
        )


def _warnings(fits: SegmentFits) -> Iterator[str]:
    """Yield what the reader of a run is to know of the segments."""
    without = np.flatnonzero(~fits.own)
    if without.size:
        shown = [f"{fits.names[i]} ({fits.reason[i]})" for i in without[:MAX_NAMED]]
        more = f" and {without.size - MAX_NAMED:,} more" if without.size > MAX_NAMED else ""
        yield (
            f"{without.size:,} of {len(fits.names):,} segments have no equation of their own, and"
            f" are predicted by that of all rows: {'; '.join(shown)}{more}."
        )
    left_out = np.isnan(fits.estimates) & fits.own[:, None]
    if left_out.any():
        which = np.flatnonzero(left_out.any(axis=1))
        shown = []
        for i in which[:MAX_NAMED]:
            terms = [term for term, gone in zip(fits.terms, left_out[i], strict=True) if gone]
            more = f" and {len(terms) - MAX_NAMED} more" if len(terms) > MAX_NAMED else ""
            shown.append(f"{fits.names[i]} ({', '.join(terms[:MAX_NAMED])}{more})")
        more = f" and {which.size - MAX_NAMED:,} more" if which.size > MAX_NAMED else ""
        yield (
            f"the equations of {which.size:,} segments leave out terms that depend on earlier ones"
            f" there: {'; '.join(shown)}{more}."
        )
