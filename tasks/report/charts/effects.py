"""Which features predictions depend on, and how."""

from collections.abc import Iterator
from typing import Any

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import (
    feature_axis,
    line_marks,
    numbered,
    point_marks,
    quantitative,
    temporal,
)
from tasks.report.facts import RunFacts
from tasks.report.labels import (
    MAX_CELL,
    MAX_NAME,
    distinct_labels,
    label,
    moment,
    number,
    of_feature,
)
from tasks.report.run_figures import Effect, RunFigures

MAX_BARS = 15


def importance(facts: RunFacts) -> Iterator[Chart]:
    """Yield how far predictions move when each feature is shuffled."""
    figures = facts.figures
    if figures is None or len(figures.importance) < 2:
        return
    features = [each.feature for each in figures.importance]
    names, full = distinct_labels(features, MAX_NAME), distinct_labels(features, MAX_CELL)
    moves = [each.moves for each in figures.importance]
    target = label(facts.target)
    values = [{"name": n, "x": m} for n, m in zip(names, moves, strict=True)][:MAX_BARS]
    title = f"RMS change of the predicted {target}"
    yield Chart(
        name="importance",
        title="Which features the predictions depend on",
        spec={
            "height": {"step": 22},
            "data": {"values": values},
            "mark": {"type": "bar", "height": {"band": 0.7}},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": None, "title": None},
                "x": quantitative(title, field="x", zero=True),
                "tooltip": [
                    {"field": "name", "type": "nominal", "title": "feature"},
                    numbered("x", title),
                ],
            },
        },
        description=(
            f"How far the predictions of {figures.models[0].name} move when the values of one"
            f" feature are shuffled among the rows: most by {full[0]} ({number(moves[0])} in the"
            f" units of {target}), then by {full[1]} ({number(moves[1])})."
        ),
        columns=("feature", f"RMS change of {target}"),
        rows=tuple(zip(full, map(number, moves), strict=True))[:MAX_TABLE_ROWS],
    )


def effects(facts: RunFacts) -> Iterator[Chart]:
    """Yield the effect of each of the most important features, on one common scale."""
    figures = facts.figures
    if figures is None:
        return
    every = [
        value
        for effect in figures.effects
        for of_model in effect.predicted.values()
        for value in of_model
        if value is not None
    ]
    if not every or max(every) - min(every) <= 0:
        return
    domain = [min(every), max(every)]
    for place, effect in enumerate(figures.effects, start=1):
        yield _chart(facts, figures, effect, place, domain)


def _chart(
    facts: RunFacts, figures: RunFigures, effect: Effect, place: int, domain: list[float]
) -> Chart:
    feature, target = label(effect.feature), label(facts.target)
    names, main = list(effect.predicted), figures.models[0].name
    shown = _shown(effect)
    values = [
        {"x": at, "y": value, "series": name}
        for name, predictions in effect.predicted.items()
        for at, value in zip(shown, predictions, strict=True)
    ]
    ends = [value for value in effect.predicted[main] if value is not None]
    is_time = effect.kind == "time"
    words = [moment(at) for at in effect.values] if is_time else of_feature(shown)
    low, high = min(ends), max(ends)
    at_high = words[effect.predicted[main].index(high)]
    at_low = words[effect.predicted[main].index(low)]
    return Chart(
        name=f"effect-{place}",
        title=f"Effect of {feature}",
        spec=_spec(effect, values, names, words, target, domain),
        description=(
            f"The mean prediction of {target} as {feature} changes and all else stays as it is: by"
            f" {main} from {number(low)} at {at_low} to {number(high)} at {at_high}."
        ),
        columns=(feature, *names),
        rows=tuple(
            (word, *(number(of_model[row]) for of_model in effect.predicted.values()))
            for row, word in enumerate(words)
        )[:MAX_TABLE_ROWS],
    )


def _shown(effect: Effect) -> list[Any]:
    if effect.kind in ("category", "boolean"):
        return distinct_labels([str(value) for value in effect.values], MAX_NAME)
    return list(effect.values)


def _spec(
    effect: Effect,
    values: list[dict[str, Any]],
    names: list[str],
    words: list[str],
    target: str,
    domain: list[float],
) -> dict[str, Any]:
    feature = label(effect.feature)
    scale = {"domain": domain, "zero": False, "nice": True}
    up = {"field": "y", "type": "quantitative", "title": f"mean predicted {target}", "scale": scale}
    tip = {"tooltip": [{"field": "series", "type": "nominal"}, numbered("y", "predicted")]}
    if effect.kind in ("category", "boolean"):
        return {
            "height": {"step": 26},
            "data": {"values": values},
            "mark": {"type": "point", "size": 80, "opacity": 1},
            "encoding": {
                "y": {"field": "x", "type": "nominal", "title": feature, "sort": None},
                "x": up,
                **point_marks(names),
                **tip,
            },
        }
    across = temporal(feature) if effect.kind == "time" else feature_axis(feature, effect.values)
    return {
        "height": 240,
        "data": {"values": values},
        "mark": {"type": "line", "opacity": 1, "point": {"size": 14}},
        "encoding": {"x": across, "y": up, **line_marks(names), **tip},
    }
