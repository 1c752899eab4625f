"""A fitted model: arrays and JSON that predict in NumPy alone.

A linear model has one member; an ANN has one per fold, and predicts their mean.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from scipy.special import ndtri

from regressors.arrays import Array, Arrays, Columns, Floats, Indices, Mask, Values
from regressors.blocks import blocks_of, release, rows_of
from regressors.candidate import Candidate
from regressors.encoding.combinations import combinations_of
from regressors.encoding.doubts import doubts_of, in_common, notes_of
from regressors.encoding.lookups import put_together, weighted_blocks
from regressors.encoding.matrices import Encoding
from regressors.linear.prediction import weighted_terms
from regressors.network.rowwise import ExactNetwork
from regressors.progress import report
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
class Predicted:
    """Predictions (n,) in the target's units, with their intervals and what makes them doubtful.

    `lower` and `upper` are NaN where there is no interval; `note` (n,) holds texts, None for most
    rows: those that `noted` does not list.
    """

    value: Array
    lower: Array
    upper: Array
    note: Values
    noted: Indices


@dataclass(frozen=True)
class Model:
    """A fitted candidate; `half_width` is that of its prediction interval, in target units.

    It is to cover the share `coverage` of true values. Where training rows had weights, it is for a
    row of their mean, `mean_weight`.
    """

    candidate: Candidate
    members: tuple[LinearMember | NetworkMember, ...]
    half_width: float | None = None
    coverage: float = COVERAGE
    mean_weight: float | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Return the columns that `predict` needs."""
        return self.members[0].encoding.names

    @property
    def column_types(self) -> dict[str, str]:
        """Return the type of each column that is used: number, category, boolean or time."""
        return self.members[0].encoding.column_types

    def predict(self, columns: Columns) -> Array:
        """Predict (n,) in the target's units: the mean of the members.

        The digits of a row depend on that row alone.
        """
        predicted = np.empty(self._rows(columns))
        for rows, block in self._blocks(columns):
            predicted[rows] = _mean(
                [m.predict(m.encoding.parts(block, in_codes=True)) for m in self.members]
            )
        return predicted

    def predicted(self, columns: Columns, weight: Array | None = None) -> Predicted:
        """Predict n rows that the model was not fitted on, each with its interval and its note.

        `weight` (n,) is NaN, or altogether None, where it is not known. Where training does not
        know a row's level, or a number is missing as it never was, the prediction is a mean over
        the levels, or at the median. Its error then has a further part, of the SD of the effects:
        this SD times the normal quantile of the coverage widens the interval, as the root of the
        sum of squares with what it would be.
        """
        number = self._rows(columns)
        value, lower, upper = np.empty((3, number))
        note: Values = np.empty(number, dtype=object)  # of None
        noted = [np.zeros(0, dtype=np.int64)]
        for rows, block in self._blocks(columns):
            report(rows.start / max(number, 1), f"{rows.start:,} of {number:,} rows predicted")
            own_weight = None if weight is None else weight[rows]
            value[rows], reach, (odd, texts) = self._predicted(block, own_weight)
            lower[rows], upper[rows] = value[rows] - reach, value[rows] + reach
            noted.append(rows.start + odd)
            note[noted[-1]] = texts
        return Predicted(value, lower, upper, note, np.concatenate(noted))

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
    ) -> tuple[Array, Array, tuple[Indices, list[str]]]:
        """Return the predictions (n,), the reach (n,) of their intervals, and some rows' notes."""
        parts = [member.encoding.parts(columns, in_codes=True) for member in self.members]
        pairs = list(zip(self.members, parts, strict=True))
        value = _mean([member.predict(own) for member, own in pairs])
        doubts = in_common([doubts_of(member.encoding, own) for member, own in pairs])
        reach = self.reach(len(value), weight)
        for doubt in doubts:
            rows = np.flatnonzero(doubt.unknown)
            if self.half_width is not None and rows.size:
                spread = _mean([m.spread(doubt.part, rows_of(own, rows)) for m, own in pairs])
                more = float(ndtri((1 + self.coverage) / 2)) * spread
                reach[rows] = np.sqrt(np.square(reach[rows]) + np.square(more))
        notes = [(doubt.rows, doubt.notes) for doubt in doubts]
        certain = ~np.any(
            [np.zeros(len(value), bool), *(doubt.unknown for doubt in doubts)], axis=0
        )
        for member, own in pairs:
            if isinstance(member, LinearMember) and member.breaches is not None:
                rare, texts = member.combinations(own)
                notes.append((rare & certain, texts))
        if self.mean_weight is not None:
            unknown = ~_known(weight, len(value))
            notes.append((unknown, np.full(len(value), UNKNOWN_WEIGHT, dtype=object)))
        return value, reach, notes_of(notes)

    def reach(self, rows: int, weight: Array | None = None) -> Array:
        """Return how far the intervals of n rows reach to each side; NaN where there is none.

        The weight of a row is proportional to one over the variance of its error, so its interval
        is narrower by the root of it. A row of unknown `weight` (n,) has the interval of the mean.
        """
        widths = np.full(rows, np.nan if self.half_width is None else self.half_width)
        if self.mean_weight is None or weight is None:
            return widths
        known = np.where(_known(weight, rows), weight, self.mean_weight)
        reach: Array = widths * np.sqrt(self.mean_weight / known)
        return reach

    def with_interval_of(self, twin: "Model") -> "Model":
        """Return this model, refitted on all rows, with the prediction interval of its twin."""
        return replace(
            self,
            half_width=twin.half_width,
            coverage=twin.coverage,
            mean_weight=twin.mean_weight,
        )

    def to_bytes(self) -> bytes:
        """Return the model in the safetensors format, with a description as JSON in its header."""
        arrays = {
            f"{i:02d}.{name}": np.ascontiguousarray(array)
            for i, member in enumerate(self.members)
            for name, array in member.arrays().items()
        }
        description = {
            "framework": self.candidate.framework,
            "kind": self.candidate.kind,
            "half_width": self.half_width,
            "coverage": self.coverage,
            "mean_weight": self.mean_weight,
            "encodings": [member.encoding.to_json() for member in self.members],
        }
        return safetensors.numpy.save(arrays, {"nightfit": json.dumps(description)})

    @classmethod
    def from_bytes(cls, artifact: bytes) -> "Model":
        """Return the model that `to_bytes` wrote, equal to the last bit."""
        length = int.from_bytes(artifact[:8], "little")
        header = json.loads(artifact[8 : 8 + length])
        description = json.loads(header["__metadata__"]["nightfit"])
        arrays = safetensors.numpy.load(artifact)
        candidate = Candidate(description["framework"], description["kind"])
        member = NetworkMember if candidate.kind == "ann" else LinearMember
        members = tuple(
            member.of(
                Encoding.from_json(encoding),
                {k[3:]: a for k, a in arrays.items() if k.startswith(f"{i:02d}.")},
            )
            for i, encoding in enumerate(description["encodings"])
        )
        # Models of older releases took no account of weights, and did not keep the coverage.
        coverage = description.get("coverage", COVERAGE)
        mean_weight = description.get("mean_weight")
        return cls(candidate, members, description["half_width"], coverage, mean_weight)


def _mean(figures: Sequence[Array]) -> Array:
    """Return the mean (n,) of the members' figures, added in the order of the members."""
    total = np.zeros(len(figures[0]))
    for of_member in figures:
        total += of_member
    return total / len(figures)


def _known(weight: Array | None, rows: int) -> Mask:
    """Return which of n rows have a usable weight (n,): a finite one above zero."""
    if weight is None:
        return np.zeros(rows, dtype=bool)
    return np.isfinite(weight) & (weight > 0)


def linear_model(
    candidate: Candidate, encoding: Encoding, estimates: Array, breaches: Array | None = None
) -> Model:
    """Return a linear model of one member."""
    assert len(encoding.term_names()) == len(estimates)
    return Model(candidate, (LinearMember(encoding, estimates, breaches),))
