"""Measure how the winner bears silenced cells, where it is an ANN."""

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from data.checks.declared import Checked
from data.declarations.model import Declaration
from data.sources.read import Snapshot
from data.split import Split
from regressors.job import Fitted
from regressors.network.recipe import seed_of
from regressors.network.resilience import Silenced
from regressors.network.resilience import resilience as resilience_of
from tasks.run.rows import load_rows

MOST_ROWS = 5_000
"""Test rows that are measured on, drawn at random where there are more: a hundred predictions."""


@task(cache_policy=NO_CACHE)
def resilience(
    declaration: Declaration,
    snapshot: Snapshot,
    checked: Checked,
    split: Split,
    winner: Fitted,
) -> tuple[Silenced, ...]:
    """Return the twin's test error by the share of its cells that is silent; it saw no test row."""
    rows = load_rows(declaration, snapshot, checked.kept, checked.features)
    test = np.flatnonzero(split.role == "test")
    if len(test) > MOST_ROWS:
        rng = np.random.default_rng(seed_of(declaration.name, "resilience", len(test)))
        test = rng.choice(test, MOST_ROWS, replace=False)
    chosen = rows.take(np.isin(np.arange(len(split.role)), test))
    return resilience_of(
        winner.model,
        chosen.columns,
        chosen.target,
        dataset=declaration.name,
        weight=chosen.weight,
    )
