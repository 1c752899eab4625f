"""A fitted model: arrays and JSON that predict in NumPy alone.

A linear model has one member, which may have an equation for each segment; an ANN has one per
fold, and predicts their mean.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from regressors.arrays import Array, Arrays, Columns, Floats, Indices, Mask, Values
from regressors.blocks import blocks_of, release, rows_of
from regressors.candidate import Candidate
from regressors.encoding.combinations import combinations_of
from regressors.encoding.doubts import Doubt, doubts_of, in_common, notes_of
from regressors.encoding.lookups import put_together, weighted_blocks
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals, is_known
from regressors.linear.prediction import weighted_terms
from regressors.network.rowwise import ExactNetwork
from regressors.predicted import Predicted
from regressors.progress import report
from regressors.segments.member import SegmentedMember
from regressors.uncertainty import linear_spread, tried_spread

COVERAGE = 0.9
"""What the intervals of models of version 0.1.0 are taken to cover, which do not say it."""

ENCODED_ROWS = 8192
"""So many rows are encoded and predicted at once, which needs little memory and is fastest."""

SUMMED_ROWS = 65_536
"""So many where no matrix is made of them, since the columns are only summed."""

UNKNOWN_WEIGHT = "its weight is unknown: the interval is that of a row of mean weight"
"""What `predicted` notes of such a row, where the model was trained with weights."""


@dataclass(frozen=True)
class LinearMember:
    """A linear equation: `estimates` (p,) of the terms of the encoding, in raw units.

    Where terms depended on each other, `breaches` (p, m) are what `LeastSquares` has.
    """

    encoding: Encoding
    estimates: Array
    breaches: Array | None = None

    @property
    def is_summed(self) -> bool:
        """Return whether rows are predicted column by column, without a matrix of them."""
        return self.breaches is None and not self.encoding.products

    def parts(self, columns: Columns) -> Columns:
        """Return the parts of the encoding."""
        return self.encoding.parts(columns, in_codes=True)

    def predict(self, parts: Columns) -> Array:
        """Predict (n,) in the target's units, from the parts of the encoding."""
        return weighted_terms(self.encoding, parts, self.estimates)

    def spread(self, part: str, parts: Columns) -> Array:
        """Return the SD (n,) of the predictions over the values that a part may have."""
        if self.encoding.in_products(part):
            return tried_spread(self, part, parts)
        spread = linear_spread(self.encoding, self.estimates, part)
        return np.full(len(parts[part]), spread)

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays to store."""
        more = {} if self.breaches is None else {"breaches": self.breaches}
        return {"estimates": self.estimates, **more}

    @classmethod
    def of(cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]]) -> "LinearMember":
        """Return the member with these stored arrays."""
        return cls(encoding, arrays["estimates"], arrays.get("breaches"))

    def combinations(self, parts: Columns) -> tuple[Mask, Values]:
        """Return which rows (n,) combine columns as training never did, and what to note of each.

        These are the rows that break a dependence that all training rows met; only a member with
        `breaches` has any.
        """
        assert self.breaches is not None
        return combinations_of(self.encoding, self.encoding.design_of(parts), self.breaches)


@dataclass(frozen=True)
class NetworkMember:
    """A network beside its linear start: target = mean + sd (intercept + z ridge + network(x)).

    z (n, q) and x (n, d) are encoded columns. `scale` holds mean and sd of the target and the
    intercept; `ridge` is (q,); `layers` are the arrays W1, b1, ..., w, b.
    """

    encoding: Encoding
    scale: Array
    ridge: Array
    layers: tuple[Floats, ...]

    def parts(self, columns: Columns) -> Columns:
        """Return the parts of the encoding."""
        return self.encoding.parts(columns, in_codes=True)

    def predict(self, parts: Columns) -> Array:
        """Predict (n,) in the target's units, from the parts of the encoding."""
        rows = len(next(iter(parts.values()))) if parts else 0
        predicted = np.empty(rows)
        for block in blocks_of(rows, ENCODED_ROWS):
            number = block.stop - block.start
            start, inputs = self.encoding.blocks(rows_of(parts, block))
            linear = self.scale[2] + weighted_blocks(start, number, self.ridge)
            predicted[block] = self._in_units(linear, self._network.output_of(inputs, number))
        return predicted

    @cached_property
    def _network(self) -> ExactNetwork:
        return ExactNetwork(self.layers)

    def spread(self, part: str, parts: Columns) -> Array:
        """Return the SD (n,) of the predictions over the values that a part may have."""
        return tried_spread(self, part, parts)

    def encoded(self, parts: Columns) -> tuple[Array, Floats]:
        """Return the linear start (n,), standardised, and what the layers see (n, d)."""
        start, inputs = self.encoding.blocks(parts)
        rows = len(next(iter(parts.values()), ()))
        linear = self.scale[2] + weighted_blocks(start, rows, self.ridge)
        return linear, put_together(inputs, rows, self.layers[0].dtype)

    def output(self, start: Array, inputs: Floats, layers: Arrays) -> Array:
        """Return predictions (n,) in the target's units from encoded columns and these layers."""
        return self._in_units(start, ExactNetwork(layers).output(inputs))

    def _in_units(self, start: Array, output: Floats) -> Array:
        mean, sd, _ = self.scale
        predicted: Array = mean + sd * (start + output.astype(float))
        return predicted

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays to store."""
        layers = {f"layer{i:02d}": array for i, array in enumerate(self.layers)}
        return {"scale": self.scale, "ridge": self.ridge, **layers}

    @classmethod
    def of(cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]]) -> "NetworkMember":
        """Return the member with these stored arrays."""
        layers = tuple(arrays[name] for name in sorted(arrays) if name.startswith("layer"))
        return cls(encoding, arrays["scale"], arrays["ridge"], layers)


@dataclass(frozen=True)
class Model:
    """A fitted candidate with its prediction `intervals`, None where rows were too few for them."""

    candidate: Candidate
    members: tuple[LinearMember | NetworkMember | SegmentedMember, ...]
    intervals: Intervals | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Return the columns that `predicted` needs."""
        own = self.intervals.columns if self.intervals else ()
        return tuple(dict.fromkeys([*self.members[0].encoding.names, *self.segment, *own]))

    @property
    def segment(self) -> tuple[str, ...]:
        """Return the columns that make the text of a row's segment; none without segments."""
        (member, *_) = self.members
        return member.segment if isinstance(member, SegmentedMember) else ()

    @property
    def column_types(self) -> dict[str, str]:
        """Return the type of each column that is used: number, category, boolean or time."""
        of_intervals = self.intervals.column_types if self.intervals else {}
        of_segment = dict.fromkeys(self.segment, "category")
        return {**of_intervals, **of_segment, **self.members[0].encoding.column_types}

    @property
    def mean_weight(self) -> float | None:
        """Return the mean weight of the training rows, None where they had no weights."""
        return self.intervals.mean_weight if self.intervals else None

    def predict(self, columns: Columns) -> Array:
        """Predict (n,) in the target's units: the mean of the members.

        The digits of a row depend on that row alone.
        """
        predicted = np.empty(self._rows(columns))
        for rows, block in self._blocks(columns):
            predicted[rows] = _mean([m.predict(m.parts(block)) for m in self.members])
        return predicted

    def predicted(self, columns: Columns, weight: Array | None = None) -> Predicted:
        """Predict n rows that the model was not fitted on, each with its interval and its note.

        `weight` (n,) is NaN, or altogether None, where it is not known. Where training does not
        know a row's level, or a number is missing as it never was, the prediction is a mean over
        the levels, or at the median. Its error then has a further part, of the SD of the effects:
        this SD times the normal quantile of the level widens the interval to both sides, as the
        root of the sum of squares with what it would be.
        """
        number = self._rows(columns)
        value = np.empty(number)
        levels = len(self.intervals.levels) if self.intervals else 1
        ends = [(np.full(number, np.nan), np.full(number, np.nan)) for _ in range(levels)]
        noted, texts = [np.zeros(0, dtype=np.int64)], list[str]()
        for rows, block in self._blocks(columns):
            report(rows.start / max(number, 1), f"{rows.start:,} of {number:,} rows predicted")
            own_weight = None if weight is None else weight[rows]
            value[rows], of_block, (odd, of_odd) = self._predicted(block, own_weight)
            for (lower, upper), (low, high) in zip(ends, of_block, strict=False):
                lower[rows], upper[rows] = low, high
            noted.append(rows.start + odd)
            texts += of_odd
        of_noted = np.array(texts, dtype=object)
        return Predicted(value, *ends[0], np.concatenate(noted), of_noted, tuple(ends[1:]))

    def unknown_spread(self, columns: Columns) -> Array:
        """Return the SD (n,) of what n rows have that training does not know, 0 for most rows.

        It is that which widens their intervals: the root of the sum over all that is unknown.
        """
        variance = np.zeros(self._rows(columns))
        for rows, block in self._blocks(columns):
            parts = [member.encoding.parts(block, in_codes=True) for member in self.members]
            pairs = list(zip(self.members, parts, strict=True))
            doubts = in_common([doubts_of(member.encoding, own) for member, own in pairs])
            for at, spread in _spreads(pairs, doubts):
                variance[rows.start + at] += np.square(spread)
        return np.sqrt(variance)

    def _rows(self, columns: Columns) -> int:
        return len(next((columns[name] for name in self.features if name in columns), ()))

    def _blocks(self, columns: Columns) -> Iterator[tuple[slice, Columns]]:
        """Yield ranges of rows with the columns that the model needs; at least one."""
        needed = {name: columns[name] for name in self.features if name in columns}
        are_summed = all(isinstance(m, LinearMember) and m.is_summed for m in self.members)
        step = SUMMED_ROWS if are_summed else ENCODED_ROWS
        for rows in [*blocks_of(self._rows(columns), step)] or [slice(0, 0)]:
            yield rows, rows_of(needed, rows)
            release(needed.values())

    def _predicted(
        self, columns: Columns, weight: Array | None
    ) -> tuple[Array, tuple[tuple[Array, Array], ...], tuple[Indices, list[str]]]:
        """Return the predictions (n,), the ends (n,) of their intervals, and some rows' notes."""
        parts = [member.parts(columns) for member in self.members]
        pairs = list(zip(self.members, parts, strict=True))
        value = _mean([member.predict(own) for member, own in pairs])
        doubts = in_common([doubts_of(member.encoding, own) for member, own in pairs])
        intervals = self.intervals
        ends: tuple[tuple[Array, Array], ...] = ()
        if intervals is not None:
            reach = intervals.reach(columns, value, weight)
            for rows, spread in _spreads(pairs, doubts):
                reach[rows] = intervals.widened(reach[rows], spread)
            ends = intervals.ends(value, reach)
        notes = [(doubt.rows, doubt.notes) for doubt in doubts]
        certain = ~np.any(
            [np.zeros(len(value), bool), *(doubt.unknown for doubt in doubts)], axis=0
        )
        for member, own in pairs:
            if isinstance(member, LinearMember) and member.breaches is not None:
                rare, texts = member.combinations(own)
                notes.append((rare & certain, texts))
            if isinstance(member, SegmentedMember):
                notes.append(member.unseen(columns, own))
        if self.mean_weight is not None:
            unknown = ~is_known(weight, len(value))
            notes.append((unknown, np.full(len(value), UNKNOWN_WEIGHT, dtype=object)))
        return value, ends, notes_of(notes)

    def with_interval_of(self, twin: "Model") -> "Model":
        """Return this model, refitted on all rows, with the prediction intervals of its twin."""
        return replace(self, intervals=twin.intervals)

    def to_bytes(self) -> bytes:
        """Return the model in the safetensors format, with a description as JSON in its header."""
        arrays = {
            f"{i:02d}.{name}": np.ascontiguousarray(array)
            for i, member in enumerate(self.members)
            for name, array in member.arrays().items()
        }
        description: dict[str, Any] = {
            "framework": self.candidate.framework,
            "kind": self.candidate.kind,
            "intervals": None if self.intervals is None else self.intervals.to_json(),
            "encodings": [member.encoding.to_json() for member in self.members],
        }
        if self.segment:
            description["segment"] = list(self.segment)
        return safetensors.numpy.save(arrays, {"nightfit": json.dumps(description)})

    @classmethod
    def from_bytes(cls, artifact: bytes) -> "Model":
        """Return the model that `to_bytes` wrote, equal to the last bit."""
        length = int.from_bytes(artifact[:8], "little")
        header = json.loads(artifact[8 : 8 + length])
        description = json.loads(header["__metadata__"]["nightfit"])
        arrays = safetensors.numpy.load(artifact)
        candidate = Candidate(description["framework"], description["kind"])
        member: Callable[..., LinearMember | NetworkMember | SegmentedMember] = LinearMember.of
        if candidate.kind == "ann":
            member = NetworkMember.of
        elif "segment" in description:
            member = partial(SegmentedMember.of, segment=description["segment"])
        members = tuple(
            member(
                Encoding.from_json(encoding),
                {k[3:]: a for k, a in arrays.items() if k.startswith(f"{i:02d}.")},
            )
            for i, encoding in enumerate(description["encodings"])
        )
        return cls(candidate, members, _intervals(description))


def _spreads(
    pairs: Sequence[tuple[LinearMember | NetworkMember | SegmentedMember, Columns]],
    doubts: Sequence[Doubt],
) -> Iterator[tuple[Indices, Array]]:
    """Yield the rows in which each part is unknown to all members, with the mean of its SDs."""
    for doubt in doubts:
        rows = np.flatnonzero(doubt.unknown)
        if rows.size:
            yield rows, _mean([m.spread(doubt.part, rows_of(own, rows)) for m, own in pairs])


def _intervals(description: Mapping[str, Any]) -> Intervals | None:
    """Return the intervals of a stored model; earlier releases kept one half-width for all rows.

    Those before weights took no account of them, and did not keep the coverage.
    """
    if "half_width" not in description:
        kept = description["intervals"]
        return None if kept is None else Intervals.from_json(kept)
    if description["half_width"] is None:
        return None
    coverage = description.get("coverage", COVERAGE)
    return Intervals.constant(description["half_width"], coverage, description.get("mean_weight"))


def _mean(figures: Sequence[Array]) -> Array:
    """Return the mean (n,) of the members' figures, added in the order of the members."""
    total = np.zeros(len(figures[0]))
    for of_member in figures:
        total += of_member
    return total / len(figures)


def linear_model(
    candidate: Candidate, encoding: Encoding, estimates: Array, breaches: Array | None = None
) -> Model:
    """Return a linear model of one member."""
    assert len(encoding.term_names()) == len(estimates)
    return Model(candidate, (LinearMember(encoding, estimates, breaches),))
