"""How long an ANN trains on a large table: a plan from rows, columns and a budget. Pure arithmetic.

A small table is trained until its held-out rows gain no more, with every grouping in every fold. On
a large one that would be a surprise of hours. So its plan says beforehand how many epochs there
are, and on how many rows. It counts products, never seconds: the same table has the same plan, and
so the same digits, on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from regressors.arrays import Indices, Mask

SMALL_TABLE = 20_000
"""Training rows, of all folds, up to which nothing is planned."""

PRODUCTS_PER_SECOND = 5e9
"""About what one core makes of the products of a training. It turns a budget that is declared as a
time into products; the time is kept where a core is as fast."""

BUDGET = 600 * PRODUCTS_PER_SECOND
"""Products that all trainings of one framework may take, unless a budget is declared."""

UNPLANNED_EPOCHS, UNPLANNED_TRAININGS = 60, 3
"""What a fold of a small table takes at most: all epochs, with each grouping."""

MOST_EPOCHS, LEAST_EPOCHS = 12, 4
STEPS = 1_600
"""About as many steps as this are enough, within these numbers of epochs."""
BATCH_ROWS = 256

REFIT_ROWS = 1.25
"""A refit has about so many times the rows of a fit: test rows are a fifth, unless declared."""
TRIED = 2
"""One fold is trained at most so many times more, to decide on its groups."""
LEAST_ROWS = 1_000


@dataclass(frozen=True)
class Plan:
    """A plan of all trainings of an ANN.

    `epochs` is how often each network sees its rows. `rows` is the most that a network is trained
    on: where a fold has more, so many are drawn. `products` is what all of this costs at most, and
    `budget` what it may cost.
    """

    epochs: int
    rows: int
    products: float
    budget: float


def products_of(inputs: int, hidden: Sequence[int]) -> int:
    """Return the products that a network of these layers takes for one row."""
    sizes = [max(inputs, 1), *hidden, 1]
    return sum(before * after for before, after in pairwise(sizes))


def plan_of(rows: Sequence[int], row_products: int, budget: float = BUDGET) -> Plan:
    """Return the plan of trainings on so many `rows` per fold, each row at `row_products`.

    Epochs are what the rows need, fewer where the budget demands it, and never fewer than
    `LEAST_EPOCHS`: from there on it is the rows that are fewer. Groups may be found, so the cost is
    counted as if they were: then one fold is trained three times.
    """
    largest = max(rows)
    visits = sum(rows) * (1 + REFIT_ROWS) + TRIED * largest
    affordable = budget / (visits * row_products)
    wanted = round(STEPS * BATCH_ROWS / largest)
    epochs = max(min(wanted, MOST_EPOCHS, int(affordable)), LEAST_EPOCHS)
    kept = largest
    if epochs > affordable:
        kept = min(largest, max(int(largest * affordable / epochs), LEAST_ROWS))
    return Plan(
        epochs=epochs,
        rows=kept,
        products=float(visits) * row_products * epochs * kept / largest,
        budget=budget,
    )


def needs_plan(training: int, rows: Sequence[int], row_products: int, budget: float | None) -> bool:
    """Return whether trainings on so many `rows` per fold need a plan.

    A table of more than `SMALL_TABLE` rows always does; a smaller one only where a declared budget
    might not be enough.
    """
    if training > SMALL_TABLE or budget is None:
        return training > SMALL_TABLE
    visits = sum(rows) * (1 + REFIT_ROWS) * UNPLANNED_TRAININGS
    return visits * UNPLANNED_EPOCHS * row_products > budget


def drawn(train: Mask, rows: int, seed: int) -> Mask:
    """Return a mask (n,) of `rows` of the training rows, or of all where there are no more.

    Rows are in the order of their keys, so the same ones are drawn however the source orders them.
    """
    numbers: Indices = np.flatnonzero(train)
    if len(numbers) <= rows:
        return train
    # A stream of its own, as in `halves` and for groups.
    order = np.random.default_rng([seed, 0, 2]).permutation(len(numbers))
    chosen = np.zeros(len(train), dtype=bool)
    chosen[numbers[order[:rows]]] = True
    return chosen
