"""Who wins tonight, and may the winner serve: pure decisions on arrays and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regressors.candidate import KINDS, Candidate
from regressors.judging.paired import PairedGain, standard_error
from regressors.judging.scoring import Difference

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Contender:
    """A candidate with its out-of-fold errors (n,), actual minus predicted; None if it failed."""

    candidate: Candidate
    errors: Array | None
    failure: str | None = None

    @property
    def kind(self) -> str:
        """Return the candidate's kind."""
        return self.candidate.kind


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate's place in the ranking, and why."""

    candidate: Candidate
    rank: int
    chosen: bool
    no_skill: bool
    rmse: float | None
    reason: str


@dataclass(frozen=True)
class PromotionRules:
    """What is asked of a challenger, as shares of the incumbent's mean squared error.

    A switch must surely gain more than `min_gain`; a refresh must not surely lose more than
    `max_loss`; each is sure with probability `confidence`.
    """

    min_gain: float = 0.0
    max_loss: float = 0.0
    confidence: float = 0.95


@dataclass(frozen=True)
class Hold:
    """Why nobody may be promoted tonight, whatever the comparison says."""

    rule: Literal["pinned", "backfill"]
    why: str


Rule = Literal["first", "switch", "refresh", "too_few", "incomparable", "pinned", "backfill"]


@dataclass(frozen=True)
class Decision:
    """Whether the challenger serves from now on; the gain is on rows that neither model saw."""

    decision: Literal["promoted", "kept"]
    rule: Rule
    challenger: Candidate
    incumbent: Candidate | None
    gain: PairedGain | None
    reason: str


SAME_RESULT = 0.005
"""One kind's errors in two frameworks that differ by less than this share are a tie."""
ROUNDING = 1e-9
"""Shares of a mean squared error below this are rounding."""
LEAST_ROWS = 30
"""With fewer test rows no switch is made: its rate of error would not be what it is said to be."""
LEAST_UNITS = 10
"""The same for groups, or blocks of time."""


def too_few(rows: int, units: int) -> bool:
    """Tell whether so many test rows and units let no switch be made."""
    return rows < LEAST_ROWS or units < LEAST_UNITS


class NothingFitted(ValueError):
    """Every candidate failed."""


def rank(
    contenders: Sequence[Contender], *, spread: float, unit: Labels | None = None
) -> tuple[RankedCandidate, ...]:
    """Rank by out-of-fold RMSE and choose the simplest kind within one standard error of the best.

    The standard error is that of the paired difference of squared errors; rows of one label in
    `unit` (n,), a group or a block of time, are taken together. Between frameworks of one kind
    whose errors differ by less than 0.5%, the declared order (that of `contenders`) decides, so
    that the champion does not flap. `spread` is the RMSE of the mean of the target: a candidate
    above it has no skill.
    """
    fitted = [c for c in contenders if c.errors is not None and np.isfinite(c.errors).all()]
    if not fitted:
        raise NothingFitted("; ".join(f"{c.candidate}: {_why_failed(c)}" for c in contenders))
    rmse = {c.candidate: _rmse(c) for c in fitted}
    declared = {c.candidate: place for place, c in enumerate(contenders)}

    def order(c: Contender) -> tuple[float, int, int]:
        return float(f"{rmse[c.candidate]:.9g}"), KINDS.index(c.kind), declared[c.candidate]

    ranked = sorted(fitted, key=order)
    best = ranked[0]

    def ties(first: Contender) -> list[Contender]:
        # Two frameworks' fits of one kind differ by rounding, which no standard error forgives.
        most = rmse[first.candidate] * (1 + SAME_RESULT)
        return [c for c in ranked if c.kind == first.kind and rmse[c.candidate] <= most]

    near = [c for c in ranked if _within_one_error(c, best, unit)]
    simplest = min(near, key=lambda c: (KINDS.index(c.kind), rmse[c.candidate]))
    chosen = min(ties(simplest), key=lambda c: declared[c.candidate])
    close = {c.candidate for c in (*near, *ties(simplest), *ties(best))}
    no_skill = "; no skill: worse than the mean of the target"
    places = [
        RankedCandidate(
            candidate=c.candidate,
            rank=position,
            chosen=c is chosen,
            no_skill=rmse[c.candidate] > spread,
            rmse=rmse[c.candidate],
            reason=_reason(c, best, chosen, rmse, close=c.candidate in close)
            + (no_skill if rmse[c.candidate] > spread else ""),
        )
        for position, c in enumerate(ranked, start=1)
    ]
    failed = [c for c in contenders if c not in fitted]
    places += [
        RankedCandidate(c.candidate, position, False, False, None, _why_failed(c))
        for position, c in enumerate(failed, start=len(places) + 1)
    ]
    return tuple(places)


def decide(
    winner: Candidate,
    incumbent: Candidate | None,
    gains: Mapping[Candidate, PairedGain | None],
    *,
    rules: PromotionRules,
    obstacle: str | None = None,
    hold: Hold | None = None,
) -> tuple[Decision, ...]:
    """Decide whether tonight's winner serves, or else tonight's refit of the incumbent.

    `gains` are those of tonight's candidates against the serving model: the winner's, and
    that of the incumbent's own candidate where it was fitted tonight; None where no test row can
    be compared. `obstacle` tells why the incumbent cannot score tonight's rows: then
    the winner serves. Another candidate is a *switch*, which must be better, or, to a simpler kind,
    not worse; the same one with newer data is a *refresh*, which must not be worse. With fewer than
    30 rows, or 10 units, a switch is refused and a refresh serves. Where `hold`, nobody is promoted
    and the reason says what would have happened.
    """
    if incumbent is None:
        reason = f"{winner} is the first champion of this dataset."
        return (Decision("promoted", "first", winner, None, None, reason),)
    if obstacle is not None:
        why = f"{incumbent} cannot score tonight's rows ({obstacle})"
        return (_decision(winner, incumbent, None, _Judged(True, "incomparable", why), hold),)
    tried = [winner]
    found = {winner: _judge(winner, incumbent, gains.get(winner), rules)}
    if not found[winner].serves and winner != incumbent and incumbent in gains:
        tried.append(incumbent)
        found[incumbent] = _judge(incumbent, incumbent, gains[incumbent], rules)
    return tuple(_decision(c, incumbent, gains.get(c), found[c], hold) for c in tried)


@dataclass(frozen=True)
class _Judged:
    """Whether a challenger may serve, by which rule, and the figures as a clause."""

    serves: bool
    rule: Rule
    why: str


def _judge(
    challenger: Candidate, incumbent: Candidate, gain: PairedGain | None, rules: PromotionRules
) -> _Judged:
    refresh = challenger == incumbent
    if gain is None:
        return _Judged(refresh, "too_few", "no test row is new to both models")
    figures = _figures(gain)
    if too_few(gain.rows, gain.units):
        few = f"these are too few to tell ({LEAST_ROWS} rows in {LEAST_UNITS} units are needed)"
        what = "and a refresh then serves" if refresh else "and no switch is then made"
        return _Judged(refresh, "too_few", f"{figures}; {few}, {what}")
    if refresh or _simpler(challenger, incumbent):
        what = "a refresh" if refresh else "a simpler kind"
        asked = f"{what} must not surely lose more than {_percent(rules.max_loss)}"
        serves = gain.high >= -rules.max_loss - ROUNDING
        return _Judged(serves, "refresh", f"{figures}; {asked}")
    asked = f"a switch must surely gain more than {_percent(rules.min_gain)}"
    return _Judged(gain.low > rules.min_gain + ROUNDING, "switch", f"{figures}; {asked}")


def _decision(
    challenger: Candidate,
    incumbent: Candidate,
    gain: PairedGain | None,
    judged: _Judged,
    hold: Hold | None,
) -> Decision:
    refresh = challenger == incumbent
    if hold:
        may = "would serve" if judged.serves else "would not serve"
        outcome = (
            f"{incumbent} goes on serving ({hold.why}); otherwise tonight's {challenger} {may}"
        )
    elif judged.serves:
        outcome = f"Tonight's {challenger} takes over from "
        outcome += "the one before" if refresh else str(incumbent)
    else:
        outcome = f"The {incumbent} of before" if refresh else str(incumbent)
        outcome += " goes on serving, and not tonight's" + ("" if refresh else f" {challenger}")
    return Decision(
        decision="promoted" if judged.serves and not hold else "kept",
        rule=hold.rule if hold else judged.rule,
        challenger=challenger,
        incumbent=incumbent,
        gain=gain,
        reason=f"{outcome}: {judged.why}.",
    )


def _simpler(challenger: Candidate, incumbent: Candidate) -> bool:
    """Tell whether the challenger's kind is the simpler one; an unknown kind has no order."""
    known = incumbent.kind in KINDS
    return known and KINDS.index(challenger.kind) < KINDS.index(incumbent.kind)


def _figures(gain: PairedGain) -> str:
    rows = f"{gain.rows} rows"
    if gain.units != gain.rows:
        rows += f" in {gain.units} units"
    return (
        f"test RMSE {gain.challenger_rmse:.6g} against {gain.incumbent_rmse:.6g} on the same "
        f"{rows}, a gain of {_percent(gain.value)} ({_percent(gain.low)} to "
        f"{_percent(gain.high)}, each end with {100 * gain.confidence:g}% confidence)"
    )


def _percent(share: float) -> str:
    if share < -10:
        return f"{100 * share:.3g}%"
    return "0.00%" if f"{share:.2%}" == "-0.00%" else f"{share:.2%}"


def verdict(difference: Difference | None) -> Literal["yay", "nay", "undecided"]:
    """Answer "ANN?" from RMSE(best ANN) - RMSE(best linear model) and its interval."""
    if difference is None or difference.low <= 0 <= difference.high:
        return "undecided"
    return "yay" if difference.high < 0 else "nay"


def _rmse(contender: Contender) -> float:
    errors = contender.errors
    assert errors is not None
    return sqrt(float(np.square(errors).mean()))


def _within_one_error(contender: Contender, best: Contender, unit: Labels | None) -> bool:
    assert contender.errors is not None
    assert best.errors is not None
    worse = np.square(contender.errors) - np.square(best.errors)
    # The last term forgives rounding: equal solutions of two frameworks are a tie.
    tie = ROUNDING * float(np.square(best.errors).mean())
    return float(worse.mean()) <= standard_error(worse, unit) + tie


def _reason(
    contender: Contender,
    best: Contender,
    chosen: Contender,
    rmse: Mapping[Candidate, float],
    *,
    close: bool,
) -> str:
    mine, top = rmse[contender.candidate], rmse[best.candidate]
    worse = 100 * (mine / top - 1) if top else 0.0
    if contender is chosen and contender is best:
        return "chosen: the lowest out-of-fold error"
    if contender is chosen and contender.kind == best.kind:
        return f"chosen: as good as {best.candidate}, and declared before it"
    if contender is chosen:
        return (
            f"chosen: the simplest kind within one standard error of the best "
            f"({best.candidate}, {worse:.2g}% better)"
        )
    if contender is best and contender.kind != chosen.kind:
        return f"the lowest error, but {chosen.kind} is simpler and within one standard error"
    if not close:
        return f"{worse:.2g}% worse than the best, by more than one standard error"
    if contender.kind == chosen.kind:
        return f"as good as {chosen.candidate}, which is declared first"
    return f"within one standard error of the best, but {chosen.kind} is simpler"


def _why_failed(contender: Contender) -> str:
    return contender.failure or "its predictions are not finite"
