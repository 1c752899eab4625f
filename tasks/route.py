"""Route each segment to what serves it: the champion, or where it is surely better, another model.

The champion of the dataset is chosen, and gated, among all candidates as without segments. A
segment leaves it, or takes another route than before, by its own rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.store.read.segments import segment_routes
from data.store.session import Store
from regressors.arrays import Array, Indices, Mask, Values
from regressors.candidate import Candidate, group_of
from regressors.job import Fitted
from regressors.judging.ranking import ROUNDING
from regressors.judging.scoring import spread, weighted_errors
from regressors.judging.segments import (
    CHAMPION,
    Routes,
    SegmentRows,
    choose_routes,
    gate_routes,
    segment_rmse,
)
from regressors.rolling import Rolled
from tasks.rank import Ranking
from tasks.run import progress
from tasks.run.attempt import Fits
from tasks.run.choice import Choice, Incumbent
from tasks.run.prepared import Prepared
from tasks.run.routing import Moves, Routing, SegmentErrors, Standing, has_own
from tasks.run.rows import Rows
from tasks.run.segment_words import Situation, reasons
from tasks.run.step import step

EXACT = ROUNDING
"""Errors below this share of the target's spread are none."""


@step()
def route(
    prepared: Prepared,
    fits: Fits,
    ranking: Ranking,
    rolled: Mapping[Candidate, Rolled],
    choice: Choice,
    store: Store,
    *,
    before_run: int | None = None,
) -> Routing | None:
    """Return what serves each segment; None without segments, and where a past night is filled in.

    With `before_run`, the routes before tonight are those before that run.
    """
    segments = prepared.segments
    if segments is None or choice.is_backfill:
        return None
    options, obstacle = _options(fits, ranking, rolled, choice)
    standing = _standing(prepared, store, before_run)
    current = _current(standing, options)
    validation = _out_of_fold(prepared, fits, options)
    test = _on_tests(prepared, rolled, options, choice.kept)
    available = np.array([_available(c, fits, segments.names) for c in options])
    available[CHAMPION] = True
    lost = ~np.take_along_axis(available, current[None], axis=0)[0]
    current = np.where(lost, CHAMPION, current)
    stays = standing.pinned | (obstacle is not None)
    movable = np.where(stays[None], np.arange(len(options))[:, None] == current, available)
    rules, rounding = choice.rules, _rounding(prepared)
    chosen = choose_routes(
        validation.errors, current, validation.rows, rules=rules, available=movable,
        rounding=rounding,
    )  # fmt: skip
    gated = gate_routes(
        test.errors, current, chosen.option, test.rows, rules=rules, rounding=rounding
    )
    situation = Situation(
        options=options,
        champion=choice.champion,
        current=current,
        lost=lost,
        chosen=chosen,
        gated=gated,
        validation=validation.rows,
        test=test.rows,
        standing=standing,
        obstacle=obstacle,
    )
    routing = Routing(
        names=segments.names,
        options=options,
        option=gated.option,
        standing=standing,
        moves=_moves(chosen, gated, validation.rows, test.rows),
        errors=_errors(prepared, validation, test, gated.option),
        reason=reasons(situation),
        too_few=validation.rows.too_few,
    )
    progress.log(prepared.declaration.name, _logged(routing))
    return routing


def of_segments(routing: Routing | None, ranking: Ranking) -> set[Candidate]:
    """Return what is refitted for single segments: what serves some, and the best equations."""
    equations = {c for c in ranking.for_segments if c.is_segmented}
    return equations | set(routing.candidates if routing else ())


@dataclass(frozen=True)
class _Errors:
    """The errors (n,) of each option on some rows, and these rows by segment."""

    errors: Sequence[Array]
    rows: SegmentRows

    def rmse(self, option: Indices) -> Array:
        """Return the RMSE (S,) of each segment by its option (S,)."""
        own: Array = np.take_along_axis(self._of_each, option[None], axis=0)[0]
        return own

    @cached_property
    def _of_each(self) -> Array:
        return np.array([segment_rmse(errors, self.rows) for errors in self.errors])


def _options(
    fits: Fits, ranking: Ranking, rolled: Mapping[Candidate, Rolled], choice: Choice
) -> tuple[tuple[Candidate, ...], str | None]:
    """Return the champion as a candidate of tonight, then one of each other group of kinds.

    The sentence says why segments cannot be compared with the champion, if they cannot.
    """
    kept = choice.kept
    champion, obstacle = choice.reported, None
    if kept is not None:
        group = group_of(kept.candidate.kind)
        alike = (kept.candidate, *(c for c in ranking.for_segments if group_of(c.kind) == group))
        fitted = [c for c in alike if isinstance(fits.get(c), Fitted) and c in rolled]
        if fitted:
            champion = fitted[0]
        else:
            obstacle = (
                f"{kept.serving.name_and_run} serves, and none of its kind was fitted tonight"
            )
        if kept.serving.pinned:
            obstacle = f"{kept.serving.name_and_run} is pinned, so that nothing moves"
    group = group_of(champion.kind)
    others = [c for c in ranking.for_segments if c in rolled and group_of(c.kind) != group]
    return (champion, *others), obstacle


def _standing(prepared: Prepared, store: Store, before_run: int | None) -> Standing:
    """Return what served tonight's segments before."""
    assert prepared.segments is not None
    names = prepared.segments.names
    stored = store.read(
        lambda c: segment_routes(c, prepared.declaration.name, before_run=before_run)
    )
    group: Values = np.full(len(names), None, dtype=object)
    pinned = np.zeros(len(names), dtype=bool)
    number = {name: i for i, name in enumerate(names.tolist())}
    gone = []
    for name, kind, is_pinned in zip(stored.segment, stored.kind, stored.pinned, strict=True):
        if name in number:
            group[number[name]] = None if kind is None else group_of(kind)
            pinned[number[name]] = is_pinned
        elif kind is not None or is_pinned:
            gone.append(name)
    return Standing(group, pinned, stored.latest_decision, tuple(gone))


def _current(standing: Standing, options: Sequence[Candidate]) -> Indices:
    """Return the option (S,) that served each segment before; the champion where it is gone."""
    groups: dict[str | None, int] = {group_of(c.kind): i for i, c in enumerate(options)}
    return np.array([groups.get(group, CHAMPION) for group in standing.group], dtype=np.int64)


def _available(candidate: Candidate, fits: Fits, names: Values) -> Mask:
    fit = fits[candidate]
    assert isinstance(fit, Fitted)
    return has_own(candidate, fit, names)


def _out_of_fold(prepared: Prepared, fits: Fits, options: Sequence[Candidate]) -> _Errors:
    assert prepared.segments is not None
    scored = prepared.train_fold > 0
    rows = prepared.train.take(scored)
    errors = []
    for candidate in options:
        fit = fits[candidate]
        assert isinstance(fit, Fitted) and fit.out_of_fold is not None
        errors.append(weighted_errors(rows.target, fit.out_of_fold[scored], rows.weight))
    codes = prepared.segments.codes[prepared.is_train][scored]
    return _Errors(errors, SegmentRows(codes, len(prepared.segments), rows.units))


def _on_tests(
    prepared: Prepared,
    rolled: Mapping[Candidate, Rolled],
    options: Sequence[Candidate],
    kept: Incumbent | None,
) -> _Errors:
    """Return the errors on the test rows that are new to the champion, of it and the others."""
    assert prepared.segments is not None
    rows, codes = prepared.test, prepared.segments.codes[prepared.is_test]
    predicted = [rolled[candidate].predicted for candidate in options]
    if kept is not None and kept.is_comparable:
        predicted[CHAMPION] = kept.predicted
        rows, codes = rows.take(kept.compared), codes[kept.compared]
        predicted = [values[kept.compared] for values in predicted]
    errors = [weighted_errors(rows.target, values, rows.weight) for values in predicted]
    return _Errors(errors, SegmentRows(codes, len(prepared.segments), rows.units))


def _rounding(prepared: Prepared) -> float:
    """Return how large an error may be that is none, in the target's units."""
    rows: Rows = prepared.train
    around = spread(rows.target, rows.weight)
    return EXACT * around if np.isfinite(around) else 0.0


def _moves(chosen: Routes, gated: Routes, validation: SegmentRows, test: SegmentRows) -> Moves:
    """Return the gains on the test rows where these decided, and out of fold elsewhere."""
    on_tests = ~np.isnan(gated.gain) & ~test.too_few
    return Moves(
        gain=np.where(on_tests, gated.gain, chosen.gain),
        low=np.where(on_tests, gated.low, chosen.low),
        high=np.where(on_tests, gated.high, chosen.high),
        rows=np.where(on_tests, test.rows, validation.rows),
    )


def _errors(
    prepared: Prepared, validation: _Errors, test: _Errors, option: Indices
) -> SegmentErrors:
    assert prepared.segments is not None
    codes, count = prepared.segments.codes, len(prepared.segments)
    champion = np.full(count, CHAMPION)

    def counted(rows: Mask) -> Indices:
        return np.bincount(codes[rows & (codes >= 0)], minlength=count)

    return SegmentErrors(
        rows=counted(prepared.is_labelled),
        rows_test=counted(prepared.is_test),
        validation=validation.rmse(option),
        champion_validation=validation.rmse(champion),
        test=test.rmse(option),
        champion_test=test.rmse(champion),
    )


def _logged(routing: Routing) -> str:
    own = int((routing.option != CHAMPION).sum())
    return (
        f"{own:,} of {len(routing.names):,} segments are served by a model other than the champion;"
        f" {int(routing.moved.sum()):,} moved tonight"
    )
