"""How the test error has gone from night to night, and when the champion changed."""

from collections.abc import Iterator

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import point_marks, quantitative, temporal
from tasks.report.facts import PastError, RunFacts
from tasks.report.labels import label, number

CHANGED = ("first champion", "promoted")
STAYED, NEW = "champion stayed", "new champion"


def history(facts: RunFacts) -> Iterator[Chart]:
    """Yield the history of the test error, once there are two nights of it."""
    nights = [night for night in facts.history if night.rmse is not None]
    if len(nights) < 2:
        return
    target = label(facts.target)
    promotions = [night for night in nights if night.change in CHANGED]
    first, last = nights[0], nights[-1]
    yield Chart(
        name="history",
        title="Test error from night to night",
        spec=_spec(nights, target),
        description=(
            f"The champion's test RMSE in {len(nights)} nights, from {number(first.rmse)} on"
            f" {first.night:%Y-%m-%d} to {number(last.rmse)} on {last.night:%Y-%m-%d}; another"
            f" model began to serve in {len(promotions)} of them. Bars are 95% intervals."
        ),
        columns=("run", "night", "champion", "change", "test RMSE", "from", "to"),
        rows=tuple(
            (
                night.run_id,
                f"{night.night:%Y-%m-%d %H:%M}",
                night.champion,
                night.change or "–",
                number(night.rmse),
                number(night.low),
                number(night.high),
            )
            for night in nights[-MAX_TABLE_ROWS:][::-1]
        ),
    )


def _spec(nights: list[PastError], target: str) -> dict[str, object]:
    values = [
        {
            "x": night.night.isoformat(),
            "y": night.rmse,
            "low": night.low,
            "high": night.high,
            "series": NEW if night.change in CHANGED else STAYED,
            "champion": night.champion,
        }
        for night in nights
    ]
    names = (STAYED, NEW)
    night = temporal("night (UTC)")
    tooltip = [
        {"field": "x", "type": "temporal", "title": "night", "format": "%Y-%m-%d %H:%M"},
        {"field": "champion", "type": "nominal"},
        {"field": "y", "type": "quantitative", "title": "test RMSE", "format": ".4~g"},
    ]
    return {
        "height": 240,
        "data": {"values": values},
        "encoding": {"x": night},
        "layer": [
            {
                "mark": {"type": "rule", "style": "interval", "opacity": 0.5},
                "encoding": {
                    "y": quantitative(f"test RMSE of {target}", field="low"),
                    "y2": {"field": "high"},
                },
            },
            {"mark": {"type": "line", "strokeWidth": 1.5}, "encoding": {"y": quantitative("")}},
            {
                "mark": {"type": "point", "size": 70, "opacity": 1},
                "encoding": {
                    "y": quantitative(""),
                    **point_marks(names),
                    "tooltip": tooltip,
                },
            },
        ],
    }
