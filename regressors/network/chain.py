"""The networks of an ANN whose folds are blocks of time: what each may know, one after the other.

At each origin it is decided anew with which groups and after how many epochs the rows up to the
next one are predicted: by what earlier networks have shown on held-out rows that are known by then.
A first network learns from the older rows of the warm-up and predicts the newer ones, which decides
for the first origin. So nothing of a row, or of any later one, has a part in its prediction. There
is not a network for every origin where the budget does not allow it: between two, one serves on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from regressors.arrays import Array, Mask
from regressors.frameworks.contract import FrameworkModule
from regressors.job import Decided, Grouping, Job, NetworkFit
from regressors.judging.paired import standard_error
from regressors.network import recipe
from regressors.network.fit import fit_network
from regressors.network.plan import (
    COLUMN_INPUTS,
    ORIGINS_BUDGET,
    ORIGINS_SHARE,
    affordable,
    drawn,
    products_of,
    spaced,
)
from regressors.network.progress import epoch_of
from regressors.progress import part

GROUPINGS: tuple[Grouping, ...] = ("none", "columns", "pairs")
WARMUP_HELD = 1 / 3
"""The share of the known rows that the first network predicts."""
MIN_WARMUP_ROWS = 10
"""With fewer, there is no such network, and the first origin has the linear start alone."""


@dataclass
class Chain:
    """The networks of a job by fold, 0 being the warm-up, and grouping; fits are added in order.

    `predicted` (n,) holds their honest predictions by grouping, of the warm-up too, else NaN.
    """

    framework: FrameworkModule
    job: Job
    fits: dict[int, dict[Grouping, NetworkFit]] = field(default_factory=dict)
    predicted: dict[Grouping, Array] = field(default_factory=dict)

    @property
    def trainings(self) -> int:
        """Return how many networks there are so far."""
        return len({id(fit) for of_fold in self.fits.values() for fit in of_fold.values()})

    def fit_warmup(self, ready: NetworkFit | None = None) -> None:
        """Fit the first network, or take one that is `ready`."""
        rows = warmup_rows(self.job)
        if rows is not None:
            self._fit(0, *rows, ready)

    def fit(self, number: int, until: int) -> Decided:
        """Fit the networks of a fold, which predict it and those before `until`.

        Return which of them counts.
        """
        decided = self.decided(number)
        held = (self.job.fold >= number) & (self.job.fold < until)
        self._fit(number, self.job.known_from <= number, held)
        return decided

    def decided(self, origin: int | None) -> Decided:
        """Return what held-out rows that are known to a fold have shown; None: all of them."""
        best: Grouping = self.job.grouping or "none"
        if self.job.grouping is None:
            for rival in GROUPINGS[1:]:
                best = rival if self._is_clearly_better(rival, best, origin) else best
        return Decided(best, self._epochs(best, origin))

    def _fit(self, number: int, train: Mask, held: Mask, ready: NetworkFit | None = None) -> None:
        job = self.job.of_fold(number or 1)

        def fitted(grouping: Grouping) -> NetworkFit:
            with part(f"fold {number}"):
                return fit_network(
                    self.framework,
                    job,
                    train,
                    held,
                    fold=number,
                    grouping=grouping,
                    held_at=self._epochs(grouping, number) if number else None,
                )

        if self.job.grouping is not None:
            fits = {self.job.grouping: ready or fitted(self.job.grouping)}
        else:
            fits = _with_groupings(fitted)
        self.fits[number] = fits
        for grouping, fit in fits.items():
            values = self.predicted.setdefault(grouping, np.full(len(held), np.nan))
            values[held] = fit.held_predictions

    def _epochs(self, grouping: Grouping, origin: int | None) -> int:
        """Return the median of the best epochs; 0, the linear start, where none is known."""
        best = [
            epoch
            for fits in self.fits.values()
            if (epoch := _best_epoch(fits[grouping], origin, self.job)) is not None
        ]
        return int(np.median(best)) if best else 0

    def _is_clearly_better(self, first: Grouping, second: Grouping, origin: int | None) -> bool:
        """Return whether the first predicts the rows that a fold knows clearly better."""
        job, predicted = self.job, self.predicted
        if first not in predicted or second not in predicted:
            return False
        rows = np.isfinite(predicted[second])
        rows &= True if origin is None else job.known_from <= origin
        if rows.sum() < MIN_WARMUP_ROWS * WARMUP_HELD:
            return False
        return clearly_better(job, rows, predicted[first][rows], predicted[second][rows])


def clearly_better(job: Job, rows: Mask, first: Array, second: Array) -> bool:
    """Return whether the first predictions (m,) of some rows (a mask) are clearly the better ones.

    Their squared errors are then lower by more than one standard error.
    """
    squares = [np.square(job.target[rows] - each) for each in (second, first)]
    drop = job.weights(rows) * (squares[0] - squares[1])
    return bool(drop.mean() > standard_error(drop, job.groups_of(rows)))


def _with_groupings(fitted: Callable[[Grouping], NetworkFit]) -> dict[Grouping, NetworkFit]:
    """Return the fit by grouping; one that would be the same is not repeated."""
    pairs = fitted("pairs")
    sizes = {len(columns) for columns in pairs.groups}
    if not sizes:
        return dict.fromkeys(GROUPINGS, pairs)
    none = fitted("none")
    if 2 not in sizes:
        return {"none": none, "columns": pairs, "pairs": pairs}
    columns = fitted("columns") if 1 in sizes else none
    return {"none": none, "columns": columns, "pairs": pairs}


def _best_epoch(fit: NetworkFit, origin: int | None, job: Job) -> int | None:
    """Return the best epoch by the held-out rows that a fold knows; None if it knows none."""
    losses = [loss for known, loss in fit.losses.items() if origin is None or known <= origin]
    if not losses:
        return None
    settings = recipe.RECIPE
    if job.plan is not None:
        settings = replace(settings, max_epochs=job.plan.epochs, patience=job.plan.epochs)
    return epoch_of(np.sum(losses, axis=0).tolist(), settings)[0]


def warmup_rows(job: Job) -> tuple[Mask, Mask] | None:
    """Return the older and the newer rows (masks) of those that the first fold knows.

    Where all are of one time, they are drawn; None if they are too few.
    """
    known = job.known_from <= 1
    if (rows := int(known.sum())) < MIN_WARMUP_ROWS:
        return None
    older = round(rows * (1 - WARMUP_HELD))
    times = np.unique(job.time[known]) if job.time is not None else np.empty(0)
    if len(times) < 2:
        train = drawn(known, older, recipe.seed_of(job.dataset, job.candidate.kind, 0))
        return train, known & ~train
    assert job.time is not None
    before = np.searchsorted(np.sort(job.time[known]), times[1:])
    cut = times[1 + int(np.argmin(np.abs(before - older)))]
    return known & (job.time < cut), known & (job.time >= cut)


def fitted_folds(job: Job, folds: Sequence[int], *, epochs: int, least: int) -> list[int]:
    """Return those of the folds, in order, for which a network is fitted: the first, and others.

    It follows from the numbers of rows, columns and layers and from a declared budget.
    """
    rows = [int((job.known_from <= number).sum()) for number in folds]
    if job.plan is not None:
        rows = [round(job.plan.share * number) for number in rows]
    each = products_of(COLUMN_INPUTS * len(job.columns), job.hidden) * epochs
    declared = job.budget or (job.plan and job.plan.rate and job.plan.budget) or np.inf
    budget = min(ORIGINS_BUDGET, ORIGINS_SHARE * declared)
    return [folds[i] for i in affordable(rows, each, least, budget)]


def chain_folds(job: Job) -> list[int]:
    """Return the folds of the training rows for which a network is fitted.

    With a plan there are as many as it counts.
    """
    numbers = range(1, int(job.fold.max()) + 1)
    if job.plan is not None:
        return [numbers[i] for i in spaced(len(numbers), job.plan.networks)]
    return fitted_folds(
        job, numbers, epochs=recipe.RECIPE.max_epochs, least=min(job.least_fits, len(numbers))
    )
