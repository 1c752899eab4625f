"""The two fits of a candidate, which run in the worker of its framework.

`validate` fits every fold and the twin, a model that never sees the test rows. `refit` fits the
model that may serve, on every labelled row. A fold is fitted on its training rows alone: encoding,
scaling, start and stopping are computed again for it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from regressors.arrays import Array, Mask, spelt_out
from regressors.blocks import Chosen, blocks_of, release, rows_of
from regressors.file_arrays import place_of, stored
from regressors.frameworks.contract import FrameworkModule
from regressors.intervals.calibration import MIN_GROUP_ROWS, fit_intervals
from regressors.intervals.intervals import Intervals
from regressors.intervals.walk import walk_intervals
from regressors.job import CannotFit, Fitted, Grouped, Job, Part, folds
from regressors.linear.fit import fit_linear
from regressors.linear.fold_sums import FoldSums, Sums
from regressors.linear.kept_sums import drop_others, fold_sums, refit_sums
from regressors.model import LinearMember, Model
from regressors.network.plan import Plan
from regressors.network.training import grouped, planned, refit_network, validate_network
from regressors.progress import part as part_of_work
from regressors.progress import parts
from regressors.segments.fit import SegmentParts, of_all_rows
from regressors.segments.member import SegmentedMember

MAX_LISTED = 5
"""At most so many levels are named in a warning."""


def plan(_framework: FrameworkModule, job: Job) -> Plan | None:
    """Return the plan of an ANN, None where the table needs none."""
    return planned(for_its_kind(job))


def group(framework: FrameworkModule, job: Job) -> Grouped:
    """Return the decision on the groups of an ANN with a plan, which serves all frameworks."""
    return grouped(framework, for_its_kind(job))


def validate(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit every fold and the twin; `job` holds the training rows alone."""
    start = perf_counter()
    drop_others(job)
    fit = _validate_linear if job.candidate.is_linear else validate_network
    fitted = _require_finite(fit(framework, for_its_kind(job)))
    assert fitted.out_of_fold is not None
    lower, upper, intervals = intervals_of(job, fitted.model, fitted.out_of_fold)
    fitted = replace(
        _with_half_life(fitted, job),
        model=replace(fitted.model, intervals=intervals),
        ends=tuple((lower[:, i], upper[:, i]) for i in range(len(job.interval.levels))),
        warnings=(*fitted.warnings, *_warnings(job, intervals)),
        seconds=perf_counter() - start,
    )
    return fitted if job.predictions_file is None else in_file(fitted, job.predictions_file)


def _with_half_life(fitted: Fitted, job: Job) -> Fitted:
    """Return a fit that says by which half-life its rows are weighed, if by any."""
    details = dict(fitted.details)
    if job.half_life is not None:
        details["half_life"] = job.half_life
    if job.half_lives:
        details["half_lives"] = {str(fold): each for fold, each in job.half_lives.items()}
    return replace(fitted, details=details, half_life=job.half_life)


def intervals_of(
    job: Job, model: Model, out_of_fold: Array, spread: Array | None = None
) -> tuple[Array, Array, Intervals | None]:
    """Return the ends (n, L) of the intervals of out-of-fold predictions, and those that serve.

    Where chained, `spread` (n,) is the SD of what is unknown of each row to the fit that predicts
    it.
    """
    rules, columns = job.interval, {name: job.columns[name] for name in sorted(model.column_types)}
    if not job.chained:
        return fit_intervals(
            rules,
            columns=columns,
            target=job.target,
            predicted=out_of_fold,
            fold=job.fold,
            weight=job.weight,
            group=job.interval_group,
        )
    return walk_intervals(
        rules,
        columns=columns,
        target=job.target,
        predicted=out_of_fold,
        block=job.fold,
        time=job.time,
        known=job.known,
        weight=job.weight,
        group=job.interval_group,
        spread=spread,
    )


def _warnings(job: Job, intervals: Intervals | None) -> Iterator[str]:
    pooled = intervals.facts.get("groups_of_all_rows", ()) if intervals else ()
    if pooled:
        listed = ", ".join(pooled[:MAX_LISTED]) + (", ..." if len(pooled) > MAX_LISTED else "")
        yield (
            f"The intervals of {len(pooled)} levels of {job.interval.by} are those of all rows,"
            f" because they have fewer than {MIN_GROUP_ROWS} residuals: {listed}."
        )


def in_file(fitted: Fitted, file: str) -> Fitted:
    """Return a fit whose predictions are mapped from files, which they are written to."""
    assert fitted.out_of_fold is not None
    return replace(
        fitted,
        out_of_fold=(
            fitted.out_of_fold
            if place_of(fitted.out_of_fold)
            else in_own_file(fitted.out_of_fold, file)
        ),
        ends=tuple(
            (in_own_file(lower, f"{file}.lower{i}"), in_own_file(upper, f"{file}.upper{i}"))
            for i, (lower, upper) in enumerate(fitted.ends)
        ),
    )


def in_own_file(predictions: Array, file: str) -> Array:
    """Return predictions (n,) mapped from a file; CannotFit is raised if they do not go there."""
    try:
        return stored(predictions, file)
    except OSError as error:
        why = error.strerror or str(error)
        raise CannotFit(f"its predictions cannot be written to a file: {why} ({file})") from None


def for_its_kind(job: Job) -> Job:
    """Return the job with categories as texts for an ANN; linear kinds take codes."""
    return job if job.candidate.is_linear else replace(job, columns=spelt_out(job.columns))


def refit(framework: FrameworkModule, job: Job) -> Fitted:
    """Fit the model that may serve; `job` holds every labelled row."""
    start = perf_counter()
    drop_others(job)
    if job.candidate.is_linear:
        everything = np.ones(len(job.target), dtype=bool)
        with parts(1 if job.candidate.kind == "gradient_descent" else 4):
            with part_of_work("sums"):
                sums = refit_sums(framework, of_all_rows(job))
            part = fits_by(framework, job, sums, [everything])(everything, part="refit")
        fitted = _linear(part, None, part.details)
    else:
        fitted = refit_network(framework, for_its_kind(job))
    fitted = _with_half_life(_require_finite(fitted), job)
    return replace(fitted, seconds=perf_counter() - start)


def fits_by(
    framework: FrameworkModule, job: Job, sums: Sums, fits: Iterable[Mask]
) -> Callable[..., Part]:
    """Return what fits some rows (a mask) of the job of a linear kind, a `part` of it.

    They are to be among `fits`.
    """
    if job.candidate.is_segmented:
        return SegmentParts(framework, job, sums, fits).fit
    return partial(fit_linear, framework, job, sums=sums)


def rows_of_fits(job: Job) -> Iterator[Mask]:
    """Yield the rows (masks) of the folds that have the twin's half-life, and of the twin."""
    yield from _trained(job, _folds_like_twin(job))
    yield np.ones(len(job.target), dtype=bool)


def _validate_linear(framework: FrameworkModule, job: Job) -> Fitted:
    out_of_fold, passed = np.full(len(job.target), np.nan), job.passed
    fitted: dict[int, tuple[dict[str, Any], frozenset[str]]] = {}
    last = int(job.fold.max())
    others = _folds_by_half_life(job)
    with parts((5 + 3 * len(others)) * last):
        for half_life, numbers in others.items():
            weighed = replace(job, half_life=half_life, sums=None, segment_batches=())
            with part_of_work("sums", 3 * last), parts(2 * last):
                sums: Sums = FoldSums.read(framework, of_all_rows(weighed), numbers)
            fitted |= _fit_folds(framework, weighed, sums, numbers, out_of_fold)
        with part_of_work("sums", 3 * last), parts(2 * last):
            sums = fold_sums(framework, of_all_rows(job))
        everything = np.ones(len(job.target), dtype=bool)
        fit = fits_by(framework, job, sums, rows_of_fits(job))
        if passed is not None and passed.out_of_fold is not None:
            out_of_fold = passed.out_of_fold
            fitted |= {n: (own.details, _time_parts(own)) for n, own in passed.folds.items()}
        else:
            fitted |= _fit_folds(framework, job, sums, _folds_like_twin(job), out_of_fold, fit)
        with part_of_work("all folds", last):
            twin = fit(everything, part="twin")
    details = {f"fold {number}": fitted[number][0] for number in sorted(fitted)}
    without = _without_parts(twin, [entered for _, entered in fitted.values()])
    of_twin = _linear(twin, out_of_fold, {**details, "twin": twin.details})
    return replace(of_twin, fold_warnings=tuple(without))


def _without_parts(twin: Part, of_folds: Sequence[frozenset[str]]) -> Iterator[str]:
    """Yield what a user should know of parts of times that the twin has, and fits of folds not."""
    for name in sorted(_time_parts(twin)):
        if without := sum(name not in own for own in of_folds):
            yield (
                f"the fits of {without} of {len(of_folds)} folds do without {name}, of which their"
                " rows have seen too little; the model that serves has it"
            )


def _time_parts(part: Part) -> frozenset[str]:
    """Return the parts of times that enter a fit."""
    (member,) = part.model.members
    assert isinstance(member, LinearMember | SegmentedMember)
    return frozenset(member.encoding.time_of)


def _folds_by_half_life(job: Job) -> dict[float | None, set[int]]:
    """Return the folds that have another half-life than the twin, by that half-life."""
    found: dict[float | None, set[int]] = {}
    for number in range(1, int(job.fold.max()) + 1):
        half_life = job.of_fold(number).half_life
        if half_life != job.half_life:
            found.setdefault(half_life, set()).add(number)
    return found


def _folds_like_twin(job: Job) -> set[int]:
    """Return the folds that have the twin's half-life."""
    return set(range(1, int(job.fold.max()) + 1)).difference(*_folds_by_half_life(job).values())


def _trained(job: Job, numbers: Set[int]) -> Iterator[Mask]:
    """Yield the rows (a mask) that each of these folds trains on."""
    for number, train, _ in folds(job.fold, chained=job.chained, known=job.known):
        if number in numbers:
            yield train


def _fit_folds(
    framework: FrameworkModule,
    job: Job,
    sums: Sums,
    numbers: Set[int],
    out_of_fold: Array,
    fit: Callable[..., Part] | None = None,
) -> dict[int, tuple[dict[str, Any], frozenset[str]]]:
    """Fill in what is predicted (n,) for the rows of these folds.

    Return the details of each fit, and which parts of times entered.
    """
    fit = fit or fits_by(framework, job, sums, _trained(job, numbers))
    fitted = {}
    last = int(job.fold.max())
    for number, train, held in folds(job.fold, chained=job.chained, known=job.known):
        if number not in numbers:
            continue
        name = f"fold {number}"
        with part_of_work(f"{name} of {last}"):
            part = fit(train, part=name)
            chosen = Chosen(held)
            for block in blocks_of(len(chosen)):
                positions = chosen.positions(block)
                out_of_fold[positions] = part.model.predict(rows_of(job.columns, positions))
                release((*job.columns.values(), job.fold))
        fitted[number] = part.details, _time_parts(part)
    return fitted


def fitted_folds(framework: FrameworkModule, job: Job) -> dict[int, Part]:
    """Return the fit of each fold of the job of a linear kind, all with the twin's half-life."""
    numbers = _folds_like_twin(job)
    with parts(5 * len(numbers)):
        with part_of_work("sums", 3 * len(numbers)), parts(2 * len(numbers)):
            sums = fold_sums(framework, of_all_rows(job))
        fit = fits_by(framework, job, sums, _trained(job, numbers))
        fitted = {}
        for number, train, _ in folds(job.fold, chained=job.chained, known=job.known):
            with part_of_work(f"fold {number} of {len(numbers)}"):
                fitted[number] = fit(train, part=f"fold {number}")
    return fitted


def _linear(part: Part, out_of_fold: Array | None, details: dict[str, Any]) -> Fitted:
    return Fitted(
        part.model,
        out_of_fold,
        part.coefficients,
        details,
        part.warnings,
        solved=part.solved,
        descended=part.descended,
        complete_cases=part.complete_cases,
        segments=part.segments,
    )


def _require_finite(fitted: Fitted) -> Fitted:
    """Return the fit; raise CannotFit where a prediction or a weight is not finite."""
    predictions = fitted.out_of_fold
    if predictions is not None and np.isinf(predictions).any():
        raise CannotFit("its predictions are not finite")
    for member in fitted.model.members:
        if not all(np.isfinite(array).all() for array in member.arrays().values()):
            raise CannotFit("its weights are not finite: the training diverged")
    return fitted
