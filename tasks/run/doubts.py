"""Why the champion of a run should not be relied on: what was measured, and likely causes.

A cause is named only if it was seen in the rows.
"""

from collections.abc import Iterator

import numpy as np

from data.calls import Call
from data.declarations.intervals import intervals_in_words
from regressors.arrays import Array, Indices
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.judging.naive import MEAN
from regressors.judging.scoring import Score
from regressors.judging.selection import MIN_SWITCH_ROWS
from tasks.report.labels import number
from tasks.run.attempt import Trained
from tasks.run.loading import declared
from tasks.run.naive import Beaten
from tasks.run.prepared import Prepared
from tasks.run.rows import Mask

LOW_COVERAGE_P = 0.01
"""The summary warns if right intervals would cover so few test rows with less than this chance."""
EXTREME_SDS, EXTREME_SHARE = 10.0, 0.1
"""A target is extreme so many (robust) SDs from the median, with so much of the squared spread."""
MIN_TIMES = 10
"""An extreme target is compared with the median if it is so many times as large."""
MIN_ROWS_PER_TERM = 5
"""With fewer training rows per term, a linear equation follows chance."""
SHIFTED_SDS = 0.5
"""The newest rows differ if the mean of their target is so many SDs from that of the older ones."""
GOOD_R2 = 0.1


def doubts(trained: Trained, score: Score | None) -> list[str]:
    """Return warnings; `score` is that of who serves from now on, on the test rows."""
    return [
        *_without_skill(trained, score),
        *_narrow(trained, score),
        *_of_an_earlier_declaration(trained),
        *_repeated(trained.prepared),
    ]


def _without_skill(trained: Trained, score: Score | None) -> Iterator[str]:
    """Say that the champion is worse than a naive prediction, or than the mean of the test rows."""
    if score is None:
        return
    beaten, r2 = trained.choice.beaten, score.r2
    than = [] if beaten is None else [_better(beaten)]
    if r2 is not None and r2 < 0 and (beaten is None or beaten.name != MEAN):
        than.append(f"their mean (R2 {_plain(r2)})")
    if not than:
        return
    causes = "; ".join(_causes(trained))
    yield (
        f"On the {_test_rows(trained, score)} the champion, {trained.choice.champion}, predicts"
        f" worse than {' and than '.join(than)}, so do not rely on it."
        f" {f'Likely causes: {causes}.' if causes else 'No cause stands out in the rows.'}"
    )


def _better(beaten: Beaten) -> str:
    return f"{beaten.in_words} (RMSE {number(beaten.champion_rmse)} against {number(beaten.rmse)})"


def _narrow(trained: Trained, score: Score | None) -> Iterator[str]:
    p, level = trained.choice.coverage_p, trained.prepared.declaration.interval.widest
    if score is None or score.coverage is None or p is None or p >= LOW_COVERAGE_P:
        return
    yield (
        f"{score.coverage:.0%} of the {_test_rows(trained, score)} lie inside their {level:.0%}"
        f" interval, significantly fewer (p = {p:.1g}): the intervals are too narrow."
    )


def _of_an_earlier_declaration(trained: Trained) -> Iterator[str]:
    """Yield that who serves has intervals that were declared before, and not those of tonight."""
    kept, tonight = trained.choice.kept, trained.prepared.declaration
    if kept is None or kept.obstacle is not None:
        return
    then = declared(kept.serving)
    if (then.interval, then.bounds) != (tonight.interval, tonight.bounds):
        yield (
            f"The intervals of {kept.serving.name_and_run} are those declared when it was trained"
            f" ({intervals_in_words(then.interval, then.bounds)}); those declared now"
            f" ({intervals_in_words(tonight.interval, tonight.bounds)}) come with the next model"
            " that serves."
        )


def _repeated(prepared: Prepared) -> Iterator[str]:
    if prepared.declaration.split.duplicates == "apart" or not prepared.repeated_test_rows:
        return
    yield (
        f"{prepared.repeated_test_rows:,} of {len(prepared.test.keys):,} test rows repeat a"
        " training row (the same features and target), so the test error is too low."
    )


def _test_rows(trained: Trained, score: Score) -> str:
    newest = " (the newest rows)" if trained.prepared.split.chained else ""
    return f"{score.n:,} test rows{newest}"


def _causes(trained: Trained) -> Iterator[str]:
    """Yield what may explain that the champion predicts badly."""
    prepared, choice = trained.prepared, trained.choice
    if prepared.split.chained:
        yield from _changed(trained)
    yield from _extreme(prepared, prepared.is_train, "training")
    yield from _extreme(prepared, prepared.is_test, "test")
    if choice.incumbent is None or choice.promoted:
        yield from _lost(trained, choice.reported)
    if len(prepared.test.keys) < MIN_SWITCH_ROWS:
        yield f"there are only {len(prepared.test.keys)} test rows"
    validation = choice.validation.get(choice.reported)
    if validation and validation.r2 is not None and validation.r2 <= 0:
        yield (
            "out of fold it is no better than the mean of the target either"
            f" (R2 {_plain(validation.r2)})"
        )


def _extreme(prepared: Prepared, chosen: Mask, part: str) -> Iterator[str]:
    """Name the most extreme target among the chosen rows, if it decides their spread."""
    args = prepared.rows.target, chosen, *prepared.source.arrangement
    (found,) = prepared.source.do("looking for causes", [(extreme_target, args)])
    if found is None:
        return
    value, median, row, number = found
    times = abs(value / median) if median else 0.0
    beside = f"where the median is {median:,.6g}"
    if times >= MIN_TIMES:
        beside = f"{float(f'{times:.2g}'):,.0f} times the median"
    yield (
        f"one {part} row (row {number}, key {prepared.rows.keys[row]})"
        f" has {prepared.declaration.target} {value:,.6g}, {beside}"
    )


def extreme_target(
    target: Array, chosen: Mask, kept: Mask, order: Indices | slice
) -> tuple[float, float, int, int] | None:
    """Return the most extreme target of chosen rows (a mask of n), if it decides their spread.

    Then come their median, and the row's place among all, and its number in the source, from 1:
    `kept` are the rows of the source that are in `order`.
    """
    rows = np.flatnonzero(chosen)
    own = target[rows]
    low, median, high = np.quantile(own, [0.25, 0.5, 0.75])
    sd = (high - low) / 1.349 or float(np.abs(own - median).mean())
    squares = np.square(own - own.mean())
    worst = int(np.abs(own - median).argmax())
    apart = abs(own[worst] - median)
    if not apart > EXTREME_SDS * sd or not squares[worst] > EXTREME_SHARE * squares.sum():
        return None
    row = int(rows[worst])
    number = int((1 + np.flatnonzero(kept))[order][row])
    return float(own[worst]), float(median), row, number


def _lost(trained: Trained, champion: Candidate) -> Iterator[str]:
    """Name the features without a term, or that there are many terms for the rows."""
    fit = trained.fits[champion]
    if not champion.is_linear or not isinstance(fit, Fitted):
        return
    terms = fit.model.members[0].encoding.term_names()
    lost = [name for name in fit.model.features if not any(_is_of(name, term) for term in terms)]
    if lost:
        names = ", ".join(map(repr, lost))
        verb = "has" if len(lost) == 1 else "have"
        yield f"{names} {verb} no term in its equation"
    rows = len(trained.prepared.train.keys)
    if rows < MIN_ROWS_PER_TERM * len(terms):
        yield f"there are only {rows} training rows for {len(terms)} terms"


def _is_of(name: str, term: str) -> bool:
    """Return whether a term is made of this feature: `age`, `shop[b]`, `age^2:shop[b]`."""
    return any(
        part == name or part.startswith((f"{name}[", f"{name}^"))
        for part in (term, *term.split(":"))
    )


def _changed(trained: Trained) -> Iterator[str]:
    """Name what differs between the newest rows and the older ones."""
    prepared, choice = trained.prepared, trained.choice
    targets = prepared.train.target, prepared.test.target
    calls: list[Call] = [(_mean_and_sd, (target,)) for target in targets]
    (older, sd), (newest, _) = prepared.source.do("looking for causes", calls)
    if abs(newest - older) > SHIFTED_SDS * sd:
        yield (
            f"the newest rows differ from the older ones: their mean"
            f" {prepared.declaration.target} is {newest:,.4g}, before it was {older:,.4g}"
        )
    validation = choice.validation.get(choice.reported)
    if validation and validation.r2 is not None and validation.r2 > GOOD_R2:
        yield (
            f"the relation has changed with time: on the older rows it predicted with an R2 of"
            f" {validation.r2:.2f}"
        )


def _plain(r2: float) -> str:
    return "0.00" if f"{r2:.2f}" == "-0.00" else f"{r2:.2f}"


def _mean_and_sd(target: Array) -> tuple[float, float]:
    return float(target.mean()), float(target.std())
