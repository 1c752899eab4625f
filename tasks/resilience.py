"""Measure how the winner bears silenced cells, where it is an ANN."""

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from regressors.job import Fitted
from regressors.network.recipe import seed_of
from regressors.network.resilience import Silenced
from regressors.network.resilience import resilience as resilience_of
from tasks.run.prepared import Prepared

MOST_ROWS = 5_000
"""Test rows that are measured on, drawn at random where there are more: a hundred predictions."""


@task(cache_policy=NO_CACHE)
def resilience(prepared: Prepared, winner: Fitted) -> tuple[Silenced, ...]:
    """Return the twin's test error by the share of its cells that is silent; it saw no test row."""
    dataset, chosen = prepared.declaration.name, prepared.test
    count = len(chosen.target)
    if count > MOST_ROWS:
        rng = np.random.default_rng(seed_of(dataset, "resilience", count))
        drawn = rng.choice(count, MOST_ROWS, replace=False)
        chosen = chosen.take(np.isin(np.arange(count), drawn))
    return resilience_of(
        winner.model,
        chosen.columns,
        chosen.target,
        dataset=dataset,
        weight=chosen.weight,
    )
