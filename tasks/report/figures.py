"""What is kept of a run for its pictures: a few thousand plain values, from which they are drawn.

The rows themselves are in snapshots, which are removed some day; a run can be drawn for ever.
"""

from dataclasses import dataclass, field

Numbers = tuple[float | None, ...]
"""Values to some six digits; None where there is none."""


@dataclass(frozen=True)
class DrawnModel:
    """A model that is drawn: the champion, and tonight's best of each kind.

    `predicted` are its predictions of the points, those of training rows out of fold; None for the
    rows it may have been trained with. `half_width` is that of its prediction interval.
    """

    name: str
    kind: str
    is_champion: bool = False
    half_width: float | None = None
    predicted: Numbers = ()


@dataclass(frozen=True)
class Points:
    """Some labelled rows, as columns of one length (n,): the same ones every night.

    Of the training rows and of the test rows at most 1,000 each: those with the smallest SHA-256 of
    dataset and key, and those with the smallest and the largest value of each column. `x` is the
    only feature, where it is a number; `time` is in milliseconds since 1970, or the number itself.
    `of_test` and `of_training` are how many rows there were.
    """

    actual: Numbers = ()
    is_test: tuple[bool, ...] = ()
    x: Numbers | None = None
    time: Numbers | None = None
    time_is_number: bool = False
    of_test: int = 0
    of_training: int = 0


@dataclass(frozen=True)
class Line:
    """The regression line of one numeric feature, `intercept + slope * x`, by least squares.

    `correlation` is Pearson's, over all `rows` with a target and a feature.
    """

    intercept: float
    slope: float
    correlation: float | None
    rows: int


@dataclass(frozen=True)
class Curve:
    """What a model predicts along one numeric feature, with the ends of its intervals."""

    model: str
    x: Numbers
    predicted: Numbers
    lower: Numbers
    upper: Numbers


@dataclass(frozen=True)
class Effect:
    """How predictions depend on one feature, the others staying as they are (partial dependence).

    `importance` is by how much the champion's RMSE on the test rows grows when the feature's values
    are shuffled among them. `values` are numbers, or levels as texts; `predicted` are the mean
    predictions at each, by model.
    """

    feature: str
    kind: str
    importance: float
    values: tuple[float | str | None, ...]
    predicted: dict[str, Numbers]


@dataclass(frozen=True)
class Residuals:
    """The residuals of a model over all its honest predictions: quantiles beside those of a normal.

    `sd` is in the target's units; `observed` are residuals divided by it.
    """

    model: str
    rows: int
    sd: float
    normal: Numbers
    observed: Numbers


@dataclass(frozen=True)
class Coverage:
    """What share of the test rows lies within `half_width` of the champion's predictions.

    `expected` is the share of out-of-fold predictions that do; `low` and `high` are the ends of
    Wilson's interval of 95%.
    """

    expected: float
    half_width: float
    share: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class StepSeconds:
    """How long one step of the run waited, and how long it worked."""

    step: str
    waited: float
    worked: float


@dataclass(frozen=True)
class RunFigures:
    """All that is kept of a run for its pictures; empty where a run has not come so far."""

    models: tuple[DrawnModel, ...] = ()
    points: Points = Points()
    line: Line | None = None
    curves: tuple[Curve, ...] = ()
    effects: tuple[Effect, ...] = ()
    residuals: tuple[Residuals, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    term_sd: dict[str, float] = field(default_factory=dict)
    """The standard deviation of each term of the linear equation, over a sample of rows."""
    steps: tuple[StepSeconds, ...] = ()
