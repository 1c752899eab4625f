"""The segments of a run in words and figures: what serves them, the worst of them, the moves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices
from regressors.candidate import group_of
from regressors.judging.segments import CHAMPION
from tasks.report.labels import label, number
from tasks.run.prepared import Prepared
from tasks.run.routing import Routing, in_words
from tasks.run.segment_words import without_gain

SHOWN = 10
"""Segments that are listed: the worst, and of those that moved."""
MAX_NAMED = 5
"""Segments that a sentence names."""
MAX_REASONS = 6
"""Reasons for which segments moved that have a line of their own."""


@dataclass(frozen=True)
class SegmentRow:
    """One segment as it is listed: errors are RMSEs in the target's units, None without rows."""

    segment: str
    served_by: str
    rows: int
    rmse: float | None
    champion_rmse: float | None
    test_rmse: float | None
    reason: str


@dataclass(frozen=True)
class SegmentFigures:
    """What serves the segments of a run, in a sentence; the worst of them, and some that moved.

    The worst have the largest out-of-fold errors. `moves` is how many are served by another group
    of kinds than before, and `moves_in_words` has a line for those of one kind and reason.
    """

    words: str = ""
    moves: int = 0
    worst: tuple[SegmentRow, ...] = ()
    moved: tuple[SegmentRow, ...] = ()
    moves_in_words: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the summary."""
        yield self.words
        yield from self.moves_in_words
        if self.worst and not self.moves:
            yield "none moved tonight"
        if self.worst:
            shown = [f"{row.segment}: {_error(row)}" for row in self.worst]
            yield f"largest out-of-fold RMSE: {', '.join(shown)}"


def segment_figures(routing: Routing, champion: str, *, waits: bool = False) -> SegmentFigures:
    """Return the figures of what serves each segment; `champion` is the name of the champion.

    A champion that cannot predict tonight's rows `waits`: until one can, its earlier predictions
    are shown for all segments.
    """
    error = np.where(np.isnan(routing.errors.validation), -np.inf, routing.errors.validation)
    worst = np.argsort(-error, kind="stable")[:SHOWN]
    moved = np.flatnonzero(routing.moved)
    largest_first = moved[np.argsort(-np.abs(_known(routing.moves.gain[moved])), kind="stable")]
    words = _served_in_words(routing, champion)
    if waits:
        words = (
            f"{champion} serves all with its earlier predictions; once a champion can predict the"
            f" rows of a night: {words}"
        )
    return SegmentFigures(
        words,
        len(moved),
        tuple(_row(routing, i, champion) for i in worst if np.isfinite(error[i])),
        tuple(_row(routing, i, champion) for i in largest_first[:SHOWN]),
        tuple(_moves_in_words(routing, largest_first, champion)),
    )


def segment_warnings(prepared: Prepared, routing: Routing | None) -> Iterator[str]:
    """Yield what a reader should know of the segments of a run; nothing where none are declared."""
    segments = prepared.segments
    if segments is None:
        return
    names = ", ".join(prepared.declaration.segment or ())
    labelled = segments.codes[prepared.is_labelled]
    sizes = np.bincount(labelled[labelled >= 0], minlength=len(segments))
    if len(segments) > 1 and sizes.max(initial=0) <= 1:  # the checks have told
        return
    if missing := int((segments.codes < 0).sum()):
        has, them = ("has", "it") if missing == 1 else ("have", "them")
        yield (
            f"{_counted(missing, 'row')} {has} no segment, because"
            f" {names.replace(', ', ' or ')} is missing: the champion predicts {them}."
        )
    if routing is None:
        return
    only_tests = (routing.errors.rows > 0) & (routing.errors.rows == routing.errors.rows_test)
    if only_tests.any():
        which = np.flatnonzero(only_tests)
        yield (
            f"The rows of {_counted(len(which), 'segment')} are all test rows, so that nothing can"
            f" be fitted there and the champion serves: {_named(routing, which)}."
        )
    gone = routing.standing.gone
    if gone:
        named = ", ".join(label(name) for name in gone[:MAX_NAMED])
        more = f" and {len(gone) - MAX_NAMED:,} more" if len(gone) > MAX_NAMED else ""
        yield (
            f"{_counted(len(gone), 'segment')} with a route of its own, or a pin, had no row"
            f" tonight: {named}{more}. It has that again when it has rows."
        )


def _served_in_words(routing: Routing, champion: str) -> str:
    if not len(routing.names):
        return "no row has one"
    by_champion = routing.option == CHAMPION
    few = int((by_champion & routing.too_few).sum())
    note = f"; {few:,} of these have too few rows to be compared" if few else ""
    count = int(by_champion.sum())
    verb = "is" if count == 1 else "are"
    parts = [f"{count:,} {verb} served by the champion ({champion}{note})"]
    for candidate in routing.candidates:
        count = int(routing.served_by(candidate).sum())
        name = in_words(group_of(candidate.kind))
        name = name.replace("its", "their") if count > 1 else name
        parts.append(f"{count:,} by {name} ({candidate})")
    return f"of {_counted(len(routing.names), 'segment')}, {', '.join(parts)}"


def _moves_in_words(routing: Routing, moved: Indices, champion: str) -> Iterator[str]:
    """Yield where how many segments moved and why, with the first of each; most moves first."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for i in moved.tolist():
        why, gain = without_gain(routing.reason[i])
        to = _served_by(routing, i, champion)
        what = "; out-of-fold gains" if gain else ""
        groups.setdefault((to, why, what), []).append(f"{label(routing.names[i])} {gain}".rstrip())
    largest = sorted(groups.items(), key=lambda group: -len(group[1]))
    for (to, why, what), named in largest[:MAX_REASONS]:
        more = len(named) - MAX_NAMED
        shown = f"{', '.join(named[:MAX_NAMED])}{f' and {more:,} more' if more > 0 else ''}"
        yield f"{len(named):,} moved tonight to {to}, because {why}{what}: {shown}"
    if rest := sum(len(named) for _, named in largest[MAX_REASONS:]):
        yield f"{rest:,} moved tonight for other reasons (nightfit query segment_history)"


def _counted(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _row(routing: Routing, i: int, champion: str) -> SegmentRow:
    errors = routing.errors
    return SegmentRow(
        label(routing.names[i]),
        _served_by(routing, i, champion),
        int(errors.rows[i]),
        _finite(errors.validation[i]),
        _finite(errors.champion_validation[i]),
        _finite(errors.test[i]),
        routing.reason[i],
    )


def _served_by(routing: Routing, i: int, champion: str) -> str:
    model = routing.model_of(i)
    return f"the champion, {champion}" if model is None else str(model)


def _error(row: SegmentRow) -> str:
    same = row.rmse == row.champion_rmse or row.champion_rmse is None
    beside = "" if same else f" (the champion {number(row.champion_rmse)})"
    return f"{number(row.rmse)}{beside}"


def _named(routing: Routing, which: Indices) -> str:
    named = ", ".join(label(routing.names[i]) for i in which[:MAX_NAMED])
    return named + (f" and {len(which) - MAX_NAMED:,} more" if len(which) > MAX_NAMED else "")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _known(values: Array) -> Array:
    return np.where(np.isnan(values), 0.0, values)
