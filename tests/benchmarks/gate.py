"""How often the gate is wrong and how often it finds the better model, on simulated errors.

Nothing is fitted: the errors of two models correlate by 0.9, and are decided on as in a night. The
first table has 500 nights per cell, with the promise beside each rate, and the command fails if a
promise is not kept; an error rate may exceed the stated one by two standard errors of 500 nights.
The second table has the error rates for rows that are correlated in time or within groups. The
third has those over time, where both candidates are fitted again at rolling origins. The fourth
compares other statistics that might have been used.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from benchmarks.figures import record
from scipy.signal import lfilter
from scipy.special import stdtrit

from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain, Sums, gains, time_blocks, unit_sums
from regressors.judging.selection import PromotionRules, decide

Array = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
"""Errors (..., rows) that all have the same variance."""

NIGHTS = 500
RULES = PromotionRules()
NEW, SERVING = Candidate("new", "ann"), Candidate("serving", "ann")
WORSE, BETTER = 1.05, 0.95


def normal(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return rng.standard_normal(size)


def t4(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    return rng.standard_t(4, size)


def joint_t4(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
    """Rows that are hard are hard for both models: each row has one scale for all its errors."""
    return rng.standard_normal(size) / np.sqrt(rng.chisquare(4, (1, *size[1:])) / 4)


def following(correlation: float) -> Draw:
    """Each error is correlated with the one before it."""

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        errors = rng.standard_normal(size)
        for i in range(1, size[-1]):
            errors[..., i] *= np.sqrt(1 - correlation**2)
            errors[..., i] += correlation * errors[..., i - 1]
        return errors

    return draw


def grouped(group: Array) -> Draw:
    """Half of an error's variance is common to the rows of its group: (rows,) numbers from 0."""

    def draw(rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        common = rng.standard_normal((*size[:-1], group.max() + 1))
        return np.sqrt(0.5) * (common[..., group] + rng.standard_normal(size))

    return draw


def nights(
    draw: Draw, rows: int, *, factor: float = 1.0, unit: Array | None = None, count: int = NIGHTS
) -> Sums:
    """Return the squared errors of `count` nights; the challenger's RMSE has the `factor`."""
    rng = np.random.default_rng([rows, count])
    shared, first, second = draw(rng, (3, count, rows))
    challenger = factor * (np.sqrt(0.9) * shared + np.sqrt(0.1) * first)
    incumbent = np.sqrt(0.9) * shared + np.sqrt(0.1) * second
    each = [unit_sums(*errors, unit) for errors in zip(challenger, incumbent, strict=True)]
    return Sums(
        np.concatenate([night.challenger * night.scale**2 for night in each]),
        np.concatenate([night.incumbent * night.scale**2 for night in each]),
        rows,
    )


def promoted(nightly: list[PairedGain], incumbent: Candidate) -> float:
    """Return the share of nights on which the challenger is promoted against `incumbent`."""
    decided = [decide(NEW, incumbent, {NEW: gain}, rules=RULES)[0] for gain in nightly]
    return float(np.mean([decision.decision == "promoted" for decision in decided]))


# What is promised


@dataclass(frozen=True)
class Promise:
    """The bounds that a rate must keep."""

    at_least: float = 0.0
    at_most: float = 1.0

    def cell(self, rate: float) -> str:
        """Return the rate and its promise."""
        promise = f" (at least {self.at_least:.0%})" if self.at_least else ""
        if self.at_most < 1:
            promise = f" (at most {self.at_most:.1%})" if self.at_most else " (never)"
        return f"{rate:.1%}{promise}{'' if self.kept(rate) else ' BROKEN'}"

    def kept(self, rate: float) -> bool:
        """Return whether the rate is as promised."""
        return self.at_least <= rate <= self.at_most


STATED = 1 - RULES.confidence
NOT_MORE = Promise(at_most=STATED + 2 * float(np.sqrt(STATED * (1 - STATED) / NIGHTS)))
NEVER, ANY = Promise(at_most=0.0), Promise()
SHAPES: dict[str, Draw] = {"normal": normal, "t4": t4, "joint t4": joint_t4}
PROMISES: dict[tuple[str, int], tuple[Promise, Promise, Promise, Promise]] = {
    ("normal", 30): (NOT_MORE, ANY, ANY, ANY),
    ("normal", 300): (NOT_MORE, Promise(at_least=0.6), NEVER, ANY),
    ("normal", 1000): (NOT_MORE, Promise(at_least=0.95), NEVER, Promise(at_least=0.95)),
    ("t4", 30): (Promise(at_most=0.08), ANY, ANY, ANY),
    ("t4", 300): (NOT_MORE, ANY, NEVER, ANY),
    ("t4", 1000): (NOT_MORE, ANY, NEVER, ANY),
    ("joint t4", 30): (Promise(at_most=0.08), ANY, ANY, ANY),
    ("joint t4", 300): (NOT_MORE, ANY, NEVER, ANY),
    ("joint t4", 1000): (NOT_MORE, ANY, NEVER, ANY),
}
"""By errors and number of test rows, in the order of `rates`."""


def rates(draw: Draw, rows: int) -> tuple[float, float, float, float]:
    """Return how often the gate switches to an equal, a 5% better and a 5% worse model.

    The last rate is how often it refuses the worse one as a refresh.
    """
    equal, better, worse = (
        gains(nights(draw, rows, factor=factor), confidence=RULES.confidence)
        for factor in (1.0, BETTER, WORSE)
    )
    return (
        promoted(equal, SERVING),
        promoted(better, SERVING),
        promoted(worse, SERVING),
        1 - promoted(worse, NEW),
    )


# Units that belong together


def wrong(sums: Sums) -> tuple[float, float]:
    """Return how often an equal model is switched to, and how often it fails as a refresh."""
    nightly = gains(sums, confidence=RULES.confidence)
    return promoted(nightly, SERVING), 1 - promoted(nightly, NEW)


def together() -> list[tuple[str, int, tuple[float, float], tuple[float, float]]]:
    """Return both error rates by rows and by units, for rows that are not independent."""
    cases: list[tuple[str, int, Draw, Array]] = []
    for correlation in (0.0, 0.5, 0.8, 0.9):
        for rows in (100, 300, 1000):
            blocks = time_blocks(np.arange(float(rows)))
            cases.append((f"time, {correlation:g}", rows, following(correlation), blocks))
    sizes = np.random.default_rng(2).lognormal(1.6, 0.8, 100).astype(int) + 1
    for count in (10, 20, 100):
        group = np.repeat(np.arange(count), sizes[:count])
        cases.append((f"{count} groups", len(group), grouped(group), group))
    return [
        (name, rows, wrong(nights(draw, rows)), wrong(nights(draw, rows, unit=unit)))
        for name, rows, draw, unit in cases
    ]


# Over time


TIMES, TEST_SHARE, ORIGINS = 1_500, 0.2, 12
DRIFT = 0.05
"""The SD of the slope's change from one time to the next; it begins at 1."""
HALF_LIFE = 100
"""Times after which a row has half the weight in a fit."""


def over_time(correlation: float, drift: float, age: int, *, by_twin: bool = False) -> float:
    """Return how often the gate switches to an equal candidate of a table in order of time.

    The target is the sum of two features times their slope, and of an error whose correlation with
    the one before is given; each model knows one of the features. The challenger predicts the
    newest fifth of the rows from rolling origins. So did the incumbent when it was fitted, `age`
    times ago, and it predicts the newer ones as it is; or one fit, its twin, predicts all.
    """
    rng = np.random.default_rng([int(10 * correlation), int(100 * drift), age])
    x = rng.standard_normal((2, NIGHTS, TIMES))
    slope = 1 + drift * rng.standard_normal((NIGHTS, TIMES)).cumsum(axis=1)
    y = slope * x.sum(axis=0) + 3 * following(correlation)(rng, (NIGHTS, TIMES))
    recent = partial(lfilter, [1.0], [1.0, -(0.5 ** (1 / HALF_LIFE))])
    fitted = recent(x * y) / recent(np.square(x))  # which knows the times up to its own
    test, then = np.arange(int((1 - TEST_SHARE) * TIMES), TIMES), TIMES - age
    origin = np.where(test < then, first_of_block(then)[np.minimum(test, then - 1)], then)
    if by_twin:
        origin = np.full(len(test), int((1 - TEST_SHARE) * then))
    errors = [
        y[:, test] - fitted[number][:, known - 1] * x[number][:, test]
        for number, known in enumerate((first_of_block(TIMES)[test], origin))
    ]
    units = time_blocks(test.astype(float))
    each = [unit_sums(own, other, units) for own, other in zip(*errors, strict=True)]
    sums = Sums(
        np.concatenate([night.challenger * night.scale**2 for night in each]),
        np.concatenate([night.incumbent * night.scale**2 for night in each]),
        len(test),
    )
    return promoted(gains(sums, confidence=RULES.confidence), SERVING)


def first_of_block(times: int) -> Array:
    """Return the first time of each one's block (times,), the newest fifth being the blocks."""
    cuts = np.linspace((1 - TEST_SHARE) * times, times, ORIGINS + 1).astype(int)[:-1]
    block = np.searchsorted(cuts, np.arange(times), side="right")
    return np.array([0, *cuts])[block]


# Other statistics


def others(sums: Sums) -> dict[str, Array]:
    """Return whether each statistic calls the challenger better, at the confidence: (nights,)."""
    confidence, m = RULES.confidence, sums.challenger.shape[1]
    first, second = sums.challenger, sums.incumbent
    log_ratio = np.log(first.mean(axis=1) / second.mean(axis=1))
    a = first / first.mean(axis=1, keepdims=True)
    b = second / second.mean(axis=1, keepdims=True)
    error = np.sqrt(np.square(a - b).sum(axis=1) / (m * (m - 1)))
    difference = first - second
    difference = difference / difference.std(axis=1, ddof=1, keepdims=True)
    centred = difference - difference.mean(axis=1, keepdims=True)
    mean = difference.mean(axis=1) * np.sqrt(m)
    draws = np.random.default_rng(1).integers(0, m, (4000, m)) + m * np.arange(4000)[:, None]
    counts = np.bincount(draws.ravel(), minlength=4000 * m).reshape(4000, m) / m
    c1, c2 = np.split(counts @ np.concatenate([centred, centred**2]).T, 2, axis=1)
    by_difference = c1 / np.sqrt((c2 - c1**2) / (m - 1))
    a1, b1, aa, ab, bb = np.split(counts @ np.concatenate([a, b, a * a, a * b, b * b]).T, 5, axis=1)
    by_ratio = np.log(a1 / b1) / np.sqrt((aa / a1**2 - 2 * ab / a1 / b1 + bb / b1**2) / (m - 1))
    return {
        "difference, Student": mean < -stdtrit(m - 1, confidence),
        "difference, bootstrap": mean < np.quantile(by_difference, 1 - confidence, axis=0),
        "log ratio, Student": log_ratio < -stdtrit(m - 1, confidence) * error,
        "log ratio, bootstrap": log_ratio < np.quantile(by_ratio, 1 - confidence, axis=0) * error,
        "log ratio, bootstrap of its size": np.array(
            [gain.low > 0 for gain in gains(sums, confidence=confidence)]
        ),
    }


def statistics() -> dict[str, list[tuple[float, float]]]:
    """Return how often each statistic calls an equal and a 5% better model better, by shape."""
    shares: dict[str, list[tuple[float, float]]] = {}
    for rows in (30, 300):
        for draw in SHAPES.values():
            equal, better = (
                [others(nights(draw, rows, factor=factor, count=NIGHTS + i)) for i in range(3)]
                for factor in (1.0, BETTER)
            )
            for name in equal[0]:
                calls = (
                    np.concatenate([part[name] for part in parts]) for parts in (equal, better)
                )
                first, second = (float(each.mean()) for each in calls)
                shares.setdefault(name, []).append((first, second))
    return shares


def table(*lines: tuple[object, ...]) -> str:
    """Return a Markdown table of the lines, whose first one is the head."""
    head, *rest = (f"| {' | '.join(map(str, line))} |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(lines[0]), *rest])


def percentages(pair: tuple[float, float]) -> str:
    """Return two rates as text."""
    return ", ".join(f"{rate:.1%}" for rate in pair)


def record_pair(figure: str, names: tuple[str, str], pair: tuple[float, float]) -> None:
    """Record two rates under a figure's name."""
    for name, rate in zip(names, pair, strict=True):
        record("gate", f"{figure}: {name}", rate, "share")


def main() -> None:
    """Print the tables, and end with 1 if a promise is not kept."""
    heads = ("equal, switched to", "5% better, switched to", "5% worse, switched to",
             "5% worse, refused as a refresh")  # fmt: skip
    lines, broken = [], 0
    for (name, rows), promises in PROMISES.items():
        shares = rates(SHAPES[name], rows)
        cells = [promise.cell(rate) for promise, rate in zip(promises, shares, strict=True)]
        broken += sum(cell.endswith("BROKEN") for cell in cells)
        lines.append((name, rows, *cells))
        for head, rate in zip(heads, shares, strict=True):
            record("gate", f"{name}, {rows} rows: {head}", rate, "share")
    print(f"{NIGHTS} nights per cell; the errors of the two models correlate by 0.9:\n")
    print(table(("errors", "test rows", *heads), *lines))
    print("\nEqual models, switched to and refused as a refresh:\n")
    lines = []
    for name, rows, by_row, by_unit in together():
        lines.append((name, rows, percentages(by_row), percentages(by_unit)))
        for way, pair in (("by rows", by_row), ("by blocks or groups", by_unit)):
            record_pair(f"{name}, {rows} rows, {way}", ("switched to", "refused"), pair)
    print(table(("errors", "test rows", "by rows", "by blocks or groups"), *lines))
    print("\nEqual candidates over time, switched to, by the age of the incumbent:\n")
    lines = []
    for correlation, drift, age in product((0.0, 0.5), (0.0, DRIFT), (1, 30)):
        case = f"correlation {correlation:g}, {'drift' if drift else 'no drift'}"
        rate, by_twin = (over_time(correlation, drift, age, by_twin=t) for t in (False, True))
        told = NOT_MORE.cell(rate)
        lines.append((case, age, told, f"{by_twin:.1%}"))
        broken += told.endswith("BROKEN")
        record_pair(f"over time, {case}, age {age}", ("as predicted", "by twin"), (rate, by_twin))
    print(table(("errors", "times ago", "by what it predicted", "by its twin"), *lines))
    print("\nCalled better: equal models, and 5% better ones:\n")
    shapes = [f"{rows} rows, {name}" for rows in (30, 300) for name in SHAPES]
    lines = []
    for name, pairs in statistics().items():
        lines.append((name, *map(percentages, pairs)))
        for shape, pair in zip(shapes, pairs, strict=True):
            record_pair(f"{name}, {shape}, called better", ("equal", "5% better"), pair)
    print(table(("statistic", *shapes), *lines))
    if broken:
        sys.exit(f"{broken} promises of the gate are not kept.")


if __name__ == "__main__":
    main()
