"""Who wins tonight, and may the winner serve: pure decisions on arrays and settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regressors.scoring import Difference

Array = NDArray[np.float64]

KINDS = ("least_squares", "gradient_descent", "ann")
"""From the simplest to the least simple."""
LINEAR_KINDS = KINDS[:2]


@dataclass(frozen=True)
class Contender:
    """A candidate with its out-of-fold errors (n,), actual minus predicted; None if it failed."""

    name: str
    errors: Array | None
    failure: str | None = None

    @property
    def kind(self) -> str:
        """Return the kind in `framework/kind`."""
        return self.name.split("/")[1]


@dataclass(frozen=True)
class Place:
    """A candidate's place in the ranking, and why."""

    name: str
    rank: int
    chosen: bool
    no_skill: bool
    rmse: float | None
    reason: str


@dataclass(frozen=True)
class Decision:
    """Whether the challenger serves from now on; errors and gain are on the same test rows."""

    decision: Literal["promoted", "kept"]
    rule: Literal["first", "not_worse", "incomparable"]
    challenger_rmse: float
    incumbent_rmse: float | None
    gain: float | None
    reason: str


SAME_RESULT = 0.005
"""One kind's errors in two frameworks that differ by less than this share are a tie."""


class NothingFitted(ValueError):
    """Every candidate failed."""


def rank(contenders: Sequence[Contender], *, spread: float) -> tuple[Place, ...]:
    """Rank by out-of-fold RMSE and choose the simplest kind within one standard error of the best.

    The standard error is that of the paired difference of squared errors. Between frameworks
    of one kind whose errors differ by less than 0.5%, the declared order (that of `contenders`)
    decides, so that the champion does not flap. `spread` is the RMSE of the mean of the target: a
    candidate above it has no skill.
    """
    fitted = [c for c in contenders if c.errors is not None and np.isfinite(c.errors).all()]
    if not fitted:
        raise NothingFitted("; ".join(f"{c.name}: {_why_failed(c)}" for c in contenders))
    rmse = {c.name: _rmse(c) for c in fitted}
    declared = {c.name: place for place, c in enumerate(contenders)}

    def order(c: Contender) -> tuple[float, int, int]:
        return float(f"{rmse[c.name]:.9g}"), KINDS.index(c.kind), declared[c.name]

    ranked = sorted(fitted, key=order)
    best = ranked[0]

    def ties(first: Contender) -> list[Contender]:
        # Two frameworks' fits of one kind differ by rounding, which no standard error forgives.
        most = rmse[first.name] * (1 + SAME_RESULT)
        return [c for c in ranked if c.kind == first.kind and rmse[c.name] <= most]

    near = [c for c in ranked if _within_one_error(c, best)]
    simplest = min(near, key=lambda c: (KINDS.index(c.kind), rmse[c.name]))
    chosen = min(ties(simplest), key=lambda c: declared[c.name])
    close = {c.name for c in (*near, *ties(simplest), *ties(best))}
    places = [
        Place(
            name=c.name,
            rank=position,
            chosen=c is chosen,
            no_skill=rmse[c.name] > spread,
            rmse=rmse[c.name],
            reason=_reason(c, best, chosen, rmse, close=c.name in close)
            + ("; no skill: worse than the mean of the target" if rmse[c.name] > spread else ""),
        )
        for position, c in enumerate(ranked, start=1)
    ]
    failed = [c for c in contenders if c not in fitted]
    places += [
        Place(c.name, position, False, False, None, _why_failed(c))
        for position, c in enumerate(failed, start=len(places) + 1)
    ]
    return tuple(places)


def decide(
    challenger: float,
    incumbent: float | None,
    *,
    names: tuple[str, str | None],
    obstacle: str | None = None,
    min_gain: float = 0.0,
    max_loss: float = 0.0,
) -> Decision:
    """Decide from the test RMSE of challenger and incumbent on the same rows, in target units.

    `names` are the two candidates; the second is None where nothing serves yet. `obstacle` tells
    why the incumbent cannot score these rows: then the challenger serves. The gain is one minus the
    ratio of the mean squared errors: another candidate must gain `min_gain` at least, the same
    candidate with newer data may lose `max_loss` at most.
    """
    if names[1] is None:
        reason = f"{names[0]} is the first champion of this dataset."
        return Decision("promoted", "first", challenger, None, None, reason)
    if incumbent is None:
        reason = f"{names[1]} cannot score tonight's rows ({obstacle}), so {names[0]} serves."
        return Decision("promoted", "incomparable", challenger, None, None, reason)
    gain = 1 - (challenger / incumbent) ** 2 if incumbent else (0.0 if not challenger else -1.0)
    figures = f"test RMSE {challenger:.6g} against {incumbent:.6g} on the same rows"
    asked = (-max_loss if names[0] == names[1] else min_gain) or 0.0  # and not -0.0
    if gain >= asked:
        reason = f"{names[0]} takes over from {names[1]}, with a gain of {gain:.2%}: {figures}."
        return Decision("promoted", "not_worse", challenger, incumbent, gain, reason)
    reason = (
        f"{names[1]} goes on serving: {names[0]} has a gain of {gain:.2%}, "
        f"and {asked:.2%} is asked for ({figures})."
    )
    return Decision("kept", "not_worse", challenger, incumbent, gain, reason)


def verdict(difference: Difference | None) -> Literal["yay", "nay", "undecided"]:
    """Answer "ANN?" from RMSE(best ANN) - RMSE(best linear model) and its interval."""
    if difference is None or difference.low <= 0 <= difference.high:
        return "undecided"
    return "yay" if difference.high < 0 else "nay"


def _rmse(contender: Contender) -> float:
    errors = contender.errors
    assert errors is not None
    return sqrt(float(np.square(errors).mean()))


def _within_one_error(contender: Contender, best: Contender) -> bool:
    assert contender.errors is not None
    assert best.errors is not None
    difference = np.square(contender.errors) - np.square(best.errors)
    n = len(difference)
    error = float(difference.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
    # The last term forgives rounding: equal solutions of two frameworks are a tie.
    tie = 1e-9 * float(np.square(best.errors).mean())
    return float(difference.mean()) <= error + tie


def _reason(
    contender: Contender,
    best: Contender,
    chosen: Contender,
    rmse: dict[str, float],
    *,
    close: bool,
) -> str:
    mine, top = rmse[contender.name], rmse[best.name]
    worse = 100 * (mine / top - 1) if top else 0.0
    if contender is chosen and contender is best:
        return "chosen: the lowest out-of-fold error"
    if contender is chosen and contender.kind == best.kind:
        return f"chosen: as good as {best.name}, and declared before it"
    if contender is chosen:
        return (
            f"chosen: the simplest kind within one standard error of the best "
            f"({best.name}, {worse:.2g}% better)"
        )
    if contender is best and contender.kind != chosen.kind:
        return f"the lowest error, but {chosen.kind} is simpler and within one standard error"
    if not close:
        return f"{worse:.2g}% worse than the best, by more than one standard error"
    if contender.kind == chosen.kind:
        return f"as good as {chosen.name}, which is declared first"
    return f"within one standard error of the best, but {chosen.kind} is simpler"


def _why_failed(contender: Contender) -> str:
    return contender.failure or "its predictions are not finite"
