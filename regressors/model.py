"""A fitted model: arrays and JSON that predict in NumPy alone.

A linear model has one member; an ANN has one per fold, and predicts their mean.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from regressors.arrays import Array, Arrays, Columns, Floats, Mask, Values
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.network.recipe import forward

UNKNOWN_WEIGHT = "its weight is unknown: the interval is that of a row of mean weight"
"""What `predicted` notes of such a row, where the model was trained with weights."""


@dataclass(frozen=True)
class LinearMember:
    """A linear equation: `estimates` (p,) of the terms of the encoding, in raw units."""

    encoding: Encoding
    estimates: Array

    def predict(self, columns: Columns) -> Array:
        """Predict (n,) in the target's units."""
        predicted: Array = self.encoding.design(columns) @ self.estimates
        return predicted

    def arrays(self) -> dict[str, Floats]:
        """Return the arrays to store."""
        return {"estimates": self.estimates}

    @classmethod
    def of(cls, encoding: Encoding, arrays: Mapping[str, NDArray[Any]]) -> "LinearMember":
        """Return the member with these stored arrays."""
        return cls(encoding, arrays["estimates"])


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

    def predict(self, columns: Columns) -> Array:
        """Predict (n,) in the target's units."""
        return self.output(*self.encoded(columns), self.layers)

    def encoded(self, columns: Columns) -> tuple[Array, Floats]:
        """Return the linear start (n,), standardised, and what the layers see (n, d)."""
        start = self.scale[2] + self.encoding.standardised(columns) @ self.ridge
        return start, self.encoding.network(columns).astype(self.layers[0].dtype)

    def output(self, start: Array, inputs: Floats, layers: Arrays) -> Array:
        """Return predictions (n,) in the target's units from encoded columns and these layers."""
        mean, sd, _ = self.scale
        predicted: Array = mean + sd * (start + forward(layers, inputs).astype(float))
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
    rows.
    """

    value: Array
    lower: Array
    upper: Array
    note: Values


@dataclass(frozen=True)
class Model:
    """A fitted candidate; `half_width` is that of its prediction interval, in target units.

    Where training rows had weights, it is for a row of their mean, `mean_weight`.
    """

    candidate: Candidate
    members: tuple[LinearMember | NetworkMember, ...]
    half_width: float | None = None
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
        """Predict (n,) in the target's units: the mean of the members."""
        predicted: Array = np.mean([member.predict(columns) for member in self.members], axis=0)
        return predicted

    def predicted(self, columns: Columns, weight: Array | None = None) -> Predicted:
        """Predict n rows that the model was not fitted on, each with its interval and its note.

        `weight` (n,) is NaN, or altogether None, where it is not known.
        """
        value = self.predict(columns)
        reach = self.reach(len(value), weight)
        note = np.full(len(value), None, dtype=object)
        if self.mean_weight is not None:
            note[~_known(weight, len(value))] = UNKNOWN_WEIGHT
        return Predicted(value, value - reach, value + reach, note)

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
        return replace(self, half_width=twin.half_width, mean_weight=twin.mean_weight)

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
        # Models of older releases took no account of weights.
        mean_weight = description.get("mean_weight")
        return cls(candidate, members, description["half_width"], mean_weight)


def _known(weight: Array | None, rows: int) -> Mask:
    """Return which of n rows have a usable weight (n,): a finite one above zero."""
    if weight is None:
        return np.zeros(rows, dtype=bool)
    return np.isfinite(weight) & (weight > 0)


def linear_model(candidate: Candidate, encoding: Encoding, estimates: Array) -> Model:
    """Return a linear model of one member."""
    assert len(encoding.term_names()) == len(estimates)
    return Model(candidate, (LinearMember(encoding, estimates),))
