"""What the gate can and cannot see with today's test rows: its power, and its rates of error."""

from dataclasses import dataclass, replace
from math import exp

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain, Sums, gains, log_ratio_error, unit_sums
from regressors.judging.selection import PromotionRules, decide, too_few

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

FOUND = 0.8
"""The share of nights on which a switch finds the smallest gain that it is said to find."""
WORSE = 0.05
"""How much higher the RMSE of the worse model is whose chances are simulated."""
MOST_SIMULATED = 1_000
"""More units than this are simulated in this many pools, whose sums vary as those of the units."""
RESAMPLES = 2_000
"""Resamples of a simulated night: fewer than for a real one, since the nights are averaged."""
CHALLENGER, INCUMBENT = Candidate("challenger", "ann"), Candidate("incumbent", "ann")
"""Two candidates of one kind: a switch to a simpler one would be judged as a refresh."""


@dataclass(frozen=True)
class Sight:
    """What a gate sees of two models on its test rows, the rates being shares of simulated nights.

    `smallest_gain` is found four times out of five. `switch_to_equal`, `switch_to_worse` and
    `refresh_to_worse` tell how often a model that is equally good, or whose RMSE is higher by
    `worse`, would be let in. None where the rows tell nothing: too few, or a model without error.
    """

    rows: int
    units: int
    confidence: float
    smallest_gain: float | None
    switch_to_equal: float | None
    switch_to_worse: float | None
    refresh_to_worse: float | None
    worse: float
    nights: int


def smallest_gain(
    challenger: Array, incumbent: Array, *, rules: PromotionRules, unit: Labels | None = None
) -> float | None:
    """Return the gain that a switch would find four times out of five, from errors (n,).

    By Student's and the normal distribution of the log ratio. None where no switch is made at all,
    or where a model makes no error.
    """
    return _smallest_gain(unit_sums(challenger, incumbent, unit), rules)


def sight(
    challenger: Array,
    incumbent: Array,
    *,
    rules: PromotionRules,
    unit: Labels | None = None,
    nights: int = 500,
    seed: int = 0,
) -> Sight:
    """Simulate nights from the paired errors (n,) of two models, and decide each as a real one.

    The errors are brought to equal mean squares, their units drawn with replacement and the two
    models of each swapped by the toss of a coin: so both are equally good, and as alike as they
    are. The worse model's errors are then multiplied.
    """
    sums = unit_sums(challenger, incumbent, unit)
    least = _smallest_gain(sums, rules)
    switch_to_equal = switch_to_worse = refresh_to_worse = None
    if least is not None:
        nightly = _equal_nights(sums, nights, np.random.default_rng(seed))
        equal = gains(nightly, confidence=rules.confidence, resamples=RESAMPLES)
        nightly = replace(nightly, challenger=(1 + WORSE) ** 2 * nightly.challenger)
        worse = gains(nightly, confidence=rules.confidence, resamples=RESAMPLES)
        switch_to_equal = _let_in(equal, INCUMBENT, rules)
        switch_to_worse = _let_in(worse, INCUMBENT, rules)
        refresh_to_worse = _let_in(worse, CHALLENGER, rules)
    return Sight(
        rows=sums.rows,
        units=sums.challenger.shape[1],
        confidence=rules.confidence,
        smallest_gain=least,
        switch_to_equal=switch_to_equal,
        switch_to_worse=switch_to_worse,
        refresh_to_worse=refresh_to_worse,
        worse=WORSE,
        nights=nights,
    )


def _smallest_gain(sums: Sums, rules: PromotionRules) -> float | None:
    m = sums.challenger.shape[1]
    first, second = sums.challenger.mean(), sums.incumbent.mean()
    if too_few(sums.rows, m) or min(first, second) == 0:
        return None
    error = float(log_ratio_error(sums.challenger / first, sums.incumbent / second)[0])
    reach = float(stdtrit(m - 1, rules.confidence) + ndtri(FOUND)) * error
    return 1 - (1 - rules.min_gain) * exp(-reach)


def _equal_nights(sums: Sums, nights: int, rng: np.random.Generator) -> Sums:
    """Return the sums of simulated nights (nights, m) of two models that are equally good."""
    pairs = np.concatenate([sums.challenger, sums.incumbent])
    m = pairs.shape[1]
    if m > MOST_SIMULATED:
        pool = rng.permutation(m) % MOST_SIMULATED
        pairs, m = np.stack([np.bincount(pool, side) for side in pairs]), MOST_SIMULATED
    pairs /= pairs.mean(axis=1, keepdims=True)
    drawn = pairs[:, rng.integers(0, m, (nights, m))]
    first, second = np.where(rng.random((nights, m)) < 0.5, drawn, drawn[::-1])
    return Sums(first, second, sums.rows)


def _let_in(found: list[PairedGain], incumbent: Candidate, rules: PromotionRules) -> float:
    """Return the share of nights on which the challenger is promoted."""
    decided = [decide(CHALLENGER, incumbent, {CHALLENGER: gain}, rules=rules)[0] for gain in found]
    return sum(decision.decision == "promoted" for decision in decided) / len(decided)
