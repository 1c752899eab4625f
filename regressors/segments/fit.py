"""A kind that has an equation for each segment, on some rows of a job."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values
from regressors.blocks import rows_of
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Job, Part
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import Sums
from regressors.model import Model
from regressors.progress import part as part_of_work
from regressors.segments.fits import SegmentFits, inferred
from regressors.segments.lines import OwnLine, own_line
from regressors.segments.member import SegmentedMember, segment_rows
from regressors.segments.texts import segments_of

MAX_NAMED = 5
"""At most so many segments are named in a sentence."""


def of_all_rows(job: Job) -> Job:
    """Return the job of the line of all rows beside those of the segments."""
    if not job.candidate.is_segmented:
        return job
    columns = {name: job.columns[name] for name in job.columns if name not in job.segment}
    candidate = Candidate(job.candidate.framework, "least_squares")
    return replace(job, candidate=candidate, columns=columns, segment=())


class SegmentParts:
    """The fits of the parts of a job; `sums` are those of the line of all rows."""

    def __init__(self, framework: FrameworkModule, job: Job, sums: Sums) -> None:
        self._framework, self._job, self._sums = framework, job, sums
        self._pooled = of_all_rows(job)
        self._segments = segments_of(job.columns, job.segment)

    def fit(self, rows: Mask, *, part: str) -> Part:
        """Fit some rows (a mask); `part` names the fold, the twin or the refit."""
        with_errors = part in ("twin", "refit")
        line = fit_linear(
            self._framework,
            self._pooled,
            rows,
            part="twin" if with_errors else part,
            sums=self._sums,
        )
        assert line.solved is not None
        (member,) = line.model.members
        with part_of_work("segments"):
            fits = self._own_lines(member.encoding, rows)
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
        }
        return Part(
            Model(self._job.candidate, (equations,)),
            line.coefficients,
            details,
            (*line.warnings, *_warnings(fits)),
            segments=fits,
        )

    def _own_lines(self, encoding: Encoding, rows: Mask) -> SegmentFits:
        """Return the lines of the segments that some rows have."""
        terms, job = encoding.term_names(), self._job
        chosen = np.flatnonzero(rows)
        by_segment = segment_rows(self._segments.codes[chosen], len(self._segments))
        there = [i for i, positions in enumerate(by_segment) if positions.size]
        lines = []
        for i in there:
            positions = chosen[by_segment[i]]
            weight = job.fit_weight(positions)
            recency = None
            if job.half_life is not None:
                own_weight = None if job.weight is None else job.weight[positions]
                recency = float(np.average(job.recency(positions), weights=own_weight))
            lines.append(
                own_line(
                    encoding.design(rows_of(self._pooled.columns, positions)),
                    job.target[positions],
                    weight,
                    terms,
                    self._framework.row_products,
                    recency=recency,
                )
            )
        counts = np.array([by_segment[i].size for i in there], dtype=np.int64)
        return _together(self._segments.names[there], counts, terms, lines)


def _together(
    names: Values, rows: Indices, terms: tuple[str, ...], lines: Sequence[OwnLine]
) -> SegmentFits:
    def matrix(values: Iterator[Array]) -> Array:
        return np.array([*values]).reshape(len(lines), len(terms))

    reasons = np.array([*(line.reason for line in lines), None], dtype=object)[:-1]
    return inferred(
        names,
        rows,
        terms,
        matrix(line.estimates for line in lines),
        matrix(line.standard_errors for line in lines),
        np.array([line.freedom for line in lines], dtype=float),
        np.array([line.residual_sd for line in lines]),
        np.array([line.r2 for line in lines]),
        reasons,
        np.array([line.exact for line in lines], dtype=bool),
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
