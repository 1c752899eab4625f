"""Whether tonight's winner may serve: a pure decision on figures and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from regressors.candidate import KINDS, Candidate
from regressors.judging.paired import PairedGain
from regressors.judging.ranking import ROUNDING
from regressors.judging.scoring import Difference

MIN_SWITCH_ROWS = 30
"""With fewer test rows no switch is made, since its error rate could exceed the promised one."""
MIN_SWITCH_UNITS = 10
"""The same for groups, or blocks of time."""


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


Rule = Literal[
    "first", "switch", "refresh", "too_few", "incomparable", "damaged", "pinned", "backfill"
]


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


def decide(
    winner: Candidate,
    incumbent: Candidate | None,
    gains: Mapping[Candidate, PairedGain | None],
    *,
    rules: PromotionRules,
    obstacle: str | None = None,
    explanation: str | None = None,
    damage: str | None = None,
    hold: Hold | None = None,
    basis: str | None = None,
) -> tuple[Decision, ...]:
    """Decide whether tonight's winner serves, or else tonight's refit of the incumbent.

    `gains` are those of tonight's candidates on the serving model: the winner's, and that of the
    incumbent's own candidate where it was fitted tonight; None where no test row can be compared.
    `obstacle` says why the incumbent cannot score tonight's rows. The winner, which nothing can be
    compared with, then serves only if there is an `explanation`: the declaration has changed, or a
    person has accepted how the source looks now. `damage` says that the stored incumbent is not
    what was stored: since it can serve nobody, the winner takes its place uncompared.

    Another candidate is a *switch*, which must be better, or, to a simpler kind, not worse. The
    same candidate with newer data is a *refresh*, which must not be worse. With fewer than 30 rows,
    or 10 units, a switch is rejected, and a refresh serves if it does not lose much. With a `hold`
    nobody is promoted, and the reason says what would have happened. It ends with the `basis`, a
    sentence on the predictions of the incumbent that were compared.
    """
    if incumbent is None:
        reason = f"{winner} is the first champion of this dataset."
        return (Decision("promoted", "first", winner, None, None, reason),)
    if damage is not None:
        why = f"{damage}; it can neither serve nor be compared"
        judgement = _Judgement(True, "damaged", why)
        return (_decision(winner, incumbent, None, judgement, hold),)
    if obstacle is not None:
        judgement = _uncompared(incumbent, obstacle, explanation)
        return (_decision(winner, incumbent, None, judgement, hold),)
    challengers = [winner]
    judgements = {winner: _judge(winner, incumbent, gains.get(winner), rules)}
    if not judgements[winner].serves and winner != incumbent and incumbent in gains:
        challengers.append(incumbent)
        judgements[incumbent] = _judge(incumbent, incumbent, gains[incumbent], rules)
    *before, last = (
        _decision(c, incumbent, gains.get(c), judgements[c], hold) for c in challengers
    )
    return (*before, replace(last, reason=f"{last.reason} {basis}") if basis else last)


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
    rows = f"{gain.rows:,} rows"
    if gain.units != gain.rows:
        rows += f" in {gain.units:,} units"
    if gain.challenger_rmse == gain.incumbent_rmse and gain.low == gain.high == 0:
        return f"both have a test RMSE of {gain.challenger_rmse:.6g}, on the same {rows}"
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
