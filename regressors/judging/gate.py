"""The power of the gate, and its error rates, with today's test rows."""

from dataclasses import dataclass, replace
from math import exp

import numpy as np
from scipy.special import ndtri, stdtrit

from regressors.arrays import Array, Indices
from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain, Sums, gains, log_ratio_error, unit_sums
from regressors.judging.selection import PromotionRules, decide, too_few

POWER = 0.8
"""The share of nights on which a switch is made, if the gain is the smallest detectable one."""
WORSE = 0.05
"""How much higher the RMSE of the simulated worse model is, as a share."""
MAX_SIMULATED_UNITS = 1_000
"""More units are pooled into this many, whose sums vary as those of the units do."""
SIMULATED_RESAMPLES = 2_000
"""Resamples per simulated night: fewer than for a real one, since the nights are averaged."""
CHALLENGER, INCUMBENT = Candidate("challenger", "ann"), Candidate("incumbent", "ann")
"""Two candidates of one kind, since a switch to a simpler kind is judged as a refresh."""


@dataclass(frozen=True)
class GatePower:
    """What the gate can detect between two models on its test rows.

    `smallest_gain` is detected four times out of five. `switch_to_equal`, `switch_to_worse` and
    `refresh_to_worse` are the shares of simulated nights on which a model that is equally good, or
    whose RMSE is higher by `worse`, is promoted. None where there are too few rows, or where a
    model makes no error.
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
    challenger: Array, incumbent: Array, *, rules: PromotionRules, unit: Indices | None = None
) -> float | None:
    """Return the gain that a switch would detect four times out of five, from errors (n,).

    Computed from Student's and the normal distribution of the log ratio. None where no switch is
    made at all, or where a model makes no error.
    """
    return _smallest_gain(unit_sums(challenger, incumbent, unit), rules)


def gate_power(
    challenger: Array,
    incumbent: Array,
    *,
    rules: PromotionRules,
    unit: Indices | None = None,
    nights: int = 500,
    seed: int = 0,
) -> GatePower:
    """Simulate nights from the paired errors (n,) of two models, and decide on each of them.

    The errors are scaled to equal mean squares, their units are drawn with replacement, and in each
    unit the two models are swapped at random: so both are equally good, and as alike as the real
    ones. For a worse model, the errors of one of them are then multiplied.
    """
    sums = unit_sums(challenger, incumbent, unit)
    smallest = _smallest_gain(sums, rules)
    switch_to_equal = switch_to_worse = refresh_to_worse = None
    if smallest is not None:
        nightly = _equal_nights(sums, nights, np.random.default_rng(seed))
        equal = gains(nightly, confidence=rules.confidence, resamples=SIMULATED_RESAMPLES)
        nightly = replace(nightly, challenger=(1 + WORSE) ** 2 * nightly.challenger)
        worse = gains(nightly, confidence=rules.confidence, resamples=SIMULATED_RESAMPLES)
        switch_to_equal = _share_promoted(equal, INCUMBENT, rules)
        switch_to_worse = _share_promoted(worse, INCUMBENT, rules)
        refresh_to_worse = _share_promoted(worse, CHALLENGER, rules)
    return GatePower(
        rows=sums.rows,
        units=sums.challenger.shape[1],
        confidence=rules.confidence,
        smallest_gain=smallest,
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
    reach = float(stdtrit(m - 1, rules.confidence) + ndtri(POWER)) * error
    return 1 - (1 - rules.min_gain) * exp(-reach)


def _equal_nights(sums: Sums, nights: int, rng: np.random.Generator) -> Sums:
    """Return the sums of simulated nights (nights, m) of two models that are equally good."""
    pairs = np.concatenate([sums.challenger, sums.incumbent])
    m = pairs.shape[1]
    if m > MAX_SIMULATED_UNITS:
        pool = rng.permutation(m) % MAX_SIMULATED_UNITS
        pairs, m = np.stack([np.bincount(pool, side) for side in pairs]), MAX_SIMULATED_UNITS
    pairs /= pairs.mean(axis=1, keepdims=True)
    drawn = pairs[:, rng.integers(0, m, (nights, m))]
    first, second = np.where(rng.random((nights, m)) < 0.5, drawn, drawn[::-1])
    return Sums(first, second, sums.rows)


def _share_promoted(
    nightly: list[PairedGain], incumbent: Candidate, rules: PromotionRules
) -> float:
    """Return the share of nights on which the challenger is promoted."""
    decisions = [
        decide(CHALLENGER, incumbent, {CHALLENGER: gain}, rules=rules)[0] for gain in nightly
    ]
    return sum(decision.decision == "promoted" for decision in decisions) / len(decisions)
