"""What the model that serves predicted for tonight's test rows, where rows have an order in time.

The twin is of no use there: it is one fit, older than all test rows of its run, while tonight's
candidates are fitted again at every origin. So the incumbent is judged by what its own run stored
of its test, which was made in the same way, and on rows that are newer than all that its artifact
was trained with, by what that predicted for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.declarations.lengths import Length
from data.declarations.model import Declaration
from data.store.read.champions import ServingModel
from data.store.read.predictions import (
    KeyPredictions,
    predictions_before_known,
    test_predictions,
)
from data.store.session import Store
from data.texts import Texts
from regressors.arrays import Array, Indices, Mask
from regressors.predicted import Predicted
from tasks.run.choice import Incumbent
from tasks.run.rows import Rows, in_numbers
from tasks.run.trained_rows import RowsThen


def judged_over_time(
    test: Rows,
    serving: ServingModel,
    now: Predicted,
    store: Store,
    rows_then: RowsThen,
    *,
    then: Mapping[str, Any],
    declaration: Declaration,
    before_run: int | None = None,
) -> Incumbent:
    """Return the champion with its predictions of those of m test rows that it may be judged on.

    `now` is what its artifact predicts for all of them tonight, and `then` the declaration of its
    run, as JSON. With `before_run`, predictions of that run and later ones are unknown.
    """
    of, rows = serving.name_and_run, len(test.keys)
    found = _Found.nothing(rows)
    if then.get("time", declaration.time) != declaration.time:
        basis = f"Nothing is compared, because the run of {of} had no time, or another one."
        return found.incumbent(serving, rows_then, basis)
    if same_scheme(then, declaration):
        own = store.read(lambda connection: test_predictions(connection, serving.model_id))
        found.put(own, test.keys, "in its own test")
    newer = ~found.compared & _is_newer(test, serving, declaration.ahead)
    keys = test.keys[newer]
    real = store.read(
        lambda c: predictions_before_known(c, serving.model_id, keys, before_run=before_run)
    )
    found.put(real, test.keys, "before their target was known")
    found.put_now(now, newer & ~found.compared, "tonight, since they are newer than its own rows")
    return found.incumbent(serving, rows_then, _in_words(of, found.made))


def same_scheme(then: Mapping[str, Any], declaration: Declaration) -> bool:
    """Return whether the run of a declaration (JSON) tested as tonight's does.

    Where the declaration has no word of a horizon, one fit of that version predicted all test rows.
    """
    now = declaration.model_dump(mode="json")
    return ("horizon" in then, then.get("horizon")) == ("horizon" in now, now.get("horizon"))


def _is_newer(test: Rows, serving: ServingModel, horizon: Length | float | None) -> Mask:
    """Return which rows (m,) are newer than all that a model was trained with, by a horizon.

    None is the usual step between times: all that is older is known.
    """
    instants, until = test.instants, serving.data_until
    if instants is None or until is None or test.time is None:
        return np.zeros(len(test.keys), dtype=bool)
    newer: Mask = instants > until
    if isinstance(horizon, Length):
        newer &= in_numbers(horizon.before(test.time)) >= until
    elif horizon is not None:
        newer &= instants - horizon >= until
    return newer


@dataclass(frozen=True)
class _Found:
    """Predictions (m,) that were found so far, and of how many rows and how they were `made`."""

    compared: Mask
    predicted: Array
    lower: Array
    upper: Array
    made: list[tuple[int, str]]

    @classmethod
    def nothing(cls, rows: int) -> "_Found":
        """Return that nothing was found yet."""
        predicted, lower, upper = (np.full(rows, np.nan) for _ in range(3))
        return cls(np.zeros(rows, dtype=bool), predicted, lower, upper, [])

    def put(self, stored: KeyPredictions, keys: Texts, how: str) -> None:
        """Add what was stored of rows, given the keys (m,) of tonight's."""
        at = stored.keys.positions_in(keys)
        values = (stored.predicted, stored.lower, stored.upper)
        self._put(at[at >= 0], tuple(value[at >= 0] for value in values), how)

    def put_now(self, now: Predicted, chosen: Mask, how: str) -> None:
        """Add what a model predicts tonight for chosen rows."""
        values = (now.value, now.lower, now.upper)
        self._put(np.flatnonzero(chosen), tuple(value[chosen] for value in values), how)

    def _put(self, at: Indices, values: tuple[Array, ...], how: str) -> None:
        self.compared[at] = True
        for own, value in zip((self.predicted, self.lower, self.upper), values, strict=True):
            own[at] = value
        self.made.append((len(at), how))

    def incumbent(self, serving: ServingModel, rows_then: RowsThen, basis: str) -> Incumbent:
        """Return the champion with these predictions."""
        interval = self.lower, self.upper
        return Incumbent(serving, self.compared, self.predicted, interval, rows_then, basis=basis)


def _in_words(of: str, parts: list[tuple[int, str]]) -> str:
    """Return a sentence on how many rows a model predicted in which way."""
    made = [f"{rows:,} {how}" for rows, how in parts if rows]
    if not made:
        return (
            f"{of} predicted none of the test rows in a test like tonight's, and none is newer than"
            " its own rows."
        )
    listed = made[0] if len(made) == 1 else f"{', '.join(made[:-1])} and {made[-1]}"
    return f"Of these rows, {of} predicted {listed}."
