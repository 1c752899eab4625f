"""The linear start of a network: an encoding, and the ridge regression that comes before it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Mask
from regressors.encoding.continued import continued
from regressors.encoding.matrices import Encoding
from regressors.job import Grouping, Job, take
from regressors.model import NetworkMember
from regressors.network.input_rows import InputRows, input_rows
from regressors.network.ridge import Ridge, fit_ridge

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
        return self.ridge.intercept + self.encoding.standardised(columns) @ self.ridge.weights

    def held_inputs(self, columns: Columns) -> InputRows:
        """Return what the layers see (n, d) of rows that were not fitted."""
        rows = len(next(iter(columns.values())))
        return input_rows(self.encoding.network, columns, np.empty((rows, 0)))

    def member(self, layers: tuple[Any, ...]) -> NetworkMember:
        """Return the member of a model; for a constant target, it predicts that constant."""
        scale = np.array([self.target_mean, self.target_sd, self.ridge.intercept])
        return NetworkMember(self.encoding, scale, self.ridge.weights, layers)


def linear_start(job: Job, train: Mask, grouping: Grouping, seed: int) -> LinearStart:
    """Fit the encoding and the ridge regression, twice where groups are wanted."""
    columns, target, weight = take(job.columns, train), job.target[train], job.weights(train)
    mean, sd = float(target.mean()), float(target.std())
    standardised = (target - mean) / (sd or 1.0)
    plain = encoding = Encoding.fit(columns, declared_parts=job.time_parts)
    without_groups = linear = plain.standardised(columns)
    for_layers = np.empty((len(target), 0))
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
            linear = np.hstack([without_groups, fitted.effects])
            ridge = fit_ridge(linear, standardised, weight)
            group_weights = ridge.weights[without_groups.shape[1] :]
            residual = ridge.left_out + fitted.effects @ group_weights
        for_layers = np.hstack([fitted.effects, fitted.counts])
    return LinearStart(
        encoding=encoding,
        ridge=ridge,
        target_mean=mean,
        target_sd=sd,
        residual=standardised - (ridge.intercept + linear @ ridge.weights),
        inputs=input_rows(plain.network, columns, for_layers),
        weight=weight,
    )


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
        inputs=input_rows(encoding.network, columns, np.empty((len(target), 0))),
        weight=job.weights(train),
    )
    residual = (target - mean) / start.divisor - start.predict(columns)
    return replace(start, residual=residual)
