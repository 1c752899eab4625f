"""The page of the three tutorials."""

from collections.abc import Iterator, Mapping

from regressors.linear.neuron import NeuronFit
from tasks.report.labels import number
from tasks.report.page import drawn_charts
from tasks.report.rendering import page
from tasks.report.script import VegaScript
from tasks.tutorial.charts import equation, pictures
from tasks.tutorial.lessons import LEARNING_RATE, Lesson


def tutorial_page(learnt: Mapping[str, tuple[Lesson, NeuronFit]], script: VegaScript | None) -> str:
    """Return the page of the tutorials, by their frameworks, as one file of HTML."""
    charts = [chart for lesson, fit in learnt.values() for chart in pictures(lesson, fit)]
    drawn = {each.chart.name: each for each in drawn_charts(charts, wide=())}
    return page(
        "tutorial.html.j2",
        script=script,
        learning_rate=LEARNING_RATE,
        lessons=[
            {
                "title": lesson.title,
                "story": lesson.story,
                "result": " ".join(result(lesson, fit)),
                "charts": [
                    each for name, each in drawn.items() if name.startswith(f"{framework}-")
                ],
            }
            for framework, (lesson, fit) in learnt.items()
        ],
    )


def result(lesson: Lesson, fit: NeuronFit) -> Iterator[str]:
    """Yield what a tutorial came to, in sentences."""
    weight, bias = (float(value) for value in fit.weights)
    yield f"After {len(fit.losses) - 1:,} epochs: {equation(weight, bias)}."
    yield f"Least squares: {equation(*lesson.least_squares)}."
    if lesson.asked is not None:
        yield f"At {number(lesson.asked)} it predicts {number(weight * lesson.asked + bias)}."
