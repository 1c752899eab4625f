"""Who wins tonight: the candidates ranked by their out-of-fold errors, and one of them chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from regressors.arrays import Array, Indices
from regressors.candidate import KINDS, Candidate
from regressors.judging.paired import standard_error
from regressors.judging.scoring import root_mean_square

SAME_RESULT = 0.005
"""Errors of one kind in two frameworks that differ by less than this share are a tie."""
NEARLY_FREE = 0.002
"""A simpler kind is chosen where its error is at most this share higher than the lowest."""
ROUNDING = 1e-9
"""Shares of a mean squared error, or of the target's spread, below this are rounding."""

SAME_LINE = {"least_squares", "gradient_descent"}
"""The kinds that look for the same line."""


class NothingRanked(ValueError):
    """Every candidate failed."""


@dataclass(frozen=True)
class Contender:
    """A candidate, and what returns its out-of-fold errors (n,); None if it failed.

    They are actual minus predicted, and are made anew for each use: those of many candidates on
    many rows would not fit into memory together.
    """

    candidate: Candidate
    errors: Callable[[], Array] | None
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
class _Fitted:
    """A fitted contender, with its position among the kinds and in the declared order."""

    candidate: Candidate
    errors: Callable[[], Array]
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
    error that is not finite has failed. Raises NothingRanked where every contender failed.
    """
    ranked = sorted(_fitted(contenders), key=_rank_order)
    if not ranked:
        reasons = (f"{c.candidate}: {_why_failed(c)}" for c in contenders)
        raise NothingRanked("; ".join(reasons))
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
    fitted = []
    for declared, contender in enumerate(contenders):
        if contender.errors is None:
            continue
        rmse = _finite_rmse(contender.errors())
        if rmse is not None:
            simplicity = KINDS.index(contender.candidate.kind)
            own = _Fitted(contender.candidate, contender.errors, rmse, simplicity, declared)
            fitted.append(own)
    return fitted


def _finite_rmse(errors: Array) -> float | None:
    return root_mean_square(errors) if np.isfinite(errors).all() else None


def _rank_order(fitted: _Fitted) -> tuple[float, int, int]:
    # Rounded, so that equal solutions of two frameworks stand in the declared order.
    return float(f"{fitted.rmse:.9g}"), fitted.simplicity, fitted.declared


def _nearly_as_good(fitted: _Fitted, best: _Fitted, spread: float, unit: Indices | None) -> bool:
    limit = (1 + NEARLY_FREE) * best.rmse + _rounding(spread)
    if fitted.rmse <= limit or fitted.simplicity >= best.simplicity:
        return fitted.rmse <= limit
    won = np.abs(fitted.errors()) < np.abs(best.errors())
    return 2 * int(won.sum()) > len(won) and not _surely_better(best, fitted, unit)


def _surely_better(first: _Fitted, second: _Fitted, unit: Indices | None) -> bool:
    """Return whether the first's squared errors are lower by more than one standard error."""
    scale = second.rmse or 1.0
    gain = _scaled_squares(second.errors(), scale)
    gain -= _scaled_squares(first.errors(), scale)
    return float(gain.mean()) > standard_error(gain, unit) + ROUNDING


def _scaled_squares(errors: Array, scale: float) -> Array:
    squares = errors / scale
    return np.square(squares, out=squares)


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
    same_line = {kind, chosen_kind} == SAME_LINE
    if fitted is chosen and fitted is best:
        return "chosen: the lowest out-of-fold error"
    if fitted is chosen and kind == best.candidate.kind:
        return f"chosen: as good as {best.candidate}, and declared before it"
    if fitted is chosen and {kind, best.candidate.kind} == SAME_LINE:
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
