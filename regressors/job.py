"""What the worker of a framework is given, and what it returns: arrays in, a model out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from regressors.arrays import Array, Columns, Indices, Mask, Values
from regressors.candidate import Candidate
from regressors.encoding.products import Product
from regressors.intervals.rules import Rules
from regressors.linear.inference import Coefficient
from regressors.linear.least_squares import LeastSquares
from regressors.linear.sandwich import UnequalVariances
from regressors.model import Model, NetworkMember
from regressors.network.plan import Plan
from regressors.segments.fits import SegmentFits

if TYPE_CHECKING:
    from regressors.linear.fold_sums import FoldSums
    from regressors.linear.kept_sums import RefitSums
    from regressors.segments.equations import SolvedBatch

Grouping = Literal["none", "columns", "pairs"]
"""Which groups the encoding of an ANN has: none, of single columns, or of pairs as well."""

MAX_HALF_LIVES = 500
"""A row counts no less for its age than one that is so many half-lives old: 2^-500 is nothing
beside 1, and still a double, like its square."""

MAX_CURVE_POINTS = 200
"""Points that are kept of a learning curve."""


class CannotFit(ValueError):
    """A candidate that cannot be fitted on these rows, with the reason."""


@dataclass(frozen=True)
class Start:
    """Where last night's descent ended: estimates by term, in raw units.

    `split_rules` is how that night split its rows; `until` is the newest time among those that it
    was fitted on, None without a time column.
    """

    estimates: Mapping[str, float]
    split_rules: str
    until: float | None


@dataclass(frozen=True)
class Job:
    """A candidate and the n rows to fit it on.

    `fold` (n,) counts from 1; where `chained`, they are blocks of time, 0 is the warm-up block that
    is never scored, and fold i trains on the rows whose `known` (n,) is i or less: None means those
    of earlier folds. An ANN is then fitted for at least `least_fits` of the folds. `weight` (n,) is
    positive, 1 where None; `time` (n,) is None without a time column; `group_numbers` (n,) are
    equal for rows that stay together, None where no group is declared; `time_column` and
    `group_column` are the names of these columns, for messages. `interval` are the rules of
    prediction intervals, and `interval_group` (n,) the values of their column, None without one.
    `table` names the labelled rows of a night: those of two jobs
    with the same name are the same, but that a refit has the rows `is_test` (n,) as well. Nothing
    is known of the rows of others where it is "".

    `time_parts` are those that enter of a time; of others those enter that say something. A column
    that only `products` have has none.
    `products` and `intercept` concern the linear kinds; `learning_rate` (None: the fastest that is
    sure to converge), `epochs` and `starts` (by `fold 1`, `twin` or `refit`) concern gradient
    descent. `hidden` are the layers of an ANN; `grouping` are the groups that it encodes (None: as
    the out-of-fold error decides), and `refit_epochs` the length of its refit where chained; for a
    refit both are those of `validate`. `predictions_file` is where out-of-fold predictions are
    written to, so that a process is told where they are; None: they are returned in memory.
    `budget` are the products that all trainings may take (None: the default), and `rate` those per
    second by which they were declared as a time. With a `plan`, `decided_by` is the framework that
    decided on the grouping, `ready` are its fits by part, which need not be repeated, and `members`
    are the twin's networks, from which a refit begins.

    With a `half_life`, in the unit of `time`, a row counts half as much in a fit for each one that
    it is older than `newest`; in scores it counts by its `weight` alone. `newest` only scales: it
    is the newest time of all labelled rows, so that the sums of the jobs of a table add up. The
    fits of the chained folds in `half_lives` have those, or None, in its place: what was best of
    what was known to the fold.

    `sums` are those of the rows of a linear kind where they have been gathered before, so that no
    row is read for them, and `passed` is what was found when they were read again;
    `segment_batches` are the equations of segments that were solved before.

    `segment` are the columns whose values make the text of a row's segment; only the kinds that
    have an equation for each segment have any. They are categories, and no features.
    """

    dataset: str
    candidate: Candidate
    columns: Columns
    target: Array
    fold: Indices
    chained: bool
    hidden: tuple[int, ...]
    interval: Rules
    known: Indices | None = None
    least_fits: int = 1
    weight: Array | None = None
    time: Array | None = None
    group_numbers: Indices | None = None
    interval_group: Values | None = None
    time_column: str | None = None
    group_column: str | None = None
    split_rules: str = ""
    time_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    intercept: bool = True
    learning_rate: float | None = None
    epochs: int = 10_000
    starts: Mapping[str, Start] = field(default_factory=dict)
    grouping: Grouping | None = None
    refit_epochs: int | None = None
    plan: Plan | None = None
    budget: float | None = None
    predictions_file: str | None = None
    table: str = ""
    is_test: Mask | None = None
    rate: float | None = None
    decided_by: str | None = None
    ready: Mapping[int, "NetworkFit"] = field(default_factory=dict)
    members: tuple[NetworkMember, ...] = ()
    half_life: float | None = None
    half_lives: Mapping[int, float | None] = field(default_factory=dict)
    newest: float | None = None
    segment: tuple[str, ...] = ()
    sums: "FoldSums | RefitSums | None" = None
    passed: "RowsPassed | None" = None
    segment_batches: "tuple[SolvedBatch, ...]" = ()

    def of_fold(self, number: int) -> "Job":
        """Return the job of the fit of a fold, which may have another half-life."""
        return replace(self, half_life=self.half_lives.get(number, self.half_life))

    @property
    def known_from(self) -> Indices:
        """Return the first chained fold (n,) to which each row is known."""
        return self.fold + 1 if self.known is None else self.known

    @property
    def time_limits(self) -> float:
        """Return how many times the time limit of a fit this one may take."""
        return 1.0 if self.plan is None else self.plan.time_limits

    def weights(self, rows: Mask) -> Array:
        """Return the weights of some rows (a mask) in scores, scaled to a mean of 1."""
        return _with_mean_one(None if self.weight is None else self.weight[rows], int(rows.sum()))

    def fit_weights(self, rows: Mask) -> Array:
        """Return the weights of some rows (a mask) in a fit, scaled to a mean of 1."""
        return _with_mean_one(self.fit_weight(rows), int(rows.sum()))

    def fit_weight(self, rows: Mask | Indices | slice = slice(None)) -> Array | None:
        """Return how much some rows count in a fit, or all; None where each counts the same."""
        weight = None if self.weight is None else self.weight[rows]
        if self.half_life is None:
            return weight
        share = self.recency(rows)
        return share if weight is None else share * weight

    def recency(self, rows: Mask | Indices | slice) -> Array:
        """Return how much some rows count for their age: 1 at the newest time, and less before."""
        assert self.time is not None and self.newest is not None and self.half_life is not None
        age = np.maximum(self.newest - self.time[rows], 0.0) / self.half_life
        share: Array = np.exp2(-np.minimum(age, MAX_HALF_LIVES))
        return share

    def mean_recency(self, rows: Mask) -> float | None:
        """Return how much rows (a mask) of weight 1 count for their age in the mean, if they do."""
        if self.half_life is None:
            return None
        return float(np.average(self.recency(rows), weights=self.weights(rows)))

    def groups_of(self, rows: Mask) -> Indices | None:
        """Return the group numbers of some rows (a mask), None where no group is declared."""
        return None if self.group_numbers is None else self.group_numbers[rows]

    def until(self, rows: Mask) -> float | None:
        """Return the newest time among some rows (a mask), None without a time column."""
        return None if self.time is None else float(self.time[rows].max())


@dataclass(frozen=True)
class Part:
    """One linear fit on some rows: a model of one member, its coefficients and figures.

    `solved` is set for least squares, `descended` for gradient descent. `complete_cases` is the
    same equation on the rows without a missing value, where many are filled in. `segments` are the
    equations of a kind that has one for each; the coefficients are then those of all rows.
    """

    model: Model
    coefficients: tuple[Coefficient, ...]
    details: dict[str, Any]
    warnings: tuple[str, ...] = ()
    solved: LeastSquares | None = None
    descended: "Descended | None" = None
    complete_cases: LeastSquares | None = None
    segments: SegmentFits | None = None


@dataclass(frozen=True, eq=False)
class RowsPassed:
    """What was found in the rows of a linear job before its fit.

    The fits of its folds, with their predictions `out_of_fold` (n,), None for a refit; and the
    errors of the equation of all rows that hold for any variances, None if they are not known.
    """

    folds: Mapping[int, Part]
    out_of_fold: Array | None
    unequal: UnequalVariances | None


@dataclass(frozen=True)
class Descended:
    """How a descent went: rows, epochs, and its loss over that of least squares, minus 1.

    `epochs_to_solution` counts the epochs until `excess_loss` was negligible; None if it never was.
    """

    rows: int
    epochs: int
    excess_loss: float
    epochs_to_solution: int | None


@dataclass(frozen=True)
class NetworkFit:
    """A fitted network; `held_predictions` (m,) are honest and in the target's units.

    `groups` are the columns of each of its groups, and `rows` how many it could have trained on.
    Where folds are chained, `losses` (e + 1,) are sums over its held-out rows after each epoch, by
    the fold that they become known to.
    """

    member: NetworkMember
    held_predictions: Array
    groups: tuple[tuple[str, ...], ...]
    rows: int
    details: dict[str, Any]
    losses: Mapping[int, Array] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Return how long its process worked on it."""
        seconds: float = self.details["seconds"]
        return seconds


@dataclass(frozen=True)
class Decided:
    """What was decided for further networks from what earlier ones have shown."""

    grouping: Grouping
    epochs: int


@dataclass(frozen=True)
class Grouped:
    """The decision on the groups of an ANN after some trainings, and the fits that have them."""

    grouping: Grouping
    fits: Mapping[int, NetworkFit]
    trainings: int


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate; `out_of_fold` (n,) is NaN for warm-up rows, and None after a refit.

    `ends` are the lower and upper ends (n,) of the intervals of these predictions, the widest
    first: each from the residuals of other folds, and NaN where there is none; none after a refit.

    `grouping`, `refit_epochs`, `plan` and `decided_by` are for the refit of an ANN; `for_tests` is
    for its networks that predict blocks of test rows, from what is known to the first of these;
    `half_life` is that of any refit. `segments` are the equations of a kind that has one for each;
    its coefficients are those of all rows, by which any other segment is predicted. `fold_warnings`
    are of the fits of the folds alone.
    """

    model: Model
    out_of_fold: Array | None
    coefficients: tuple[Coefficient, ...]
    details: dict[str, Any]
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    solved: LeastSquares | None = None
    descended: Descended | None = None
    complete_cases: LeastSquares | None = None
    grouping: Grouping = "none"
    refit_epochs: int | None = None
    plan: Plan | None = None
    decided_by: str | None = None
    for_tests: Decided | None = None
    half_life: float | None = None
    ends: tuple[tuple[Array, Array], ...] = ()
    segments: SegmentFits | None = None
    fold_warnings: tuple[str, ...] = ()


def _with_mean_one(weight: Array | None, rows: int) -> Array:
    if weight is None:
        return np.ones(rows)
    return weight / weight.mean() if rows else np.empty(0)


def folds(
    fold: Indices, *, chained: bool, known: Indices | None = None
) -> Iterator[tuple[int, Mask, Mask]]:
    """Yield the number, the training rows and the held-out rows (masks) of each fold.

    Chained folds train on the rows that are `known` (n,) to them; None means those before.
    """
    known = fold + 1 if chained and known is None else known
    for number in range(1, int(fold.max()) + 1):
        yield number, (fold != number if known is None else known <= number), fold == number


def take(columns: Columns, rows: Mask) -> Columns:
    """Return some rows (a mask) of every column."""
    return {name: values[rows] for name, values in columns.items()}


def thinned(curve: ArrayLike) -> list[float]:
    """Return at most 200 points of a curve, the first and the last included, for the store."""
    values = np.asarray(curve, dtype=float)
    if len(values) > MAX_CURVE_POINTS:
        values = values[np.unique(np.linspace(0, len(values) - 1, MAX_CURVE_POINTS).astype(int))]
    points: list[float] = values.tolist()
    return points
