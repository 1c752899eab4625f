"""How the losses fell while the candidates learnt, by framework."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from data.store.records import CandidateRecord
from regressors.job import MAX_CURVE_POINTS
from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import line_marks, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import finite, number

WIDTHS = (6.0, 3.5, 1.6)
"""Of the lines, so that all can be seen where they lie on each other: frameworks mostly agree."""
MAX_POINTS = 60
"""Of one line."""
LEAST = 1e-12
"""A loss that a logarithmic axis still shows."""

Line = list[tuple[int, float]]
"""Epochs and losses."""


def learning(facts: RunFacts) -> Iterator[Chart]:
    """Yield the learning curves of the ANNs, and those of gradient descent."""
    networks = {c.name: _of_network(c) for c in facts.ranking if c.kind == "ann"}
    yield from _chart(
        networks,
        name="learning",
        title="How the ANNs learnt",
        what="The mean loss of held-out rows over the folds, until the first of them stops,",
        axis="mean squared error / variance of the target",
    )
    descents = {c.name: _of_descent(c) for c in facts.ranking if c.kind == "gradient_descent"}
    yield from _chart(
        descents,
        name="learning-descent",
        title="How gradient descent learnt",
        what="The loss of the training rows, epoch by epoch,",
        axis="mean squared error / variance of the target",
    )


def _of_network(candidate: CandidateRecord) -> Line:
    """Return the mean held-out loss of the folds by epoch, 0 being the start."""
    curves = []
    for fold in _mappings(candidate.details.get("folds")):
        losses = [finite(loss) for loss in _list(fold.get("validation_loss"))]
        if losses and None not in losses:
            planned = _mappings([candidate.details.get("plan")])
            epochs = planned[0].get("epochs") if planned else None
            curves.append(_at_epochs(losses, epochs))
    by_epoch: dict[int, list[float]] = {}
    for curve in curves:
        for epoch, loss in curve:
            by_epoch.setdefault(epoch, []).append(loss)
    # A mean of other folds than before would jump.
    whole = [(epoch, losses) for epoch, losses in sorted(by_epoch.items())]
    most = max((len(losses) for _, losses in whole), default=0)
    return [(epoch, sum(losses) / most) for epoch, losses in whole if len(losses) == most]


def _of_descent(candidate: CandidateRecord) -> Line:
    twin = candidate.details.get("twin")
    if not isinstance(twin, Mapping):
        return []
    losses = [finite(loss) for loss in _list(twin.get("loss"))]
    return [] if None in losses else _at_epochs(losses, twin.get("epochs"))


def _at_epochs(losses: Sequence[Any], epochs: object) -> Line:
    """Return each of the losses that are kept with its epoch; `epochs` is that of the last one."""
    last = len(losses) - 1
    if len(losses) == MAX_CURVE_POINTS and isinstance(epochs, int) and epochs > last:
        places = np.unique(np.linspace(0, epochs, MAX_CURVE_POINTS).astype(int)).tolist()
        if len(places) == len(losses):
            return list(zip(places, losses, strict=True))
    return list(enumerate(losses))


def _chart(
    lines: Mapping[str, Line], *, name: str, title: str, what: str, axis: str
) -> Iterator[Chart]:
    lines = {candidate: _thinned(line) for candidate, line in lines.items() if len(line) > 1}
    if not lines:
        return
    names = [candidate.partition("/")[0] for candidate in lines]
    drawn = dict(zip(names, lines.values(), strict=True))
    first, ends = next(iter(drawn.values())), [line[-1][1] for line in drawn.values()]
    ending = number(ends[0])
    if len(ends) > 1:
        ending += f" ({names[0]}), " + ", ".join(
            f"{number(end)} ({framework})"
            for framework, end in zip(names[1:], ends[1:], strict=True)
        )
    tables = [dict(line) for line in drawn.values()]
    epochs = sorted({epoch for line in tables for epoch in line})
    step = max(-(-len(epochs) // MAX_TABLE_ROWS), 1)
    yield Chart(
        name=name,
        title=title,
        spec={"height": 280, "layer": _layers(drawn, axis)},
        description=(
            f"{what} by {', '.join(names)}: from {number(first[0][1])} to {ending}. Lines that lie"
            " on each other are drawn in different widths."
        ),
        columns=("epoch", *names),
        rows=tuple(
            (epoch, *(number(line.get(epoch)) for line in tables)) for epoch in epochs[::step]
        ),
    )


def _layers(drawn: Mapping[str, Line], axis: str) -> list[dict[str, Any]]:
    """Return one layer per framework, the first line being the widest."""
    names = list(drawn)
    widths = WIDTHS if len(names) > 1 else (2.5,)
    return [
        {
            "data": {
                "values": [
                    {"x": epoch, "y": max(loss, LEAST), "series": framework} for epoch, loss in line
                ]
            },
            "mark": {
                "type": "line",
                "opacity": 1,
                "strokeWidth": widths[min(place, len(widths) - 1)],
            },
            "encoding": {
                "x": quantitative("epoch", field="x", zero=True, axis={"tickMinStep": 1}),
                "y": quantitative(axis, scale={"type": "log", "nice": False}),
                **line_marks(names),
            },
        }
        for place, (framework, line) in enumerate(drawn.items())
    ]


def _thinned(line: Line) -> Line:
    if len(line) <= MAX_POINTS:
        return line
    places = np.unique(np.linspace(0, len(line) - 1, MAX_POINTS).astype(int)).tolist()
    return [line[place] for place in places]


def _mappings(values: object) -> list[Mapping[str, Any]]:
    return [value for value in _list(values) if isinstance(value, Mapping)]


def _list(values: object) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else []
