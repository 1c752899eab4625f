"""Where the time of the run went, step by step."""

from collections.abc import Iterator

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import nominal, numbered, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import MAX_CELL, MAX_NAME, distinct_labels, label

MAX_BARS = 30
WORKED, WAITED = "worked", "waited"
OPACITY = {WORKED: 1.0, WAITED: 0.7}
"""At 0.7, both colours are still 3 to 1 from the paper."""


def times(facts: RunFacts) -> Iterator[Chart]:
    """Yield the seconds that each step worked, and waited before it."""
    steps = [each for each in (facts.figures.steps if facts.figures else ())]
    if not steps:
        return
    names = distinct_labels([each.step for each in steps], MAX_NAME)
    values = [
        {"name": name, "x": seconds, "series": series, "order": place}
        for name, each in zip(names, steps, strict=True)
        for place, (series, seconds) in enumerate(((WAITED, each.waited), (WORKED, each.worked)))
    ][: 2 * MAX_BARS]
    longest = max(zip(names, steps, strict=True), key=lambda pair: pair[1].worked)
    run = facts.run
    total = (run.finished_at - run.started_at).total_seconds()
    yield Chart(
        name="times",
        title="Where the time went",
        spec={
            "height": {"step": 20},
            "data": {"values": values},
            "mark": {"type": "bar", "height": {"band": 0.7}},
            "encoding": {
                "y": {"field": "name", "type": "nominal", "sort": None, "title": None},
                "x": quantitative("seconds", field="x", zero=True, stack="zero"),
                "order": {"field": "order", "type": "quantitative"},
                "color": nominal("series", (WORKED, WAITED), {"title": None}),
                "opacity": nominal(
                    "series", (WORKED, WAITED), {"title": None}, range=[*OPACITY.values()]
                ),
                "tooltip": [
                    {"field": "name", "type": "nominal", "title": "step"},
                    {"field": "series", "type": "nominal", "title": "it"},
                    numbered("x", "seconds"),
                ],
            },
        },
        description=(
            f"The run took {total:,.0f} seconds. The longest step, {longest[0]}, worked"
            f" {longest[1].worked:,.1f} of them. Frameworks work side by side, so that the steps"
            " may add up to more."
        ),
        columns=("step", "waited (s)", "worked (s)"),
        rows=tuple(
            (label(each.step, MAX_CELL), f"{each.waited:,.1f}", f"{each.worked:,.1f}")
            for each in steps
        )[:MAX_TABLE_ROWS],
    )
