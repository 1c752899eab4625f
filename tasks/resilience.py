"""Measure how the test error of an ANN grows when some of its cells are silenced."""

import numpy as np

from regressors.job import Fitted
from regressors.network.recipe import seed_of
from regressors.network.resilience import Silenced
from regressors.network.resilience import resilience as resilience_of
from regressors.progress import reporting_to
from tasks.run import progress
from tasks.run.prepared import Prepared
from tasks.run.step import step

MAX_RESILIENCE_ROWS = 5_000
"""Test rows to measure on, drawn at random if there are more: each is predicted 100 times."""


@step()
def resilience(prepared: Prepared, fitted: Fitted) -> tuple[Silenced, ...]:
    """Return the twin's error on test rows, which are new to it, per share of silenced cells.

    Empty if the model has no hidden cells.
    """
    dataset, chosen = prepared.declaration.name, prepared.test
    count = len(chosen.target)
    if count > MAX_RESILIENCE_ROWS:
        rng = np.random.default_rng(seed_of(dataset, "resilience", count))
        drawn = rng.choice(count, MAX_RESILIENCE_ROWS, replace=False)
        chosen = chosen.take(np.sort(drawn))
    with reporting_to(progress.Progress(dataset, "measuring resilience")):
        return resilience_of(
            fitted.model,
            chosen.columns,
            chosen.target,
            dataset=dataset,
            weight=chosen.weight,
        )
