"""How the test error has gone from night to night, and when the champion changed."""

from collections.abc import Iterator

from data.checks.findings import counted
from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import point_marks, quantitative, temporal
from tasks.report.facts import PastError, RunFacts
from tasks.report.labels import label, number

STAYED, NEW = "same champion, or a newer fit of it", "another champion"


def history(facts: RunFacts) -> Iterator[Chart]:
    """Yield the history of the test error, once there are two nights of it."""
    nights = [night for night in facts.history if night.rmse is not None]
    if len(nights) < 2:
        return
    target = label(facts.target)
    changed, (first, *_, last) = _changed(nights), nights
    times = counted(sum(changed), "time") if any(changed) else "never"
    yield Chart(
        name="history",
        title="Test error from night to night",
        spec=_spec(nights, changed, target),
        description=(
            f"The champion's test RMSE in {len(nights)} nights: {number(first.rmse)} on"
            f" {first.night:%Y-%m-%d}, {number(last.rmse)} on {last.night:%Y-%m-%d}. Another"
            f" champion began to serve {times}. Bars are 95% intervals."
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


def _changed(nights: list[PastError]) -> list[bool]:
    """Return whether another candidate serves after each night; a newer fit of one is no other."""
    before = [None, *(night.champion for night in nights)]
    return [
        night.change == "first champion" if earlier is None else night.champion != earlier
        for night, earlier in zip(nights, before, strict=False)
    ]


def _spec(nights: list[PastError], changed: list[bool], target: str) -> dict[str, object]:
    values = [
        {
            "x": night.night.isoformat(),
            "y": night.rmse,
            "low": night.low,
            "high": night.high,
            "series": NEW if is_other else STAYED,
            "champion": night.champion,
        }
        for night, is_other in zip(nights, changed, strict=True)
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
