"""How long an ANN trains on a large table: a plan from rows, columns and a budget. Pure arithmetic.

A small table is trained until its held-out rows gain no more, with every grouping in every fold. On
a large one that would be a surprise of hours. So its plan says beforehand how many epochs there
are, and on how many rows. It counts products, and the clock is never asked: the same table has the
same plan, and so the same digits, on every machine. A budget that is declared as a time becomes
products by a rate that a machine measures once (`regressors.network.rate`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from regressors.arrays import Indices, Mask

SMALL_TABLE = 20_000
"""Training rows, of all folds, up to which nothing is planned."""

MANY_ROWS, FEW_NETWORKS = 60_000, 3
"""Above so many training rows, neighbouring folds are joined to so many parts, with a network each:
it is the number of trainings that costs, and there the mean of three networks is good enough."""

PRODUCTS_PER_SECOND = 5e9
"""About what one core makes of the products of a training, in the default budget."""

BUDGET = 600 * PRODUCTS_PER_SECOND
"""Products that all trainings of one framework may take, unless a budget is declared."""

LIMITED_PRODUCTS = BUDGET / 5
"""The products of a plan for which its fit may take the time limit once: two minutes' worth."""

UNPLANNED_EPOCHS, UNPLANNED_TRAININGS = 60, 3
"""What a fold of a small table takes at most: all epochs, with each grouping."""

MOST_EPOCHS, LEAST_EPOCHS = 15, 4
STEPS = 2_000
"""About as many steps as this are enough, within these numbers of epochs."""
BATCH_ROWS = 256

ORIGINS_BUDGET, FIT_PRODUCTS = 15e9, 2.5e9
"""Products that the fits at all origins of a period may take, about three seconds of a core, and
what each of them counts for beside its rows: half a second."""
ORIGINS_SHARE = 0.1
"""They take no more than this share of a declared budget."""
COLUMN_INPUTS = 10
"""Inputs that a column counts for there, where no encoding may depend on rows still to come."""

REFIT_SHARE, LEAST_REFIT_EPOCHS = 0.25, 2
"""A refit that begins from the twin's networks takes this share of their epochs."""
REFIT_ROWS = 1.25
"""A refit has about so many times the rows of a fit: test rows are a fifth, unless declared."""
TRIED = 2
"""One fold is trained at most so many times more, to decide on its groups."""
LEAST_ROWS = 1_000


@dataclass(frozen=True)
class Plan:
    """A plan of all trainings of an ANN.

    `networks` is how many parts the folds are joined to, each predicted by a network that has not
    seen it. `epochs` is how often a network sees its rows, `refit_epochs` how often where it begins
    from the twin's. `rows` is the most that one of a fit is trained on, and `share` how many of its
    rows each has: where it is not 1, they are drawn. `products` is what all of this costs at most,
    and `budget` what it may cost; `rate` are the products a second by which a declared time became
    that budget, None for the default one.
    """

    networks: int
    epochs: int
    refit_epochs: int
    rows: int
    share: float
    products: float
    budget: float
    rate: float | None = None

    @property
    def time_limits(self) -> float:
        """Return how many times the time limit of a fit one with this plan may take.

        It has one for each of `LIMITED_PRODUCTS`, so that a plan that was made beforehand is not
        ended by the clock, unless the machine is several times slower than one that keeps to it.
        """
        return max(1.0, self.products / LIMITED_PRODUCTS)


def products_of(inputs: int, hidden: Sequence[int]) -> int:
    """Return the products that a network of these layers takes for one row."""
    sizes = [max(inputs, 1), *hidden, 1]
    return sum(before * after for before, after in pairwise(sizes))


def networks_of(training: int, folds: int) -> int:
    """Return how many parts the folds of so many `training` rows are joined to."""
    return min(folds, FEW_NETWORKS) if training > MANY_ROWS else folds


def spaced(number: int, most: int) -> tuple[int, ...]:
    """Return at most so many of the positions from 0 on, the first one and evenly further ones."""
    chosen = min(number, most)
    return tuple(i * number // chosen for i in range(chosen))


def affordable(rows: Sequence[int], row_products: int, least: int, budget: float) -> list[int]:
    """Return the positions of the origins at which an ANN is fitted anew: `spaced` as often as can.

    There a network is trained on so many `rows`, each at `row_products`, all epochs counted. Fits
    may cost the `budget`, but there are at least so many. At other origins the one before serves.
    """
    for number in range(len(rows), least, -1):
        chosen = spaced(len(rows), number)
        if sum(FIT_PRODUCTS + rows[i] * row_products for i in chosen) <= budget:
            return list(chosen)
    return list(spaced(len(rows), least))


def joined(fold: Indices, networks: int) -> Indices:
    """Return the part (n,) of each row: its fold, or neighbouring folds joined to so many."""
    folds = int(fold.max())
    if networks >= folds:
        return fold
    parts: Indices = (1 + (fold.astype(np.int64) - 1) * networks // folds).astype(fold.dtype)
    return parts


def visits_of(rows: Sequence[int], whole: int = 0) -> float:
    """Return how many rows all trainings see in an epoch at most, fits and refit together.

    `rows` are those of each network of the fits, and `whole` those of the twin where it is a
    network of its own, which is then the only one with a refit. Groups may be found, so the last
    network is counted as if it were trained three times, and a refit as if it began anew.
    """
    return sum(rows) + whole + TRIED * rows[-1] + REFIT_ROWS * (whole or sum(rows))


def plan_of(
    rows: Sequence[int],
    row_products: int,
    budget: float = BUDGET,
    *,
    whole: int = 0,
    rate: float | None = None,
) -> Plan:
    """Return the plan of trainings on so many `rows` per network, each row at `row_products`.

    Epochs are what the rows need, fewer where the budget demands it, and never fewer than
    `LEAST_EPOCHS`: from there on it is the rows that are fewer. `whole` is as in `visits_of`.
    """
    largest = max(*rows, whole)
    visits = visits_of(rows, whole)
    affordable = budget / (visits * row_products)
    wanted = round(STEPS * BATCH_ROWS / largest)
    epochs = max(min(wanted, MOST_EPOCHS, int(affordable)), LEAST_EPOCHS)
    kept = largest
    if epochs > affordable:
        kept = min(largest, max(int(largest * affordable / epochs), LEAST_ROWS))
    return Plan(
        networks=len(rows),
        epochs=epochs,
        refit_epochs=max(round(REFIT_SHARE * epochs), LEAST_REFIT_EPOCHS),
        rows=kept,
        share=kept / largest,
        products=float(visits) * row_products * epochs * kept / largest,
        budget=budget,
        rate=rate,
    )


def may_be_planned(training: int, budget: float | None) -> bool:
    """Return whether a table of so many training rows is worth working out a plan for."""
    return training > SMALL_TABLE or budget is not None


def needs_plan(
    training: int, rows: Sequence[int], row_products: int, budget: float | None, whole: int = 0
) -> bool:
    """Return whether trainings on so many `rows` per network need a plan.

    A table of more than `SMALL_TABLE` rows always does; a smaller one only where a declared budget
    might not be enough.
    """
    if training > SMALL_TABLE or budget is None:
        return training > SMALL_TABLE
    visits = (sum(rows) * (1 + REFIT_ROWS) + whole * (1 + REFIT_ROWS)) * UNPLANNED_TRAININGS
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
