"""The linear start of a network: an encoding, and the ridge regression that comes before it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Mask
from regressors.blocks import blocks_of, rows_of
from regressors.encoding.continued import continued
from regressors.encoding.lookups import Block
from regressors.encoding.matrices import Encoding
from regressors.job import Grouping, Job, take
from regressors.model import ENCODED_ROWS, NetworkMember
from regressors.network.input_rows import InputRows, input_rows
from regressors.network.recipe import PREDICTED_ROWS
from regressors.network.ridge import Inputs, Ridge, fit_ridge

GROUP_PASSES = 2
"""Groups are found beside the plain linear start first, then beside one that includes them."""


@dataclass(frozen=True)
class LinearStart:
    """The ridge regression that a network starts from, on n training rows.

    `residual` (n,) is what it leaves of the standardised target, `inputs` (n, d) is what the layers
    see, `weight` (n,) has a mean of 1.
    """

    encoding: Encoding
    ridge: Ridge
    target_mean: float
    target_sd: float
    residual: Array
    inputs: InputRows
    weight: Array

    @property
    def divisor(self) -> float:
        """Return the target's SD, 1 for a constant target."""
        return self.target_sd or 1.0

    def predict(self, columns: Columns) -> Array:
        """Return standardised predictions (n,) for rows that were not fitted."""
        return _predicted(self.ridge, lambda rows: self._linear(columns, rows), _rows(columns))

    def _linear(self, columns: Columns, rows: slice) -> Array:
        return self.encoding.standardised(rows_of(columns, rows))

    def held_inputs(self, columns: Columns) -> InputRows:
        """Return what the layers see (n, d) of rows that were not fitted."""
        return _input_rows(self.encoding, columns, np.empty((_rows(columns), 0)))

    def member(self, layers: tuple[Any, ...]) -> NetworkMember:
        """Return the member of a model; for a constant target, it predicts that constant."""
        scale = np.array([self.target_mean, self.target_sd, self.ridge.intercept])
        return NetworkMember(self.encoding, scale, self.ridge.weights, layers)


def linear_start(job: Job, train: Mask, grouping: Grouping, seed: int) -> LinearStart:
    """Fit the encoding and the ridge regression, twice where groups are wanted."""
    columns, target, weight = take(job.columns, train), job.target[train], job.fit_weights(train)
    mean, sd = float(target.mean()), float(target.std())
    standardised = (target - mean) / (sd or 1.0)
    plain = encoding = Encoding.fit(columns, declared_parts=job.time_parts)
    effects = for_layers = np.empty((len(target), 0))

    def linear(rows: slice) -> Array:
        own = plain.standardised(rows_of(columns, rows))
        return np.hstack([own, effects[rows]]) if effects.shape[1] else own

    ridge = fit_ridge(linear, standardised, weight)
    if grouping != "none":
        residual = ridge.left_out
        for _ in range(GROUP_PASSES):
            encoding, fitted = plain.with_groups(
                columns,
                residual,
                weight,
                [seed, 0, 1],
                pairs=grouping == "pairs",
                together=job.groups_of(train),
            )
            effects = fitted.effects
            ridge = fit_ridge(linear, standardised, weight)
            group_weights = ridge.weights[len(ridge.weights) - effects.shape[1] :]
            residual = ridge.left_out + effects @ group_weights
        for_layers = np.hstack([fitted.effects, fitted.counts])
    return LinearStart(
        encoding=encoding,
        ridge=ridge,
        target_mean=mean,
        target_sd=sd,
        residual=standardised - _predicted(ridge, linear, len(target)),
        inputs=_input_rows(plain, columns, for_layers),
        weight=weight,
    )


def _predicted(ridge: Ridge, linear: Inputs, rows: int) -> Array:
    predicted = np.empty(rows)
    step = PREDICTED_ROWS if rows <= PREDICTED_ROWS else ENCODED_ROWS
    for block in blocks_of(rows, step):
        predicted[block] = ridge.intercept + linear(block) @ ridge.weights
    return predicted


def _input_rows(encoding: Encoding, columns: Columns, more: Array) -> InputRows:
    def encode(some: Columns) -> list[Block]:
        return encoding.network_blocks(encoding.parts(some))

    return input_rows(encode, columns, more)


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))


def continued_start(job: Job, train: Mask, member: NetworkMember) -> LinearStart | None:
    """Return the linear start of a network that was fitted on fewer rows, for all of these.

    It stays as it was, with its encoding, so that the network still fits what it leaves. None where
    these rows need another encoding.
    """
    columns, target = take(job.columns, train), job.target[train]
    later = Encoding.fit(columns, declared_parts=job.time_parts)
    encoding = continued(member.encoding, later)
    if encoding is None:
        return None
    mean, sd, intercept = member.scale.tolist()
    start = LinearStart(
        encoding=encoding,
        ridge=Ridge(intercept, member.ridge, None, np.empty(0)),
        target_mean=mean,
        target_sd=sd,
        residual=np.empty(0),
        inputs=_input_rows(encoding, columns, np.empty((len(target), 0))),
        weight=job.fit_weights(train),
    )
    residual = (target - mean) / start.divisor - start.predict(columns)
    return replace(start, residual=residual)
