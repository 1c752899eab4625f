"""Who wins tonight, and whether the winner may serve: pure decisions on arrays and rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from regressors.arrays import Array, Indices
from regressors.candidate import KINDS, Candidate
from regressors.judging.paired import PairedGain, standard_error
from regressors.judging.scoring import Difference, root_mean_square

SAME_RESULT = 0.005
"""Errors of one kind in two frameworks that differ by less than this share are a tie."""
NEARLY_FREE = 0.002
"""A simpler kind is chosen where its error is at most this share higher than the lowest."""
ROUNDING = 1e-9
"""Shares of a mean squared error, or of the target's spread, below this are rounding."""
MIN_SWITCH_ROWS = 30
"""With fewer test rows no switch is made, since its error rate could exceed the promised one."""
MIN_SWITCH_UNITS = 10
"""The same for groups, or blocks of time."""


class NothingFitted(ValueError):
    """Every candidate failed."""


@dataclass(frozen=True)
class Contender:
    """A candidate with its out-of-fold errors (n,), actual minus predicted; None if it failed."""

    candidate: Candidate
    errors: Array | None
    failure: str | None = None


@dataclass(frozen=True)
class RankedCandidate:
    """A candidate's rank, and the reason for it; `rmse` is out of fold, None if it failed."""

    candidate: Candidate
    rank: int
    chosen: bool
    no_skill: bool
    rmse: float | None
    reason: str


@dataclass(frozen=True)
class PromotionRules:
    """What a challenger must meet, in shares of the incumbent's mean squared error.

    A switch must surely gain more than `min_gain`; a refresh must not surely lose more than
    `max_loss`; each is sure with probability `confidence`. A refresh on too few rows to be sure
    must not lose more than `max_point_loss`.
    """

    min_gain: float = 0.0
    max_loss: float = 0.0
    confidence: float = 0.95
    max_point_loss: float = 0.05


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


def too_few(rows: int, units: int) -> bool:
    """Return whether there are too few test rows, or units of them, for a switch."""
    return rows < MIN_SWITCH_ROWS or units < MIN_SWITCH_UNITS


# Ranking


@dataclass(frozen=True)
class _Fitted:
    """A fitted contender, with its position among the kinds and in the declared order."""

    candidate: Candidate
    errors: Array
    rmse: float
    simplicity: int
    declared: int


def rank(
    contenders: Sequence[Contender], *, spread: float, unit: Indices | None = None
) -> tuple[RankedCandidate, ...]:
    """Rank by out-of-fold RMSE and choose the simplest kind that is nearly as good as the lowest.

    That is a kind within 0.2%, or one that is better in most rows and whose squared errors are not
    higher by more than a standard error: then a few rows alone speak for the other.
    docs/decisions/019-choice-of-kind.md says what this and other rules cost. Gradient descent is
    chosen over least squares only where its squared errors are lower by more than one standard
    error: otherwise the two are the same line, and least squares is the exact one. The standard
    error is that of the paired difference, in which rows of one label in `unit` (n,), a group or a
    block of time, are taken together.

    Between frameworks of one kind whose errors differ by less than 0.5%, the order of `contenders`,
    which is the declared one, decides; otherwise the champion would change back and forth. `spread`
    is the RMSE of the mean of the target: a candidate above it has no skill. A contender with an
    error that is not finite has failed. Raises NothingFitted where every contender failed.
    """
    ranked = sorted(_fitted(contenders), key=_rank_order)
    if not ranked:
        reasons = (f"{c.candidate}: {_why_failed(c)}" for c in contenders)
        raise NothingFitted("; ".join(reasons))
    best = ranked[0]
    near = [fitted for fitted in ranked if _nearly_as_good(fitted, best, spread, unit)]
    simplest = min(near, key=lambda fitted: (fitted.simplicity, fitted.rmse))
    simplest = _exact_line(simplest, ranked, unit)
    chosen = min(_ties(simplest, ranked, spread), key=lambda fitted: fitted.declared)
    close = {fitted.declared for fitted in (*near, *_ties(simplest, ranked, spread))}
    close |= {fitted.declared for fitted in _ties(best, ranked, spread)}
    ranking = [
        RankedCandidate(
            candidate=fitted.candidate,
            rank=position,
            chosen=fitted is chosen,
            no_skill=fitted.rmse > spread,
            rmse=fitted.rmse,
            reason=_reason(fitted, best, chosen, close=fitted.declared in close)
            + ("; no skill: worse than the mean of the target" if fitted.rmse > spread else ""),
        )
        for position, fitted in enumerate(ranked, start=1)
    ]
    failed = [c for c in contenders if c.candidate not in {fitted.candidate for fitted in ranked}]
    ranking += [
        RankedCandidate(c.candidate, position, False, False, None, _why_failed(c))
        for position, c in enumerate(failed, start=len(ranking) + 1)
    ]
    return tuple(ranking)


def _fitted(contenders: Sequence[Contender]) -> list[_Fitted]:
    return [
        _Fitted(
            candidate=contender.candidate,
            errors=contender.errors,
            rmse=root_mean_square(contender.errors),
            simplicity=KINDS.index(contender.candidate.kind),
            declared=declared,
        )
        for declared, contender in enumerate(contenders)
        if contender.errors is not None and np.isfinite(contender.errors).all()
    ]


def _rank_order(fitted: _Fitted) -> tuple[float, int, int]:
    # Rounded, so that equal solutions of two frameworks stand in the declared order.
    return float(f"{fitted.rmse:.9g}"), fitted.simplicity, fitted.declared


def _nearly_as_good(fitted: _Fitted, best: _Fitted, spread: float, unit: Indices | None) -> bool:
    limit = (1 + NEARLY_FREE) * best.rmse + _rounding(spread)
    if fitted.rmse <= limit or fitted.simplicity >= best.simplicity:
        return fitted.rmse <= limit
    rows_won = int(np.count_nonzero(np.abs(fitted.errors) < np.abs(best.errors)))
    return 2 * rows_won > len(best.errors) and not _surely_better(best, fitted, unit)


def _surely_better(first: _Fitted, second: _Fitted, unit: Indices | None) -> bool:
    """Return whether the first's squared errors are lower by more than one standard error."""
    scale = second.rmse or 1.0
    gain = np.square(second.errors / scale) - np.square(first.errors / scale)
    return float(gain.mean()) > standard_error(gain, unit) + ROUNDING


def _exact_line(simplest: _Fitted, ranked: Sequence[_Fitted], unit: Indices | None) -> _Fitted:
    """Return the best fit by least squares in place of one by descent that is hardly better."""
    exact = next((f for f in ranked if f.candidate.kind == "least_squares"), None)
    if simplest.candidate.kind != "gradient_descent" or exact is None:
        return simplest
    return simplest if _surely_better(simplest, exact, unit) else exact


def _rounding(spread: float) -> float:
    """Return how far errors of exact fits may be apart, in the target's units."""
    return ROUNDING * spread if isfinite(spread) else 0.0


def _ties(fitted: _Fitted, ranked: Sequence[_Fitted], spread: float) -> list[_Fitted]:
    """Return the fits of the same kind that are as good, or better.

    Two frameworks' fits differ by rounding.
    """
    limit = fitted.rmse * (1 + SAME_RESULT) + _rounding(spread)
    return [
        other
        for other in ranked
        if other.candidate.kind == fitted.candidate.kind and other.rmse <= limit
    ]


def _reason(fitted: _Fitted, best: _Fitted, chosen: _Fitted, *, close: bool) -> str:
    """Return why a candidate was chosen, or was not."""
    worse = f"{100 * (fitted.rmse / best.rmse - 1) if best.rmse else 0.0:.2g}%"
    kind, chosen_kind = fitted.candidate.kind, chosen.candidate.kind
    same_line = {kind, chosen_kind} == {"least_squares", "gradient_descent"}
    if fitted is chosen and fitted is best:
        return "chosen: the lowest out-of-fold error"
    if fitted is chosen and kind == best.candidate.kind:
        return f"chosen: as good as {best.candidate}, and declared before it"
    if fitted is chosen and best.candidate.is_linear:
        return f"chosen: the same line as {best.candidate}, and the exact one"
    if fitted is chosen:
        return (
            f"chosen: the simplest kind that is nearly as good as the best ({best.candidate}, with"
            f" an error that is {worse} lower{_where(chosen, best)})"
        )
    if same_line and (close or fitted is best):
        return f"the same line as {chosen.candidate}, which is the exact one"
    if fitted is best and kind != chosen_kind:
        return (
            f"the lowest error, but {chosen_kind} is simpler and nearly as good"
            f"{_where(chosen, best)}"
        )
    if not close:
        return f"{worse} worse than the best"
    if kind == chosen_kind:
        return f"as good as {chosen.candidate}, which is declared first"
    return f"nearly as good as the best, but {chosen_kind} is simpler"


def _where(chosen: _Fitted, best: _Fitted) -> str:
    """Return what speaks for a simpler kind whose error is not just a little higher."""
    few = chosen.rmse > (1 + NEARLY_FREE) * best.rmse
    return ", but not in most rows" if few and best.rmse else ""


def _why_failed(contender: Contender) -> str:
    return contender.failure or "its predictions are not finite"


# Promotion


def decide(
    winner: Candidate,
    incumbent: Candidate | None,
    gains: Mapping[Candidate, PairedGain | None],
    *,
    rules: PromotionRules,
    obstacle: str | None = None,
    explanation: str | None = None,
    hold: Hold | None = None,
) -> tuple[Decision, ...]:
    """Decide whether tonight's winner serves, or else tonight's refit of the incumbent.

    `gains` are those of tonight's candidates on the serving model: the winner's, and that of the
    incumbent's own candidate where it was fitted tonight; None where no test row can be compared.
    `obstacle` says why the incumbent cannot score tonight's rows. The winner, which nothing can be
    compared with, then serves only if there is an `explanation`: the declaration has changed, or a
    person has accepted how the source looks now.

    Another candidate is a *switch*, which must be better, or, to a simpler kind, not worse. The
    same candidate with newer data is a *refresh*, which must not be worse. With fewer than 30 rows,
    or 10 units, a switch is rejected, and a refresh serves if it does not lose much. With a `hold`
    nobody is promoted, and the reason says what would have happened.
    """
    if incumbent is None:
        reason = f"{winner} is the first champion of this dataset."
        return (Decision("promoted", "first", winner, None, None, reason),)
    if obstacle is not None:
        judgement = _uncompared(incumbent, obstacle, explanation)
        return (_decision(winner, incumbent, None, judgement, hold),)
    challengers = [winner]
    judgements = {winner: _judge(winner, incumbent, gains.get(winner), rules)}
    if not judgements[winner].serves and winner != incumbent and incumbent in gains:
        challengers.append(incumbent)
        judgements[incumbent] = _judge(incumbent, incumbent, gains[incumbent], rules)
    return tuple(_decision(c, incumbent, gains.get(c), judgements[c], hold) for c in challengers)


@dataclass(frozen=True)
class _Judgement:
    """Whether a challenger may serve, by which rule, and the figures as a clause."""

    serves: bool
    rule: Rule
    why: str


def _uncompared(incumbent: Candidate, obstacle: str, explanation: str | None) -> _Judgement:
    why = f"{incumbent} cannot score tonight's rows ({obstacle})"
    if explanation is not None:
        return _Judgement(True, "incomparable", f"{why}, and {explanation}")
    unexplained = (
        "so the two cannot be compared; the declaration has not changed, and nobody has accepted"
        " how the source looks now ('nightfit promote' makes tonight's model serve)"
    )
    return _Judgement(False, "incomparable", f"{why}, {unexplained}")


def _judge(
    challenger: Candidate, incumbent: Candidate, gain: PairedGain | None, rules: PromotionRules
) -> _Judgement:
    refresh = challenger == incumbent
    if gain is None:
        return _Judgement(refresh, "too_few", "no test row is new to both models")
    figures = _figures(gain)
    if too_few(gain.rows, gain.units):
        needed = (
            f"at least {MIN_SWITCH_ROWS} rows in {MIN_SWITCH_UNITS} units are needed to compare"
        )
        if not refresh:
            return _Judgement(False, "too_few", f"{figures}; {needed}, so no switch is made")
        most = max(rules.max_point_loss, rules.max_loss)
        rule = f"a refresh on so few must not lose more than {_percent(most)}"
        serves = gain.value >= -most - ROUNDING
        return _Judgement(serves, "too_few", f"{figures}; {needed}, and {rule}")
    if refresh or _simpler(challenger, incumbent):
        what = "a refresh" if refresh else "a simpler kind"
        rule = f"{what} must not surely lose more than {_percent(rules.max_loss)}"
        serves = gain.high >= -rules.max_loss - ROUNDING
        return _Judgement(serves, "refresh", f"{figures}; {rule}")
    rule = f"a switch must surely gain more than {_percent(rules.min_gain)}"
    return _Judgement(gain.low > rules.min_gain + ROUNDING, "switch", f"{figures}; {rule}")


def _decision(
    challenger: Candidate,
    incumbent: Candidate,
    gain: PairedGain | None,
    judgement: _Judgement,
    hold: Hold | None,
) -> Decision:
    refresh = challenger == incumbent
    if hold:
        outcome = f"{incumbent} stays ({hold.why}); otherwise tonight's {challenger} would have "
        outcome += "replaced it" if judgement.serves else "been rejected"
    elif judgement.serves:
        outcome = f"Tonight's {challenger} replaces {'the current one' if refresh else incumbent}"
    elif refresh:
        outcome = f"The current {incumbent} stays; tonight's refit was rejected"
    else:
        outcome = f"{incumbent} stays; tonight's {challenger} was rejected"
    return Decision(
        decision="promoted" if judgement.serves and not hold else "kept",
        rule=hold.rule if hold else judgement.rule,
        challenger=challenger,
        incumbent=incumbent,
        gain=gain,
        reason=f"{outcome}: {judgement.why}.",
    )


def _simpler(challenger: Candidate, incumbent: Candidate) -> bool:
    """Return whether the challenger's kind is the simpler one; an unknown kind has no order."""
    if incumbent.kind not in KINDS:
        return False
    return KINDS.index(challenger.kind) < KINDS.index(incumbent.kind)


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
    if difference is not None and difference.high < 0:
        return "yay"
    return "nay" if difference is not None and difference.low > 0 else "undecided"
