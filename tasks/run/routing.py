"""What serves each segment of a dataset from tonight on, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values
from regressors.candidate import OWN_LINE, Candidate, group_of
from regressors.job import Fitted
from regressors.judging.segments import CHAMPION


@dataclass(frozen=True)
class Standing:
    """What served each of S segments before tonight, by group of kinds; None is the champion.

    A `pinned` (S,) segment keeps it. `latest_decision` is the newest one about any segment of the
    dataset, None where there is none. `gone` are pinned segments without a row tonight.
    """

    group: Values
    pinned: Mask
    latest_decision: int | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentErrors:
    """Root mean squared errors of S segments in the target's units, NaN without rows.

    They are out of fold on the training rows, and those of twins on the test rows, of what serves a
    segment and of the champion. `rows` and `rows_test` (S,) count the rows with a target, and those
    of them that are test rows.
    """

    rows: Indices
    rows_test: Indices
    validation: Array
    champion_validation: Array
    test: Array
    champion_test: Array


@dataclass(frozen=True)
class Moves:
    """How what serves compares with what served before, on `rows` (S,) rows; NaN: not compared."""

    gain: Array
    low: Array
    high: Array
    rows: Indices


@dataclass(frozen=True)
class Routing:
    """What serves each of the S segments in `names`: an `option` (S,) among `options`.

    Option 0 is the champion of the dataset, whichever that is, and stands there as the candidate
    that it was compared as; the others are tonight's. `reason` (S,) says in words why, and
    `too_few` (S,) that a segment has too few rows to be compared.
    """

    names: Values
    options: tuple[Candidate, ...]
    option: Indices
    standing: Standing
    moves: Moves
    errors: SegmentErrors
    reason: Values
    too_few: Mask

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return tonight's candidates that serve single segments."""
        used = np.unique(self.option[self.option != CHAMPION])
        return tuple(self.options[number] for number in used)

    def model_of(self, number: int) -> Candidate | None:
        """Return the candidate that serves a segment; None is the champion."""
        option = int(self.option[number])
        return None if option == CHAMPION else self.options[option]

    def rule(self, number: int) -> str:
        """Return by which rule what serves a segment was decided, in a word."""
        if self.option[number] == CHAMPION:
            return "returned"
        return "first" if self.standing.group[number] is None else "switch"

    @property
    def moved(self) -> Mask:
        """Return which segments (S,) another group of kinds serves than before tonight.

        A pinned one has not moved: where what a person wants cannot serve it tonight, the champion
        stands in.
        """
        groups = np.array([None, *(group_of(c.kind) for c in self.options[1:])], dtype=object)
        moved: Mask = (groups[self.option] != self.standing.group) & ~self.standing.pinned
        return moved

    def served_by(self, candidate: Candidate) -> Mask:
        """Return which segments (S,) one of tonight's candidates serves."""
        served: Mask = np.zeros(len(self.names), dtype=bool)
        for number in range(1, len(self.options)):
            if self.options[number] == candidate:
                served |= self.option == number
        return served

    def with_refits(self, refits: Mapping[Candidate, Fitted | str]) -> "Routing":
        """Return it with the champion in place of what could not be fitted on all rows."""
        option, reason = self.option.copy(), self.reason.copy()
        for candidate in self.candidates:
            refit, served = refits.get(candidate), self.served_by(candidate)
            if isinstance(refit, Fitted):
                failed = served & ~has_own(candidate, refit, self.names)
                why = "it has no equation there on all rows"
            else:
                failed, why = served, f"its refit failed: {refit}"
            option[failed] = CHAMPION
            reason[failed] = (
                f"the champion serves in place of {in_words(group_of(candidate.kind))}: {why}"
            )
        errors = self.errors
        back = option != self.option
        errors = replace(
            errors,
            validation=np.where(back, errors.champion_validation, errors.validation),
            test=np.where(back, errors.champion_test, errors.test),
        )
        return replace(self, option=option, reason=reason, errors=errors)


def in_words(group: str) -> str:
    """Return what a sentence about a segment calls a group of kinds."""
    return "its own line" if group == OWN_LINE else f"the {group}"


def has_own(candidate: Candidate, fit: Fitted, names: Values) -> Mask:
    """Return for which segments (S,), sorted, a fit has something of its own to say.

    A kind with one model for all rows has it for all of them.
    """
    if not candidate.is_segmented:
        return np.ones(len(names), dtype=bool)
    if fit.segments is None:
        return np.zeros(len(names), dtype=bool)
    return np.isin(names, fit.segments.names[fit.segments.own])
