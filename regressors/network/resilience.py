"""How much worse an ANN predicts when some of its hidden cells are silenced. NumPy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Arrays, Columns, Floats
from regressors.judging.scoring import roots
from regressors.model import Model, NetworkMember
from regressors.network.recipe import seed_of
from regressors.progress import report

PERCENTS = (0, 10, 20, 30, 40, 50)
"""The shares of hidden cells that are silenced, in per cent."""

DRAWS = 20


@dataclass(frozen=True)
class Silenced:
    """The RMSE with a share of the hidden cells silenced: mean and range over random draws.

    In the target's units. `draws` is 1 where no cell is silenced, since there is nothing to draw.
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
    """Return the RMSE on rows (n,), each by its `weight`, for each share of silenced cells.

    The same share of every hidden layer of every member is silenced. The seeds of the draws depend
    on dataset and share alone, so the same call gives the same figures. Empty for a model without
    hidden cells.
    """
    networks = [
        (member, *member.encoded(member.encoding.parts(columns)))
        for member in model.members
        if isinstance(member, NetworkMember) and len(member.layers) > 2
    ]
    if not networks:
        return ()
    mean_one = np.square(roots(weight, len(target)))
    silenced = []
    for number, percent in enumerate(percents):
        seed = seed_of(dataset, "resilience", percent)
        errors = []
        for draw in range(draws if percent else 1):
            report((number + draw / draws) / len(percents), f"{percent}% of the cells silenced")
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
        silenced.append(
            Silenced(percent / 100, float(np.mean(errors)), min(errors), max(errors), len(errors))
        )
    return tuple(silenced)


def silence(layers: Arrays, share: float, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return the layers with a share of each hidden layer's cells silenced, drawn at random.

    A cell is silent when the weights that leave it are zero. The share is rounded to whole cells.
    `layers` stay as they are.
    """
    silenced = list(layers)
    for number in range(2, len(silenced), 2):
        leaving = np.array(silenced[number])
        cells = rng.choice(len(leaving), round(share * len(leaving)), replace=False)
        leaving[cells] = 0
        silenced[number] = leaving
    return tuple(silenced)
