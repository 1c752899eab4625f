"""The test of chained folds: each block of test rows is predicted by a fit on what was known.

A candidate that serves is fitted again every night; so is one that is tested, at the first time of
each block, on the rows that are known to it, of which later ones are test rows themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from regressors.arrays import Array, Indices, Mask, Values, spelt_out
from regressors.blocks import rows_of
from regressors.fitting import fits_by, intervals_of
from regressors.frameworks.contract import FrameworkModule
from regressors.intervals.intervals import Intervals
from regressors.job import CannotFit, Fitted, Job, folds
from regressors.linear.kept_sums import drop_others, rolled_sums
from regressors.model import Model
from regressors.network.chain import fitted_folds
from regressors.network.fit import fit_network
from regressors.predicted import Predicted
from regressors.progress import part, parts
from regressors.segments.fit import of_all_rows


@dataclass(frozen=True)
class Rolled:
    """What a candidate predicts for m test rows, in the target's units, with its intervals.

    `ends` are the lower and upper ends (m,) of these, the widest first, NaN where there is none;
    `intervals` are those of rows to come. `note` holds the texts of the rows `noted`. `details` say
    by which fits they were made.
    """

    predicted: Array
    ends: tuple[tuple[Array, Array], ...]
    intervals: Intervals | None
    noted: Indices
    note: Values
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, made: Predicted, intervals: Intervals | None) -> "Rolled":
        """Return what one model has predicted, which has these intervals."""
        ends = ((made.lower, made.upper), *made.further)
        return cls(made.value, ends, intervals, made.noted, made.texts)

    @property
    def lower(self) -> Array:
        """Return the lower ends (m,) of the widest intervals."""
        return self.ends[0][0]

    @property
    def upper(self) -> Array:
        """Return the upper ends (m,) of the widest intervals."""
        return self.ends[0][1]

    def notes(self) -> Values:
        """Return the notes (m,), None in most rows."""
        texts: Values = np.full(len(self.predicted), None, dtype=object)
        texts[self.noted] = self.note
        return texts


def roll(framework: FrameworkModule, job: Job, fitted: Fitted) -> Rolled:
    """Predict every block of test rows as `fitted`, the candidate, would have been fitted for it.

    `job` holds every labelled row, and says which are test rows. The intervals of a block come from
    the residuals of blocks before it, those of the training rows included; they are wider where a
    row has what its fit does not know, as those of `Model.predicted` are.
    """
    drop_others(job)
    assert job.is_test is not None and fitted.out_of_fold is not None
    for_kind = job if job.candidate.is_linear else replace(job, columns=spelt_out(job.columns))
    models = _linear if job.candidate.is_linear else _networks
    value = np.full(len(job.target), np.nan)
    value[~job.is_test] = fitted.out_of_fold
    note: Values = np.full(len(job.target), None, dtype=object)
    noted = np.zeros(len(job.target), dtype=bool)
    spread = np.zeros(len(job.target))
    details: dict[str, Any] = {}
    for model, held, of_model in models(framework, for_kind, fitted):
        weight = None if job.weight is None else job.weight[held]
        made = model.predicted(rows_of(job.columns, held), weight)
        value[held] = made.value
        odd = np.flatnonzero(held)[made.noted]
        note[odd], noted[odd] = made.texts, True
        if len(odd):
            spread[odd] = model.unknown_spread(rows_of(job.columns, odd))
        details = of_model
    tests = job.is_test
    if not np.isfinite(value[tests]).all():
        raise CannotFit("its predictions of the test rows are not finite")
    lower, upper, intervals = intervals_of(job, fitted.model, value, spread)
    return Rolled(
        value[tests],
        tuple((lower[tests, i], upper[tests, i]) for i in range(len(job.interval.levels))),
        intervals,
        np.flatnonzero(noted[tests]),
        note[noted],
        details,
    )


Made = Iterator[tuple[Model, Mask, dict[str, Any]]]
"""A model, the rows that it predicts, and what is stored of all models so far."""


def blocks_of_tests(job: Job) -> range:
    """Return the numbers of the blocks of test rows."""
    assert job.is_test is not None
    return range(int(job.fold[job.is_test].min()), int(job.fold.max()) + 1)


def rows_of_blocks(job: Job) -> Iterator[Mask]:
    """Yield the rows (masks) that are known to each block of test rows."""
    for number, train, _ in folds(job.fold, chained=True, known=job.known):
        if number in blocks_of_tests(job):
            yield train


def _linear(framework: FrameworkModule, job: Job, _fitted: Fitted) -> Made:
    numbers = blocks_of_tests(job)
    with parts(4 * len(numbers)):
        with part("sums", 3 * len(numbers)):
            sums = rolled_sums(framework, of_all_rows(job), numbers)
        fit = fits_by(framework, job, sums, rows_of_blocks(job))
        for number, train, held in folds(job.fold, chained=True, known=job.known):
            if number in numbers:
                with part(f"fold {number}"):
                    fitted = fit(train, part=f"fold {number}")
                yield fitted.model, held, {"fits": list(numbers)}


def _networks(framework: FrameworkModule, job: Job, fitted: Fitted) -> Made:
    """Yield the networks, each of which serves until the next one: as many as a budget allows.

    They have the groups and the epochs that training rows known by the first of them have shown to
    be best. The first one is the twin where that knows no more than it may.
    """
    decided, tests = fitted.for_tests, blocks_of_tests(job)
    assert decided is not None
    job = replace(job, plan=fitted.plan, grouping=decided.grouping)
    numbers = fitted_folds(job, tests, epochs=max(decided.epochs, 1), least=1)
    same = (decided.grouping, decided.epochs) == (fitted.grouping, fitted.refit_epochs)
    details: list[dict[str, Any]] = []
    nothing = np.zeros(len(job.target), dtype=bool)
    with parts(len(numbers)):
        for number, until in zip(numbers, [*numbers[1:], tests.stop], strict=True):
            train = job.known_from <= number
            held = (job.fold >= number) & (job.fold < until)
            if same and job.is_test is not None and np.array_equal(train, ~job.is_test):
                model = fitted.model
                details.append({"fold": number, "network": "the twin"})
            else:
                with part(f"fold {number}"):
                    fit = fit_network(
                        framework,
                        job,
                        train,
                        nothing,
                        fold=number,
                        grouping=decided.grouping,
                        epochs=decided.epochs,
                    )
                model = Model(job.candidate, (fit.member,))
                details.append({"fold": number, **fit.details})
            yield (
                model,
                held,
                {
                    "fits": numbers,
                    "epochs": decided.epochs,
                    "grouping": decided.grouping,
                    "folds": details,
                },
            )
