"""Why each segment is served by what serves it, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.checks.findings import counted
from regressors.arrays import Indices, Mask, Values
from regressors.candidate import Candidate, group_of
from regressors.judging.segments import CHAMPION, Routes, SegmentRows
from regressors.judging.selection import MIN_SWITCH_ROWS, MIN_SWITCH_UNITS
from tasks.run.routing import Standing, in_words

_BY = ": an out-of-fold gain of "


@dataclass(frozen=True)
class Situation:
    """What the choice and the gate said of each of S segments, and what they were given.

    `current` (S,) is the option before tonight, or the champion where that was `lost` (S,): it has
    no equation for the segment tonight. `obstacle` says why no segment may move.
    """

    options: Sequence[Candidate]
    champion: str
    current: Indices
    lost: Mask
    chosen: Routes
    gated: Routes
    validation: SegmentRows
    test: SegmentRows
    standing: Standing
    obstacle: str | None


def reasons(of: Situation) -> Values:
    """Return a clause (S,) on why each segment is served by its option."""
    names = ["the champion", *(in_words(group_of(c.kind)) for c in of.options[1:])]
    words: Values = np.empty(len(of.current), dtype=object)
    for i in range(len(words)):
        words[i] = _reason(of, i, names)
    return words


def without_gain(reason: str) -> tuple[str, str]:
    """Return a reason without the figures of its segment, and these; empty if it has none."""
    clause, by, gain = reason.partition(_BY)
    figures, _, over = gain.rpartition(" over ")
    return (f"{clause} than {over}", figures) if by else (reason, "")


def _reason(of: Situation, i: int, names: Sequence[str]) -> str:
    now, before, proposed = (int(x[i]) for x in (of.gated.option, of.current, of.chosen.option))
    group = of.standing.group[i]
    if of.lost[i]:
        return f"the champion serves: {in_words(group)} could not be fitted tonight"
    if of.standing.pinned[i]:
        return f"{names[now]} is pinned" if group is None or now != CHAMPION else _gone(of, group)
    if now != before:
        return f"{names[now]} is surely better{_BY}{_gain(of.chosen, i)} over {names[before]}"
    if group is not None and now == CHAMPION:
        return _gone(of, group)
    if of.obstacle is not None:
        return f"{names[now]} stays: {of.obstacle}"
    if proposed != before:
        return (
            f"{names[now]} stays: {names[proposed]} has an out-of-fold gain of"
            f" {_gain(of.chosen, i)}, but {_gain(of.gated, i)} on the test rows"
        )
    if of.validation.too_few[i]:
        return f"{names[now]} serves: {_few(of, i)}"
    if np.isnan(of.chosen.gain[i]):
        return f"{names[now]} serves: there is no other model for this segment"
    return f"{names[now]} serves: no other model is surely better"


def _gone(of: Situation, group: str) -> str:
    """Return why a segment that had a route has none tonight."""
    if group == group_of(of.options[CHAMPION].kind):
        return "the champion is of that kind itself now"
    return f"the champion serves: no candidate for {in_words(group)} was fitted tonight"


def _few(of: Situation, i: int) -> str:
    rows, units = int(of.validation.rows[i]), int(of.validation.units[i])
    if not rows:
        tests = int(of.test.rows[i])
        return "it has test rows only" if tests else "it has no training rows yet"
    if rows >= MIN_SWITCH_ROWS:
        return f"its rows are of {counted(units, 'unit')}, and {MIN_SWITCH_UNITS} are needed"
    return f"it has {counted(rows, 'training row')}, and {MIN_SWITCH_ROWS} are needed"


def _gain(routes: Routes, i: int) -> str:
    return f"{routes.gain[i]:.1%} ({routes.low[i]:.1%} to {routes.high[i]:.1%})"
