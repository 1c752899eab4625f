"""How the rows of a run count by their age: by which half-life, and who decided so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from regressors.candidate import Candidate
from regressors.judging.paired import PairedGain
from regressors.recency import CONFIDENCE, HalfLifeChoice

UNITS = (
    ("years", 365.2425 * 86_400e6),
    ("months", 365.2425 / 12 * 86_400e6),
    ("days", 86_400e6),
    ("hours", 3_600e6),
    ("minutes", 60e6),
    ("seconds", 1e6),
)
"""Units of time, in microseconds: those of `Rows.instants`."""


@dataclass(frozen=True)
class Recency:
    """The half-lives of the linear kinds and of the ANNs, None where all rows count the same.

    They are in the unit of `Rows.instants`. `linear_by_fold` and `ann_by_fold` are those of the
    fits of training rows, each by what was known to it; folds without one have the same as the
    rest. `sentence` says so in words, with what was tried; it is
    empty without a time column. `warning` is for the reader of the run.
    """

    linear: float | None = None
    ann: float | None = None
    sentence: str = ""
    warning: str | None = None
    linear_by_fold: Mapping[int, float | None] = field(default_factory=dict)
    ann_by_fold: Mapping[int, float | None] = field(default_factory=dict)

    @classmethod
    def stored(cls, details: Mapping[Candidate, Mapping[str, Any]]) -> "Recency":
        """Return what a stored run says of its candidates, to train them again as they were."""
        linear = [own for candidate, own in details.items() if candidate.is_linear]
        anns = [own for candidate, own in details.items() if not candidate.is_linear]
        words = [str(own["recency"]) for own in details.values() if "recency" in own]
        return cls(
            _half_life(linear),
            _half_life(anns),
            next(iter(words), ""),
            linear_by_fold=_by_fold(linear),
            ann_by_fold=_by_fold(anns),
        )

    def of(self, candidate: Candidate) -> float | None:
        """Return the half-life of a candidate."""
        return self.linear if candidate.is_linear else self.ann

    def by_fold(self, candidate: Candidate) -> Mapping[int, float | None]:
        """Return the half-lives of the fits of training rows of a candidate, by fold."""
        return self.linear_by_fold if candidate.is_linear else self.ann_by_fold


def _half_life(details: Iterable[Mapping[str, Any]]) -> float | None:
    return next((float(own["half_life"]) for own in details if "half_life" in own), None)


def _by_fold(details: Iterable[Mapping[str, Any]]) -> dict[int, float | None]:
    found: Mapping[str, float | None] = next(
        (own["half_lives"] for own in details if "half_lives" in own), {}
    )
    return {int(fold): half_life for fold, half_life in found.items()}


def choice_in_words(choice: HalfLifeChoice, *, column: str | None = None) -> str:
    """Return which half-life was chosen, if any, among which, and what it gains.

    `column` is the time column if it holds numbers.
    """
    if choice.gain is None or choice.best is None:
        return "all rows count the same: no half-life can be tried on these training rows"
    gain, best = choice.gain, in_words(choice.best, column=column)
    sure = f"{CONFIDENCE:.0%} sure of more than {gain.low:.1%}"
    if choice.chosen is not None:
        *others, last = (in_words(each, column=column) for each in choice.tried)
        return (
            f"rows count half as much for every {best} of age, chosen among none,"
            f" {', '.join(others)} and {last}: least squares has a squared error that is"
            f" {gain.value:.1%} lower on the {choice.rows:,} rows of the folds ({sure})"
        )
    change = f"{abs(gain.value):.1%} {'lower' if gain.value >= 0 else 'higher'}"
    return (
        "all rows count the same: no half-life is clearly better (with the best, "
        f"{best}, the squared error of least squares is {change} on the {choice.rows:,} rows of the"
        " folds)"
    )


def folds_in_words(choice: HalfLifeChoice) -> str:
    """Return how many folds had another half-life than what serves; empty where none had."""
    others = sum(each != choice.chosen for each in choice.by_fold.values())
    if not others:
        return ""
    were = "had another one or none" if choice.chosen is not None else "had one"
    return f"; {others} of {len(choice.by_fold)} folds {were}, by what was known to them"


def ann_in_words(gain: PairedGain) -> str:
    """Return whether the ANNs have the half-life of least squares, and why."""
    if gain.value >= 0:
        return f"so they do for the ANNs, whose squared error it lowers by {gain.value:.1%}"
    return f"for the ANNs they count the same, whose squared error it raises by {-gain.value:.1%}"


def in_words(half_life: float, *, column: str | None = None) -> str:
    """Return a half-life as "2.5 years", or as "2.5 of `column`", a time column of numbers."""
    if column is not None:
        return f"{half_life:.3g} of {column}"
    unit, size = next(
        ((unit, size) for unit, size in UNITS if half_life >= 2 * size), ("seconds", 1e6)
    )
    count = half_life / size
    return f"{count:.2g} {unit}" if count < 100 else f"{count:,.0f} {unit}"
