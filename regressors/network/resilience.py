"""How much worse an ANN predicts when some of its hidden cells fall silent; NumPy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regressors.arrays import Arrays, Floats
from regressors.encoding.matrices import Columns
from regressors.judging.scoring import roots
from regressors.model import Model, NetworkMember
from regressors.network.recipe import seed_of

Array = NDArray[np.float64]

PERCENTS = (0, 10, 20, 30, 40, 50)
"""Hidden cells that are silenced, in per cent."""

DRAWS = 20


@dataclass(frozen=True)
class Silenced:
    """The RMSE with a share of the hidden cells silenced: mean and range over random draws.

    In the target's units. Nothing is drawn where no cell is silenced: `draws` is then 1.
    """

    share: float
    rmse: float
    rmse_low: float
    rmse_high: float
    draws: int


def resilience(
    model: Model,
    columns: Columns,
    target: Array,
    *,
    dataset: str,
    weight: Array | None = None,
    percents: Sequence[int] = PERCENTS,
    draws: int = DRAWS,
) -> tuple[Silenced, ...]:
    """Return the RMSE on rows (n,) for each share of silenced cells, each row by its `weight`.

    In every hidden layer of every member the same share falls silent. The draws are from seeds of
    dataset and share, so the same call gives the same figures. Empty for a model without hidden
    cells.
    """
    networks = [
        (member, *member.encoded(columns))
        for member in model.members
        if isinstance(member, NetworkMember) and len(member.layers) > 2
    ]
    if not networks:
        return ()
    mean_one = np.square(roots(weight, len(target)))
    found = []
    for percent in percents:
        seed = seed_of(dataset, "resilience", percent)
        errors = []
        for draw in range(draws if percent else 1):
            rng = np.random.default_rng([seed, draw])
            predicted = np.mean(
                [
                    member.output(start, inputs, silence(member.layers, percent / 100, rng))
                    for member, start, inputs in networks
                ],
                axis=0,
            )
            squares = np.square(target - predicted) * mean_one
            errors.append(float(np.sqrt(squares.mean())))
        found.append(
            Silenced(percent / 100, float(np.mean(errors)), min(errors), max(errors), len(errors))
        )
    return tuple(found)


def silence(layers: Arrays, share: float, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return the layers with a share of each hidden layer's cells cut off, drawn at random.

    A cell is silent when the weights that leave it are zero. The share is of whole cells: the
    nearest number of them. The layers that are given stay as they are.
    """
    silenced = list(layers)
    for number in range(2, len(silenced), 2):
        leaving = np.array(silenced[number])
        cells = rng.choice(len(leaving), round(share * len(leaving)), replace=False)
        leaving[cells] = 0
        silenced[number] = leaving
    return tuple(silenced)
