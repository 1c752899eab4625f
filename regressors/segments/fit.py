"""A kind that has an equation for each segment, on some rows of a job."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from regressors.arrays import Mask
from regressors.candidate import Candidate
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import Sums, gram_of_rows
from regressors.model import Model
from regressors.progress import part as part_of_work
from regressors.segments.equations import FitFacts, Lines, SegmentEquations
from regressors.segments.fits import SegmentFits
from regressors.segments.member import SegmentedMember
from regressors.segments.shrunken_lines import Scaling
from regressors.segments.table import Parts, SegmentTable

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
            fits = lines.fits(self._table.names, self._table.cells.counts(trained))
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
            (*line.warnings, *_warnings(fits, lines.details)),
            segments=fits,
        )

    def _solved(self, trained: Parts) -> Lines:
        """Return the lines of a fit; those of all fits are made in one pass over the rows."""
        if not self._lines:
            equations, batches = self.equations(), self._job.segment_batches
            if batches:
                self._lines = equations.lines(self._framework)
                for batch in batches:
                    for each, solved in batch.solved.items():
                        self._lines[each].add_solved(batch.start, solved)
            else:
                self._lines = equations.solved(self._framework)
        return self._lines[trained]

    def equations(self) -> SegmentEquations:
        """Return the equations of all segments in each fit, which are yet to be solved."""
        cells, kind = self._table.cells, self._job.candidate.kind
        facts = {}
        for trained in cells.fits:
            rows = self._table.mask(trained)
            scaling = self._scaling(trained, rows) if kind == "shrunken_least_squares" else None
            facts[trained] = FitFacts(scaling, self._job.mean_recency(rows))
        return SegmentEquations(kind, cells, facts)

    def _scaling(self, trained: Parts, rows: Mask) -> Scaling:
        encoding, gram = self._table.cells.encodings[trained], self._sums.gram(rows)
        if gram is None:
            gram = gram_of_rows(self._pooled, encoding, rows, self._framework.row_products)
        return Scaling.of(gram, intercept=encoding.intercept)


def _warnings(fits: SegmentFits, details: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the reader of a run is to know of the segments."""
    if going := details.get("not_converged"):
        yield (
            f"the neurons of {going:,} of {len(fits.names):,} segments had not converged after"
            f" {details['epochs']:,} epochs; declare more epochs, or no learning rate."
        )
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
