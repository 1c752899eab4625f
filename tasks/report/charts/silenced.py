"""How the test error of the ANN grows as cells of its hidden layers are silenced."""

from collections.abc import Iterator
from typing import Any

from tasks.report.chart import MAX_TABLE_ROWS, Chart
from tasks.report.charts.series import numbered, quantitative, reference
from tasks.report.facts import RunFacts, test_score
from tasks.report.labels import finite, label, number, percent


def silenced(facts: RunFacts) -> Iterator[Chart]:
    """Yield the resilience of the run's ANN, if one was measured."""
    candidate = next((each for each in facts.run.candidates if each.resilience), None)
    if candidate is None:
        return
    shares = sorted(candidate.resilience, key=lambda each: each.share)
    errors = [finite(each.rmse) for each in shares]
    if len(shares) < 2 or None in errors:
        return
    target, linear = label(facts.target), _best_linear(facts)
    values = [
        {"x": each.share, "y": each.rmse, "low": each.rmse_low, "high": each.rmse_high}
        for each in shares
    ]
    beside = ""
    if linear is not None:
        beside = f" The dashed line is the best linear model's, {number(linear)}."
    yield Chart(
        name="silenced",
        title=f"Silenced cells of {candidate.name}",
        spec=_spec(values, target, linear),
        description=(
            f"Test RMSE of {candidate.name} as a share of its hidden cells is silenced: from"
            f" {number(shares[0].rmse)} with none to {number(shares[-1].rmse)} with"
            f" {percent(shares[-1].share)}. The band is the range of {shares[-1].draws} random"
            f" draws.{beside}"
        ),
        columns=("cells silenced", "test RMSE", "lowest", "highest", "draws"),
        rows=tuple(
            (
                percent(each.share),
                number(each.rmse),
                number(each.rmse_low),
                number(each.rmse_high),
                each.draws,
            )
            for each in shares
        )[:MAX_TABLE_ROWS],
    )


def _best_linear(facts: RunFacts) -> float | None:
    linear = (test_score(each.scores) for each in facts.ranking if each.kind != "ann")
    best = next(filter(None, linear), None)
    return finite(best.rmse) if best else None


def _spec(values: list[dict[str, Any]], target: str, linear: float | None) -> dict[str, Any]:
    across = quantitative("share of hidden cells silenced", field="x", axis={"format": ".0%"})
    title = f"test RMSE of {target}"
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "area", "style": "band"},
            "encoding": {"y": quantitative(title, field="low"), "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "opacity": 1, "point": {"size": 40}, "style": "first"},
            "encoding": {
                "y": quantitative(title),
                "tooltip": [numbered("x", "silenced"), numbered("y", "test RMSE")],
            },
        },
    ]
    if linear is not None:
        layers.append(reference(x={"value": 0}, x2={"value": "width"}, y={"datum": linear}))
    return {"height": 240, "data": {"values": values}, "encoding": {"x": across}, "layer": layers}
