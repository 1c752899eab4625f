"""Target encoding of groups: what rows of one level have in common beyond the linear start.

Trees find the effects of ids, routes, schools and people, even those stored as numbers; a one-hot
network does not. Each level gets a shrunken mean of the linear start's leave-one-out residuals
(Micci-Barreca 2001). A fitted row gets it from the rows outside its own inner fold, so that its own
target is not in it.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, cast

import numpy as np

from regressors.arrays import Array, CodedTexts, Columns, Indices, Values
from regressors.encoding.columns import sortable, with_tuples
from regressors.encoding.levels import levels_repeat

MIN_GROUP_LEVELS = 3
INNER_FOLDS = 10
MIN_SHRINKAGE = 0.5
"""In rows: a level is pulled to zero as if it had this many more rows, all without an effect."""
MAX_GROUP_COLUMNS = 12
MIN_EXPLAINED = 0.01
"""The share of the residual's variance that levels made of a number, or of a pair, must explain."""
MAX_PAIRED_COLUMNS, MAX_TRIED_PAIRS = 32, 20
"""At most so many columns form pairs, of which at most so many then compete with one another."""
MAX_STANDARDISED = 6.0
"""Standardised values are clipped at plus and minus this many standard deviations."""
MAX_GROUP_LEVELS = 20_000
"""So many of a column's levels are kept, the most frequent ones; the others count as unseen."""


@dataclass(frozen=True)
class GroupColumn:
    """A column's levels, with what each adds (in residual units) and how many rows it had.

    `levels` are texts (None: missing) or numbers in ascending order; an unseen one adds 0.
    `sd` is that of the effects; `count_mean` and `count_sd` are of log(1 + count). With `second`,
    a level is a pair of values of two columns, as text.
    """

    name: str
    levels: tuple[str | None, ...] | tuple[float, ...]
    effects: tuple[float, ...]
    counts: tuple[float, ...]
    sd: float
    count_mean: float
    count_sd: float
    second: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that a level is made of."""
        return (self.name,) if self.second is None else (self.name, self.second)

    def values(self, columns: Columns) -> Values:
        """Return the value (n,) of each row that is looked up among the levels."""
        first = columns[self.name]
        return first if self.second is None else paired(first, columns[self.second])

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "GroupColumn":
        """Return the column with the fields that JSON kept, where tuples became lists."""
        return cls(**with_tuples(fields))

    def encode(self, values: Values) -> tuple[Array, Array]:
        """Return the standardised effect and log count (n,) of rows that were not fitted."""
        index = self._level_index(values)
        effects, counts = np.append(self.effects, 0.0), np.append(self.counts, 0.0)
        return self.standardise(effects[index], counts[index])

    def standardise(self, effect: Array, count: Array) -> tuple[Array, Array]:
        """Return effects (n,) over their SD, and log counts (n,) about their mean; both clipped."""
        logs = (np.log1p(count) - self.count_mean) / self.count_sd
        reach = MAX_STANDARDISED
        return np.clip(effect / self.sd, -reach, reach), np.clip(logs, -reach, reach)

    def _level_index(self, values: Values) -> Indices:
        """Return the index of each value's level; an unseen one has the index after the last."""
        unseen = len(self.levels)
        if isinstance(values, CodedTexts) and len(values.labels) <= len(values):
            of_labels: Indices = self._level_index(values.labels)[values.codes]
            return of_labels
        if values.dtype.kind == "O":
            index: dict[Any, int] = {level: i for i, level in enumerate(self.levels)}
            indices = (index.get(value, unseen) for value in values.tolist())
            return np.fromiter(indices, dtype=np.int64, count=len(values))
        levels = np.asarray(self.levels, dtype=float)
        nearest = np.minimum(np.searchsorted(levels, values), unseen - 1)
        return np.where(levels[nearest] == values, nearest, unseen)


def paired(first: Values, second: Values) -> Values:
    """Return each pair of values (n,) as one text, different for different pairs."""
    if isinstance(first, CodedTexts) and isinstance(second, CodedTexts):
        return _paired_codes(first, second)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([repr(pair) for pair in pairs], dtype=object)


def _paired_codes(first: CodedTexts, second: CodedTexts) -> Values:
    """Return the same of two categories as a category: each different pair is written once."""
    size = len(second.labels)
    both = first.codes.astype(np.int64) % len(first.labels) * size + second.codes % size
    pairs, codes = np.unique(both, return_inverse=True)
    ones, others = first.labels[pairs // size].tolist(), second.labels[pairs % size].tolist()
    texts = [repr(pair) for pair in zip(ones, others, strict=True)]
    return cast(Values, CodedTexts(codes, np.array([*texts, None], dtype=object)))


@dataclass(frozen=True)
class FittedGroups:
    """The chosen columns, with the effects and log counts (n, k) of the fitted rows."""

    columns: tuple[GroupColumn, ...]
    effects: Array
    counts: Array


def fit_groups(
    columns: Columns,
    residual: Array,
    weight: Array,
    rng: np.random.Generator,
    *,
    pieces: int,
    pairs: bool,
    together: Indices | None = None,
) -> FittedGroups:
    """Choose columns whose levels explain `residual` (n,), best first, each fitted to what is left.

    The choice is from numbers with more than `pieces` different values and categories of three
    levels or more, and then, with `pairs`, pairs of columns. Half of the rows must be in levels of
    two rows or more. `weight` (n,) has a mean of 1; rows with the same number in `together` (n,)
    share an inner fold.
    """
    units = np.arange(len(residual)) if together is None else together
    names, unit_index = np.unique(units, return_inverse=True)
    inner_fold = rng.permutation(len(names))[unit_index] % INNER_FOLDS
    singles = _single_columns(columns, pieces)
    chosen, left = _choose(singles, residual, weight, inner_fold, MAX_GROUP_COLUMNS)
    if pairs:
        crossed = _best_pairs(columns, left, weight, inner_fold)
        chosen += _choose(crossed, left, weight, inner_fold, MAX_GROUP_COLUMNS - len(chosen))[0]
    encoded = [trial.column.standardise(trial.effect, trial.count) for trial in chosen]
    empty = np.empty((len(residual), 0))
    return FittedGroups(
        tuple(trial.column for trial in chosen),
        np.column_stack([empty, *(effect for effect, _ in encoded)]),
        np.column_stack([empty, *(count for _, count in encoded)]),
    )


@dataclass(frozen=True)
class _Coded:
    """A column, or a pair of them, as the codes (n,) of its levels.

    `min_explained` is the share of the residual's variance that the levels must explain.
    """

    name: str
    levels: tuple[Any, ...]
    codes: Indices
    min_explained: float
    second: str | None = None


@dataclass(frozen=True)
class _Trial:
    """A coded column fitted to a residual: cross-fitted effects and counts (n,), and their gain."""

    coded: _Coded
    column: GroupColumn
    effect: Array
    count: Array
    gain: float


def _choose(
    columns: Iterable[_Coded], residual: Array, weight: Array, inner_fold: Indices, limit: int
) -> tuple[list[_Trial], Array]:
    """Return up to `limit` columns that explain the residual (n,), and what they leave of it."""
    waiting, chosen, left = list(columns), list[_Trial](), residual
    while waiting and len(chosen) < limit:
        trials = [_try(coded, left, weight, inner_fold) for coded in waiting]
        useful = [trial for trial in trials if trial is not None]
        best = max(useful, key=lambda trial: trial.gain, default=None)
        if best is None:
            break
        chosen.append(best)
        left = left - best.effect
        waiting = [trial.coded for trial in useful if trial is not best]
    return chosen, left


def _single_columns(columns: Columns, pieces: int) -> Iterator[_Coded]:
    for name in sorted(columns):
        levels, codes = _levels(columns[name])
        is_number = columns[name].dtype.kind != "O"
        enough = len(levels) > pieces if is_number else len(levels) >= MIN_GROUP_LEVELS
        if enough and levels_repeat(np.bincount(codes), len(codes)):
            yield _Coded(name, levels, codes, MIN_EXPLAINED if is_number else 0.0)


def _levels(values: Values) -> tuple[tuple[Any, ...], Indices]:
    """Return a column's levels in order, missing last, and the code (n,) of each value."""
    if values.dtype.kind != "O":
        numbers, codes = np.unique(values, return_inverse=True)
        return tuple(numbers.tolist()), codes
    present = np.array([value is not None for value in values], dtype=bool)
    texts, codes_of_present = np.unique(sortable(values[present]), return_inverse=True)
    codes = np.full(len(values), len(texts))
    codes[present] = codes_of_present
    return tuple(texts.tolist()) + (() if present.all() else (None,)), codes


def _best_pairs(
    columns: Columns, residual: Array, weight: Array, inner_fold: Indices
) -> list[_Coded]:
    """Return the pairs of columns whose levels explain `residual` (n,) best, each by itself."""
    single = {name: _levels(columns[name]) for name in sorted(columns)}
    # A heap, so that only the best pairs have their codes in memory.
    best: list[tuple[float, str, str, Indices, Indices]] = []
    for first, second in combinations(_paired_names(single, residual), 2):
        sizes = len(single[first][0]), len(single[second][0])
        numbers, codes = _cross(single[first][1], single[second][1], sizes[1])
        if len(numbers) > max(sizes) and levels_repeat(np.bincount(codes), len(codes)):
            pair = _Coded(first, tuple(numbers.tolist()), codes, MIN_EXPLAINED, second)
            trial = _try(pair, residual, weight, inner_fold)
            if trial is not None:
                heapq.heappush(best, (trial.gain, first, second, numbers, codes))
            if len(best) > MAX_TRIED_PAIRS:
                heapq.heappop(best)
    pairs = []
    for _, first, second, numbers, codes in sorted(best, reverse=True):
        levels, others = single[first][0], single[second][0]
        both = (divmod(number, len(others)) for number in numbers.tolist())
        texts = tuple(repr((levels[i], others[j])) for i, j in both)
        pairs.append(_Coded(first, texts, codes, MIN_EXPLAINED, second))
    return pairs


def _paired_names(
    single: Mapping[str, tuple[tuple[Any, ...], Indices]], residual: Array
) -> list[str]:
    """Return the columns that pairs are made of: of many, those whose levels differ most."""
    ratio = {}
    for name, (_, codes) in single.items():
        variances = (
            _variances(codes, residual) if levels_repeat(np.bincount(codes), len(codes)) else None
        )
        if variances is not None:
            within, between = variances
            ratio[name] = between / within if within > 0 else np.inf
    return sorted(sorted(ratio, key=lambda name: (-ratio[name], name))[:MAX_PAIRED_COLUMNS])


def _cross(first: Indices, second: Indices, size: int) -> tuple[Indices, Indices]:
    """Return the numbers of the pairs of codes that occur, and each row's index among them.

    The second codes are below `size`.
    """
    numbers, codes = np.unique(first * size + second, return_inverse=True)
    return numbers, codes


def _try(coded: _Coded, residual: Array, weight: Array, inner_fold: Indices) -> _Trial | None:
    """Encode a residual by a column's levels; return None where they explain too little of it."""
    shrinkage = _shrinkage(coded.codes, residual)
    if shrinkage is None:
        return None
    own = coded.codes * INNER_FOLDS + inner_fold
    size = len(coded.levels)
    sums = np.bincount(coded.codes, weight * residual, size)
    counts = np.bincount(coded.codes, weight, size)
    own_sums = np.bincount(own, weight * residual, size * INNER_FOLDS)
    own_counts = np.bincount(own, weight, size * INNER_FOLDS)
    others = np.maximum(counts[coded.codes] - own_counts[own], 0.0)
    effect = (sums[coded.codes] - own_sums[own]) / (others + shrinkage)
    before = float(weight @ np.square(residual))
    gain = before - float(weight @ np.square(residual - effect))
    sd = float(effect.std())
    if gain <= coded.min_explained * before or sd == 0:
        return None
    logs = np.log1p(others)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MAX_GROUP_LEVELS])
    column = GroupColumn(
        name=coded.name,
        levels=tuple(coded.levels[i] for i in kept),
        effects=tuple((sums / (counts + shrinkage))[kept].tolist()),
        counts=tuple(counts[kept].tolist()),
        sd=sd,
        count_mean=float(logs.mean()),
        count_sd=float(logs.std()) or 1.0,
        second=coded.second,
    )
    return _Trial(coded, column, effect, others, gain)


def _shrinkage(codes: Indices, residual: Array) -> float | None:
    """Return the variance within levels over that between them; None where that is not above 0."""
    variances = _variances(codes, residual)
    if variances is None or variances[1] <= 0:
        return None
    return max(MIN_SHRINKAGE, variances[0] / variances[1])


def _variances(codes: Indices, residual: Array) -> tuple[float, float] | None:
    """Return the variance within levels and that between them, whose estimate may be negative.

    The estimates of a one-way analysis of variance with levels of unequal size (Searle 1971); None
    where there are too few levels or too few rows.
    """
    rows = np.bincount(codes).astype(float)
    present = rows > 0
    means = np.bincount(codes, residual) / np.where(present, rows, 1)
    levels, n = int(present.sum()), len(residual)
    if levels < 2 or n <= levels:
        return None
    within = float(np.square(residual - means[codes]).sum()) / (n - levels)
    among = float(rows @ np.square(means - residual.mean())) / (levels - 1)
    size = (n - float(np.square(rows).sum()) / n) / (levels - 1)
    return within, (among - within) / size
