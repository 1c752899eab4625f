"""The naive predictions of a run: how wrong they are, and whether the champion is worse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array, Indices, Mask
from regressors.judging.naive import (
    LAST,
    MEAN,
    mean_of_training,
    naive_over_time,
    series_over_time,
)
from regressors.judging.ranking import ROUNDING
from regressors.judging.scoring import Score, root_mean_square, score, weighted_errors
from tasks.run.prepared import Prepared
from tasks.run.rows import Rows


@dataclass(frozen=True)
class NaiveScore:
    """The errors of a naive prediction on the `rows`, validation or test, that it predicts."""

    name: str
    rows: str
    score: Score


@dataclass(frozen=True)
class Beaten:
    """The naive prediction that is furthest below a champion's test RMSE, on the same rows."""

    name: str
    in_words: str
    rmse: float
    champion_rmse: float


@dataclass(frozen=True)
class Naive:
    """Naive predictions (n,) of a run's labelled rows by name; NaN in a row that has none."""

    labelled: Rows
    is_test: Mask
    is_scored: Mask
    predicted: Mapping[str, Array]

    def scores(self) -> Iterator[NaiveScore]:
        """Yield how wrong each naive prediction is, out of fold and on the test rows."""
        for name, predicted in self.predicted.items():
            for rows, chosen in (("validation", ~self.is_test), ("test", self.is_test)):
                has_one = chosen & self.is_scored & ~np.isnan(predicted)
                if not has_one.any():
                    continue
                own = self.labelled
                weight = None if own.weight is None else own.weight[has_one]
                errors = score(own.target[has_one], predicted[has_one], weight=weight)
                if np.isfinite(errors.rmse):
                    yield NaiveScore(name, rows, errors)

    def beaten(self, champion: Array) -> Beaten | None:
        """Return what is better than a champion's predictions (m,) of the m test rows, if any is.

        The champion has NaN in rows on which it is not judged.
        """
        found = []
        target = self.labelled.target[self.is_test]
        weight = None if self.labelled.weight is None else self.labelled.weight[self.is_test]
        for name, predicted in self.predicted.items():
            own = predicted[self.is_test]
            both = ~np.isnan(own) & ~np.isnan(champion)
            if not both.any():
                continue
            of_both = None if weight is None else weight[both]
            rmse, champion_rmse = (
                root_mean_square(weighted_errors(target[both], values[both], of_both))
                for values in (own, champion)
            )
            if rmse < champion_rmse * (1 - ROUNDING):
                found.append(Beaten(name, self._in_words(name), rmse, champion_rmse))
        return min(found, key=lambda each: each.rmse / each.champion_rmse, default=None)

    def _in_words(self, name: str) -> str:
        if name == LAST:
            return "the last value known"
        if name == MEAN:
            known = self.labelled.time is not None
            return "the mean of the values known" if known else "the mean of the training rows"
        return f"the value of the {name}"


@dataclass(frozen=True)
class NaiveRows:
    """Labelled rows (n,), without columns, and from which origins they are predicted.

    `label` numbers series among all rows of the run, of which `is_labelled` marks these.
    """

    labelled: Rows
    is_test: Mask
    block: Indices
    known: Indices | None
    label: Indices | None
    is_labelled: Mask | None

    @classmethod
    def of(cls, prepared: Prepared) -> "NaiveRows":
        """Return those of a run, at the origins from which the candidates predict."""
        part, labelled = prepared.parts.labelled, prepared.labelled.without_columns()
        return cls(labelled, part.is_test, part.fold, part.known, *_series(prepared))


def naive_of(rows: NaiveRows) -> Naive:
    """Return the naive predictions of labelled rows, at the origins of their blocks."""
    labelled, block, known = rows.labelled, rows.block, rows.known
    target, weight, time = labelled.target, labelled.weight, labelled.time
    if known is None or time is None:
        everywhere = np.ones(len(target), dtype=bool)
        means = mean_of_training(target, is_test=rows.is_test, fold=block, weight=weight)
        return Naive(labelled, rows.is_test, everywhere, means)
    series = None
    if rows.label is not None:
        series = series_over_time(rows.label[rows.is_labelled], time)
    predicted = naive_over_time(
        target,
        scored=block > 0,
        block=block,
        known=known,
        time=time,
        series=series,
        weight=weight,
    )
    return Naive(labelled, rows.is_test, block > 0, predicted)


def _series(prepared: Prepared) -> tuple[Indices | None, Mask | None]:
    """Return a number for the key without the time of each row, and which rows are labelled.

    None if the key is the time, or has none.
    """
    declaration = prepared.declaration
    names = [name for name in declaration.key if name != declaration.time]
    if not names or len(names) == len(declaration.key) or prepared.labelled.time is None:
        return None, None
    return prepared.source.labels(names), prepared.is_labelled
