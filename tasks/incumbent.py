"""The model that serves now, on those of tonight's test rows that it never saw."""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from data.declarations.model import Declaration
from data.settings import settings
from data.store.read.champions import ServingModel, champion_model
from data.store.read.predictions import twin_training_keys
from data.store.session import Store
from regressors.candidate import Candidate
from regressors.encoding.columns import CannotEncode
from regressors.model import Model
from tasks.run.prepared import Prepared
from tasks.run.rows import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Incumbent:
    """What serves now, and what its twin says of tonight's m test rows.

    `compared` (m,) marks the rows that the twin was not trained with, nor with others of their
    group, nor with any later one where there is a time column; `predicted` (m,) is in the target's
    units. `obstacle` tells why it cannot score these rows.
    """

    serving: ServingModel
    compared: NDArray[np.bool_]
    predicted: Array
    half_width: float | None = None
    obstacle: str | None = None

    @property
    def candidate(self) -> Candidate:
        """Return what it is: its framework and kind."""
        return Candidate(self.serving.framework, self.serving.kind)


@task(cache_policy=NO_CACHE)
def incumbent(prepared: Prepared, *, before_run: int | None = None) -> Incumbent | None:
    """Return the champion (as it was before a run), None where nothing serves yet."""
    declaration, test = prepared.declaration, prepared.test
    with Store(settings().database_url).reading() as connection:
        serving = champion_model(connection, declaration.name, before_run=before_run)
        trained = set() if serving is None else twin_training_keys(connection, serving.model_id)
    if serving is None or serving.twin is None:
        return None
    twin = Model.from_bytes(serving.twin)
    compared = ~seen(prepared.rows, trained)[prepared.is_test]
    if serving.train_until is not None and test.instants is not None:
        compared &= test.instants > serving.train_until
    then = json.loads(serving.declaration or "{}")
    if declaration.time is not None and then.get("time", declaration.time) != declaration.time:
        compared[:] = False  # which of these rows are newer than its own is not known
    obstacle = other_question(then, declaration)
    try:
        if obstacle is None:
            columns = prepared.source.columns(twin.features, prepared.is_test)
            return Incumbent(serving, compared, twin.predict(columns), twin.half_width)
    except CannotEncode as error:
        obstacle = str(error)
    nothing = np.full(len(compared), np.nan)
    return Incumbent(serving, compared, nothing, obstacle=obstacle)


def seen(rows: Rows, trained: Set[str]) -> NDArray[np.bool_]:
    """Return which rows (n,) a model knows that was trained with these keys.

    One row of a group tells of the others, so a group of which it saw a row is known whole.
    """
    known = np.array([key in trained for key in rows.keys], dtype=bool)
    numbers = rows.group_numbers
    return known if numbers is None else np.isin(numbers, numbers[known])


def other_question(then: Mapping[str, Any], now: Declaration) -> str | None:
    """Return why a model of a run with another declaration (as JSON) cannot be compared with."""
    target, key = then.get("target", now.target), then.get("key", list(now.key))
    if target != now.target:
        return f"it predicts {target!r}, and tonight's target is {now.target!r}"
    if list(key) != list(now.key):
        names = ", ".join(map(repr, key))
        return f"its rows had another key, {names}, so those that it was trained with are not known"
    return None
