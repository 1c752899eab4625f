"""The figures of a run that trained something: few values of its rows, fits and predictions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from data.errors import DamagedModel
from regressors.arrays import Array, Indices
from regressors.candidate import Candidate
from regressors.encoding.columns import CannotEncode
from regressors.job import Fitted
from regressors.judging.scoring import coverage_of
from regressors.model import Model
from regressors.progress import reporting_to
from tasks.report import effects as of_features
from tasks.report.errors import PredictedRows, coverage_figures, residual_figures
from tasks.report.points import drawn_rows, edges_of
from tasks.report.run_figures import (
    Coverage,
    Curve,
    DrawnModel,
    Effect,
    Importance,
    Line,
    Points,
    RunFigures,
    rounded,
)
from tasks.run.attempt import Trained
from tasks.run.loading import loaded
from tasks.run.prepared import Prepared
from tasks.run.rows import Rows
from tasks.run.segment_summary import segment_figures

Result = TypeVar("Result")


def run_figures(trained: Trained) -> RunFigures:
    """Return what is kept of a run for its pictures."""
    with reporting_to(lambda *_: None):
        return _Drawing(trained).figures()


@dataclass(frozen=True)
class _Drawn:
    """A model that is drawn, with its predictions of the training rows (n,) and test rows (m,).

    Those of the training rows are out of fold; NaN where there is none, None if there are none.
    `ends` are those of the intervals of the test rows. `model` is what would serve, with its
    intervals.
    """

    name: str
    kind: str
    model: Model
    train: Array | None
    test: Array
    ends: tuple[Array, Array]
    is_champion: bool = False


class _Drawing:
    def __init__(self, trained: Trained) -> None:
        self.trained, self.choice = trained, trained.choice
        self.prepared: Prepared = trained.prepared
        self.feature = self._single_number()

    def figures(self) -> RunFigures:
        """Return the figures."""
        prepared = self.prepared
        drawn = [*self._drawn()]
        main = drawn[0]
        reported = next(each for each in drawn if each.name == str(self.choice.reported))
        chosen = {
            part: self._chosen(rows, predicted)
            for part, rows, predicted in (
                ("test", prepared.test, reported.test),
                ("train", prepared.train, reported.train),
            )
        }
        test, train = prepared.test.take(chosen["test"]), prepared.train.take(chosen["train"])
        sample = self._sample(drawn, test, train)
        line: Line | None = None
        curves: tuple[Curve, ...] = ()
        importance: tuple[Importance, ...] = ()
        effects: tuple[Effect, ...] = ()
        models = {each.name: each.model for each in drawn}
        if self.feature is not None:
            x, target = self._x(prepared.labelled), prepared.labelled.target
            line = self._line(x, target)
            curves = self._far(of_features.curves, models, self.feature, x)
        else:
            importance, effects = self._effects(drawn, sample)
        return RunFigures(
            models=tuple(
                DrawnModel(
                    each.name,
                    each.kind,
                    each.is_champion,
                    _half_width(each.model),
                    rounded(_of_points(each, chosen)),
                    self._inside(each, test, chosen) if each is main else None,
                )
                for each in drawn
            ),
            points=self._points(test, train),
            line=line,
            curves=curves,
            importance=importance,
            effects=effects,
            residuals=self._far(residual_figures, main.name, self._predicted(main)),
            covered_by=reported.name,
            coverage=self._coverage(reported),
            term_scale=self._term_scale(sample),
            segments=segment_figures(
                self.trained.routing,
                self.choice.champion,
                waits=self.choice.is_without_predictions,
            )
            if self.trained.routing
            else None,
        )

    def _drawn(self) -> Iterator[_Drawn]:
        """Yield the champion, the winner, and the best of each kind, each once."""
        choice = self.choice
        incumbent = self._incumbent()
        if incumbent is not None:
            yield incumbent
        candidates = (choice.reported, choice.winner, choice.best_ann, choice.best_linear)
        for candidate in dict.fromkeys(filter(None, candidates)):
            if isinstance(self.trained.fits[candidate], Fitted):
                yield self._candidate(candidate)

    def _candidate(self, candidate: Candidate) -> _Drawn:
        fit, rolled = self.trained.fits[candidate], self.trained.rolled[candidate]
        assert isinstance(fit, Fitted) and fit.out_of_fold is not None
        model = self.trained.served(candidate) or fit.model
        return _Drawn(
            str(candidate),
            candidate.kind,
            model,
            fit.out_of_fold,
            rolled.predicted,
            (rolled.lower, rolled.upper),
            is_champion=candidate == self.choice.promoted,
        )

    def _incumbent(self) -> _Drawn | None:
        """Return the champion of before, if it stays and can predict tonight's rows."""
        incumbent = self.choice.incumbent
        if self.choice.promoted or incumbent is None or not incumbent.is_comparable:
            return None
        try:
            model = loaded(incumbent.serving, "artifact")
        except DamagedModel:
            return None  # which the summary says
        return _Drawn(
            incumbent.serving.name_and_run,
            incumbent.serving.kind,
            model,
            None,
            self.prepared.test.stored(np.where(incumbent.compared, incumbent.predicted, np.nan)),
            incumbent.interval,
            is_champion=True,
        )

    def _single_number(self) -> str | None:
        """Return the only feature, if there is but one and it is a number."""
        checked = self.prepared.checked
        kinds = {column.name: column.kind for column in checked.columns}
        names = checked.features
        return names[0] if len(names) == 1 and kinds.get(names[0]) == "number" else None

    def _x(self, rows: Rows) -> Array:
        assert self.feature is not None
        columns = self.prepared.source.columns_of(rows, [self.feature])
        return np.asarray(columns[self.feature], dtype=float)

    def _far(self, function: Callable[..., Result], *args: Any) -> Result:
        """Return what a function makes of values of all rows, made where these are."""
        (value,) = self.prepared.source.do("drawing", [(function, args)])
        return value  # type: ignore[no-any-return]

    def _chosen(self, rows: Rows, predicted: Array | None) -> Indices:
        """Return which rows are drawn; those at the edges of what is drawn are among them."""
        dataset, do = self.prepared.declaration.name, self.prepared.source.do
        x = None if self.feature is None else self._x(rows)
        edges = self._far(_edges, PredictedRows(rows.target, None, predicted), x)
        return drawn_rows(dataset, rows.keys, edges, do=do)

    def _points(self, test: Rows, train: Rows) -> Points:
        times = [rows.instants for rows in (test, train)]
        time, is_number = None, False
        if times[0] is not None and times[1] is not None:
            is_number = test.time is None or test.time.dtype.kind != "M"
            both = np.concatenate([times[0], times[1]])
            time = rounded(both) if is_number else _milliseconds(both)
        x = None if self.feature is None else np.concatenate([self._x(test), self._x(train)])
        return Points(
            actual=rounded(np.concatenate([test.target, train.target])),
            tests=len(test.keys),
            x=None if x is None else rounded(x),
            time=time,
            time_is_number=is_number,
            of_test=len(self.prepared.test.keys),
            of_training=len(self.prepared.train.keys),
        )

    def _predicted(self, drawn: _Drawn) -> tuple[PredictedRows, PredictedRows]:
        """Return the training rows, predicted out of fold, and the test rows."""
        train, test = self.prepared.train, self.prepared.test
        return (
            PredictedRows(train.target, train.weight, drawn.train),
            PredictedRows(test.target, test.weight, drawn.test),
        )

    def _coverage(self, reported: _Drawn) -> tuple[Coverage, ...]:
        """Return how many test rows are in the intervals of the candidate that is reported on."""
        candidate = self.choice.reported
        fit, rolled = self.trained.fits[candidate], self.trained.rolled[candidate]
        assert isinstance(fit, Fitted)
        train, test = self._predicted(reported)
        return self._far(
            coverage_figures,
            replace(train, ends=fit.ends),
            replace(test, ends=rolled.ends),
            self.prepared.declaration.interval.levels,
            fit.model.intervals is not None,
        )

    def _inside(self, drawn: _Drawn, test: Rows, chosen: dict[str, Indices]) -> float | None:
        """Return what share of the drawn test rows is inside the intervals of a model."""
        lower, upper = (end[chosen["test"]] for end in drawn.ends)
        return coverage_of(test.target, (lower, upper))

    def _sample(self, drawn: Sequence[_Drawn], test: Rows, train: Rows) -> dict[str, Array]:
        """Return the features of all that is drawn, of the points in a fixed random order."""
        names = list(dict.fromkeys(name for each in drawn for name in each.model.features))
        parts = [self.prepared.source.columns_of(rows, names) for rows in (test, train)]
        order = np.random.default_rng(0).permutation(len(test.keys) + len(train.keys))
        present = [name for name in names if all(name in part for part in parts)]
        return {
            name: np.concatenate([np.asarray(part[name]) for part in parts])[order]
            for name in present
        }

    def _line(self, x: Array, target: Array) -> Line | None:
        assert self.feature is not None
        refit = self._least_squares()
        if refit is None:
            return None
        return self._far(of_features.line_of, refit.coefficients, self.feature, x, target)

    def _least_squares(self) -> Fitted | None:
        fits = self.trained.refits.items()
        solved = (fit for candidate, fit in fits if candidate.kind == "least_squares")
        return next((fit for fit in solved if isinstance(fit, Fitted)), None)

    def _effects(
        self, drawn: Sequence[_Drawn], sample: dict[str, Array]
    ) -> tuple[tuple[Importance, ...], tuple[Effect, ...]]:
        """Return the importance of features to the main model, and their effects in it and another.

        The other is the best of the other kind: what an ANN has learnt beside a linear model.
        """
        main = drawn[0]
        other = [each for each in drawn if (each.kind == "ann") != (main.kind == "ann")][:1]
        try:
            ranked = of_features.importance(main.model, sample)
            names = [each.feature for each in ranked if each.moves > 0]
            models = {each.name: each.model for each in (main, *other)}
            return ranked[: of_features.MAX_SHUFFLED], of_features.effects(models, sample, names)
        except CannotEncode:  # a champion of before, to which tonight's columns are new
            return (), ()

    def _term_scale(self, sample: dict[str, Array]) -> dict[str, float]:
        refit = self._least_squares()
        if refit is None or not set(refit.model.features) <= set(sample):
            return {}
        return of_features.term_scale(refit.model, sample)


def _edges(rows: PredictedRows, x: Array | None) -> list[int]:
    """Return the rows at the edges of what is drawn: targets, errors and the only feature."""
    return edges_of([rows.target, rows.plain_errors(), *([] if x is None else [x])])


def _of_points(drawn: _Drawn, chosen: dict[str, Indices]) -> Array:
    """Return a model's predictions of the points, those of test rows first."""
    train = np.full(len(chosen["train"]), np.nan)
    if drawn.train is not None:
        train = drawn.train[chosen["train"]]
    return np.concatenate([drawn.test[chosen["test"]], train])


def _half_width(model: Model) -> float | None:
    """Return how far the widest intervals reach to each side, None where that differs by row."""
    intervals = model.intervals
    if intervals is None or intervals.differ_by_row:
        return None
    return intervals.reaches[0][0]


def _milliseconds(instants: Array) -> tuple[float | None, ...]:
    """Return microseconds since 1970 (n,) as whole milliseconds."""
    return tuple(int(each // 1000) if np.isfinite(each) else None for each in instants.tolist())
