"""The three tutorials of the article that nightfit began with, each in its own framework.

Each trains one neuron, y = weight * x + bias, on a few points, by plain gradient descent.
"""

from dataclasses import dataclass

import numpy as np

from regressors.arrays import Array
from regressors.frameworks.contract import FrameworkModule
from regressors.linear.neuron import NeuronFit, NeuronPlan

LEARNING_RATE = 0.01
"""That of the article, in all three."""


@dataclass(frozen=True)
class Lesson:
    """One tutorial: its points, x (n,) and y (n,), where the neuron starts, and for how long.

    `asked` is a value of x to predict, if the tutorial asks for one.
    """

    framework: str
    title: str
    story: str
    x: Array
    y: Array
    start: tuple[float, float]
    """Weight and bias before the first epoch."""
    epochs: int
    asked: float | None = None

    @property
    def inputs(self) -> Array:
        """Return the neuron's inputs (n, 2): x, and ones, whose weight is the bias."""
        return np.column_stack([self.x, np.ones(len(self.x))])

    @property
    def plan(self) -> NeuronPlan:
        """Return the article's recipe: plain gradient descent, to the last epoch."""
        return NeuronPlan(LEARNING_RATE, momentum=0.0, epochs=self.epochs, tolerance=0.0)

    @property
    def least_squares(self) -> tuple[float, float]:
        """Return the weight and the bias that the neuron should find, without rounding noise."""
        slope, intercept = np.polyfit(self.x, self.y, 1)
        return round(float(slope), 12), round(float(intercept), 12)


def learn(framework: FrameworkModule, lesson: Lesson) -> NeuronFit:
    """Train the neuron of a tutorial; runs in the framework's process."""
    return framework.descend(lesson.inputs, lesson.y, np.array(lesson.start), lesson.plan)


def lessons() -> tuple[Lesson, ...]:
    """Return the tutorials in the order of the article; their random points are always the same."""
    return _tensorflow(), _torch(), _theano()


def _tensorflow() -> Lesson:
    rng = np.random.default_rng(101)
    x = np.linspace(0, 5, 50) + rng.uniform(-0.4, 0.4, 50)
    y = 2 * x + 1 + rng.uniform(-0.4, 0.4, 50)
    weight, bias = rng.normal(size=2)
    return Lesson(
        "tensorflow",
        "TensorFlow: a slope and a bias from random points",
        "Fifty points are scattered about the line y = 2x + 1. The neuron begins with a random"
        " weight and a random bias, and comes nearer to the line with each epoch.",
        x,
        y,
        (float(weight), float(bias)),
        epochs=10_000,
    )


def _torch() -> Lesson:
    return Lesson(
        "torch",
        "PyTorch: twice four is eight",
        "Three points, (1, 2), (2, 4) and (3, 6), are all that the neuron sees. Then it is asked"
        " for the value at 4.",
        np.array([1.0, 2.0, 3.0]),
        np.array([2.0, 4.0, 6.0]),
        (0.5, 0.1),
        epochs=2_000,
        asked=4.0,
    )


def _theano() -> Lesson:
    rng = np.random.default_rng(42)
    x = np.linspace(0, 1, 101)
    return Lesson(
        "theano",
        "Theano: slope and intercept in ten thousand iterations",
        "A hundred and one points are scattered about the line y = 3x + 0.5, with more noise. The"
        " neuron begins at zero.",
        x,
        3 * x + 0.5 + rng.normal(size=101) * 0.33,
        (0.0, 0.0),
        epochs=10_000,
    )
