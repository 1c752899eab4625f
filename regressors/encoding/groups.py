"""Target encoding of groups: what rows of one level have in common beyond the linear start.

Ids, routes, schools and persons, also where they hide in numbers, are what trees find and a one-hot
network does not. Each level gets a shrunken mean of the linear start's leave-one-out residual
(Micci-Barreca 2001); a row that is fitted gets it from other rows than its own inner fold's, so
that its own target is not in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.encoding.columns import sortable

Array = NDArray[np.float64]

LEAST_LEVELS = 3
INNER_FOLDS = 10
LEAST_SHRINKAGE = 0.5
MOST_GROUPS = 12
LEAST_GAIN = 0.01
"""The share of the residual's variance that levels made of a number, or of a pair, must explain."""
PAIRED_COLUMNS, MOST_PAIRS = 32, 20
"""Pairs are made of so many columns, and so many pairs are then tried together."""
REACH = 6.0
"""Standardised values are held within plus and minus this many SDs."""
MOST_LEVELS = 20_000
"""Levels that are kept of one column, the most frequent ones; the others count as unseen."""


@dataclass(frozen=True)
class GroupColumn:
    """A column's levels with what each adds (in residual units) and how many rows it had.

    `levels` are texts (None: missing) or numbers in ascending order; an unseen one adds nothing.
    `sd` is that of the effects, `count_mean` and `count_sd` are of log(1 + count). With `second`,
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

    def values(self, parts: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the values (n,) that have a level each."""
        first = parts[self.name]
        return first if self.second is None else paired(first, parts[self.second])

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "GroupColumn":
        """Return the column whose fields JSON kept, lists for tuples."""
        fields: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in value.items()
        }
        return cls(**fields)

    def encode(self, values: NDArray[Any]) -> tuple[Array, Array]:
        """Return the standardised effect and log count (n,) of rows that were not fitted."""
        place = self._places(values)
        effects, counts = np.append(self.effects, 0.0), np.append(self.counts, 0.0)
        return self.standardise(effects[place], counts[place])

    def standardise(self, effect: Array, count: Array) -> tuple[Array, Array]:
        """Return effects (n,) over their SD and log counts (n,) about their mean, within reach."""
        logs = (np.log1p(count) - self.count_mean) / self.count_sd
        return np.clip(effect / self.sd, -REACH, REACH), np.clip(logs, -REACH, REACH)

    def _places(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return each value's place among the levels, their number where it is unseen."""
        unseen = len(self.levels)
        if values.dtype.kind == "O":
            places: dict[Any, int] = {level: i for i, level in enumerate(self.levels)}
            found = (places.get(value, unseen) for value in values)
            return np.fromiter(found, dtype=np.int64, count=len(values))
        known = np.asarray(self.levels, dtype=float)
        place = np.minimum(np.searchsorted(known, values), unseen - 1)
        return np.where(known[place] == values, place, unseen)


def paired(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.object_]:
    """Return each pair of values (n,) as one text, different for different pairs."""
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([repr(pair) for pair in pairs], dtype=object)


@dataclass(frozen=True)
class FittedGroups:
    """The columns that were chosen, with the fitted rows' effects and log counts (n, k)."""

    columns: tuple[GroupColumn, ...]
    effects: Array
    counts: Array


def fit_groups(
    columns: Mapping[str, NDArray[Any]],
    residual: Array,
    weight: Array,
    rng: np.random.Generator,
    *,
    pieces: int,
    pairs: bool,
    together: NDArray[np.int64] | None = None,
) -> FittedGroups:
    """Choose columns whose levels explain `residual` (n,), the best first, each on what is left.

    A number with more than `pieces` different values is a candidate, and every category of three
    levels or more; then, with `pairs`, pairs of columns. Half of the rows must be in levels of two
    rows or more. `weight` (n,) has a mean of 1; rows with the same number in `together` (n,) are in
    one inner fold.
    """
    rows = np.arange(len(residual)) if together is None else together
    names, places = np.unique(rows, return_inverse=True)
    inner = rng.permutation(len(names))[places] % INNER_FOLDS
    chosen, left = _choose(_candidates(columns, pieces), residual, weight, inner, MOST_GROUPS)
    if pairs:
        candidates = _pairs(columns, left, weight, inner)
        chosen += _choose(candidates, left, weight, inner, MOST_GROUPS - len(chosen))[0]
    encoded = [trial.column.standardise(trial.effect, trial.count) for trial in chosen]
    nothing = np.empty((len(residual), 0))
    return FittedGroups(
        tuple(trial.column for trial in chosen),
        np.column_stack([nothing, *(effect for effect, _ in encoded)]),
        np.column_stack([nothing, *(count for _, count in encoded)]),
    )


@dataclass(frozen=True)
class _Candidate:
    """A column as the codes (n,) of its levels; `least_gain` is what it must explain."""

    name: str
    levels: tuple[Any, ...]
    codes: NDArray[np.int64]
    least_gain: float
    second: str | None = None


@dataclass(frozen=True)
class _Trial:
    """A candidate fitted to a residual: cross-fitted effects and counts (n,), and their gain."""

    candidate: _Candidate
    column: GroupColumn
    effect: Array
    count: Array
    gain: float


def _choose(
    candidates: Iterable[_Candidate],
    residual: Array,
    weight: Array,
    inner: NDArray[np.int64],
    most: int,
) -> tuple[list[_Trial], Array]:
    """Return the candidates that explain the residual (n,), the best first, and what is left."""
    waiting, chosen, left = list(candidates), list[_Trial](), residual
    while waiting and len(chosen) < most:
        trials = [_try(one, left, weight, inner) for one in waiting]
        useful = [trial for trial in trials if trial is not None]
        best = max(useful, key=lambda trial: trial.gain, default=None)
        if best is None:
            break
        chosen.append(best)
        left = left - best.effect
        waiting = [trial.candidate for trial in useful if trial is not best]
    return chosen, left


def _candidates(columns: Mapping[str, NDArray[Any]], pieces: int) -> Iterator[_Candidate]:
    for name in sorted(columns):
        levels, codes = _levels(columns[name])
        number = columns[name].dtype.kind != "O"
        enough = len(levels) > pieces if number else len(levels) >= LEAST_LEVELS
        if enough and _repeat(codes):
            yield _Candidate(name, levels, codes, LEAST_GAIN if number else 0.0)


def _levels(values: NDArray[Any]) -> tuple[tuple[Any, ...], NDArray[np.int64]]:
    """Return a column's levels in order, missing last, and the code (n,) of each value."""
    if values.dtype.kind != "O":
        numbers, places = np.unique(values, return_inverse=True)
        return tuple(numbers.tolist()), places
    known = np.array([value is not None for value in values], dtype=bool)
    texts, places = np.unique(sortable(values[known]), return_inverse=True)
    codes = np.full(len(values), len(texts))
    codes[known] = places
    return tuple(texts.tolist()) + (() if known.all() else (None,)), codes


def _repeat(codes: NDArray[np.int64]) -> bool:
    """Tell whether half of the rows are in levels of two rows or more."""
    rows = np.bincount(codes)
    return bool(rows[rows >= 2].sum() >= len(codes) / 2)


def _pairs(
    columns: Mapping[str, NDArray[Any]], residual: Array, weight: Array, inner: NDArray[np.int64]
) -> list[_Candidate]:
    """Return the pairs of columns whose levels explain most of `residual` (n,), each by itself.

    Of many columns, those take part whose levels differ most.
    """
    single = {name: _levels(columns[name]) for name in sorted(columns)}
    apart = {}
    for name, (_, codes) in single.items():
        variances = _variances(codes, residual) if _repeat(codes) else None
        if variances is not None:
            apart[name] = variances[1] / variances[0] if variances[0] > 0 else np.inf
    names = sorted(sorted(apart, key=lambda name: (-apart[name], name))[:PAIRED_COLUMNS])
    useful = []
    for first, second in combinations(names, 2):
        sizes = len(single[first][0]), len(single[second][0])
        numbers, codes = _crossed(single[first][1], single[second][1], sizes[1])
        if len(numbers) > max(sizes) and _repeat(codes):
            one = _Candidate(first, tuple(numbers.tolist()), codes, LEAST_GAIN, second)
            trial = _try(one, residual, weight, inner)
            useful += [] if trial is None else [(trial.gain, first, second)]
    pairs = []
    for _, first, second in sorted(useful, reverse=True)[:MOST_PAIRS]:
        (some, left), (others, right) = single[first], single[second]
        numbers, codes = _crossed(left, right, len(others))
        both = (divmod(number, len(others)) for number in numbers.tolist())
        levels = tuple(repr((some[i], others[j])) for i, j in both)
        pairs.append(_Candidate(first, levels, codes, LEAST_GAIN, second))
    return pairs


def _crossed(
    first: NDArray[np.int64], second: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the pairs that occur of two codes, the second below `size`; code each row by them."""
    numbers, codes = np.unique(first * size + second, return_inverse=True)
    return numbers, codes


def _try(
    one: _Candidate, residual: Array, weight: Array, inner: NDArray[np.int64]
) -> _Trial | None:
    """Encode a residual by a column's levels; None where they explain too little of it."""
    shrinkage = _shrinkage(one.codes, residual)
    if shrinkage is None:
        return None
    own = one.codes * INNER_FOLDS + inner
    size = len(one.levels)
    sums = np.bincount(one.codes, weight * residual, size)
    counts = np.bincount(one.codes, weight, size)
    own_sums = np.bincount(own, weight * residual, size * INNER_FOLDS)
    own_counts = np.bincount(own, weight, size * INNER_FOLDS)
    others = np.maximum(counts[one.codes] - own_counts[own], 0.0)
    effect = (sums[one.codes] - own_sums[own]) / (others + shrinkage)
    before = float(weight @ np.square(residual))
    gain = before - float(weight @ np.square(residual - effect))
    sd = float(effect.std())
    if gain <= one.least_gain * before or sd == 0:
        return None
    logs = np.log1p(others)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
    column = GroupColumn(
        name=one.name,
        levels=tuple(one.levels[i] for i in kept),
        effects=tuple((sums / (counts + shrinkage))[kept].tolist()),
        counts=tuple(counts[kept].tolist()),
        sd=sd,
        count_mean=float(logs.mean()),
        count_sd=float(logs.std()) or 1.0,
        second=one.second,
    )
    return _Trial(one, column, effect, others, gain)


def _shrinkage(codes: NDArray[np.int64], residual: Array) -> float | None:
    """Return the variance within levels over that between them; None where there is no such."""
    variances = _variances(codes, residual)
    if variances is None or variances[1] <= 0:
        return None
    return max(LEAST_SHRINKAGE, variances[0] / variances[1])


def _variances(codes: NDArray[np.int64], residual: Array) -> tuple[float, float] | None:
    """Return the variance within levels and that between them, which may come out negative.

    The estimates of a one-way analysis of variance with levels of unequal size (Searle 1971).
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
