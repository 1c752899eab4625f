"""What a model predicts for many rows, in parts that several processes predict.

The digits of a row depend on that row alone, so that they are those of one process, whatever the
parts are, whoever predicts them, and if one is predicted again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from regressors.arrays import Array, Columns, Indices, Values
from regressors.blocks import blocks_of
from regressors.file_arrays import ArraysInParts
from regressors.linear.gathered_sums import some_labels
from regressors.model import Model
from regressors.predicted import Predicted
from regressors.shared_work import Calls, SharedWork

PART_ROWS = 2**17
"""The rows of a part: for a line a fifth of a second of work, for a network some seconds."""
MIN_ROWS = 4 * PART_ROWS
"""Of fewer rows, one process predicts them all."""


@dataclass(frozen=True, eq=False)
class RowsToPredict:
    """A model and some successive rows, of which the first is row `begin` of all.

    What is predicted is written `into` files; it is returned if that is None, for a process that
    does not see them.
    """

    model: Model
    columns: Columns
    weight: Array | None
    begin: int
    into: ArraysInParts | None


@dataclass(frozen=True, eq=False)
class PredictedPart:
    """What is predicted of the rows of a part: `values` and ends (n,), None if they are in files.

    The rows `noted` have a text each, by its number among `texts`.
    """

    values: tuple[Array, ...] | None
    noted: Indices
    numbers: Indices
    texts: Values


def predicted_in_parts(
    model: Model, columns: Columns, weight: Array | None, into: ArraysInParts
) -> SharedWork[Predicted]:
    """Predict n rows as `Model.predicted` does; the result is in files.

    `into` are as many arrays as the model has values and ends. Parts that a process could not write
    to them are written here.
    """
    number = len(next(iter(columns.values())))
    parts = [*blocks_of(number, PART_ROWS)]

    def calls() -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        for rows in parts:
            own = {name: some_labels(values[rows]) for name, values in columns.items()}
            of_rows = None if weight is None else weight[rows]
            yield predict_part, (RowsToPredict(model, own, of_rows, rows.start, into),)

    made = yield Calls("predictions", len(parts), calls())
    noted, texts = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=object)]
    for rows, part in zip(parts, made, strict=True):
        if part.values is not None:
            into.write(rows.start, part.values)
        noted.append(rows.start + part.noted)
        texts.append(part.texts[part.numbers])
    value, lower, upper, *others = into.arrays()
    further = zip(others[::2], others[1::2], strict=True)
    own = np.concatenate(noted), np.concatenate(texts)
    return Predicted(value, lower, upper, *own, tuple(further))


def arrays_of(model: Model) -> int:
    """Return how many arrays a model predicts: its values, and two ends for each interval."""
    return 1 + 2 * (len(model.intervals.levels) if model.intervals else 1)


def predict_part(_framework: object, rows: RowsToPredict) -> PredictedPart:
    """Return what is predicted of some rows."""
    made = rows.model.predicted(rows.columns, rows.weight)
    values: tuple[Array, ...] | None = (made.value, *made.ends)
    if rows.into is not None and values is not None:
        rows.into.write(rows.begin, values)
        values = None
    texts, numbers = _numbered(made.texts)
    return PredictedPart(values, made.noted, numbers, texts)


def _numbered(texts: Values) -> tuple[Values, Indices]:
    """Return the different texts (m,), and the number of each text (n,) among them."""
    numbers: dict[str, int] = {}
    each = [numbers.setdefault(text, len(numbers)) for text in texts.tolist()]
    return np.array([*numbers], dtype=object), np.array(each, dtype=np.int64)
