"""All candidates of a run with their errors, best first."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from tasks.report.chart import MAX_TABLE_ROWS, CellValue, Chart
from tasks.report.charts.series import point_marks, quantitative
from tasks.report.facts import RunFacts
from tasks.report.labels import finite, label, number

ROWS = {"validation": "out of fold (chooses the winner)", "test": "test rows"}
Z = 1.96
"""Standard errors that an interval of 95% reaches to each side."""


def leaderboard(facts: RunFacts) -> Iterator[Chart]:
    """Yield the candidates' errors out of fold and on the test rows, with intervals of 95%."""
    values, rows = [], []
    for candidate in facts.ranking:
        scores = {score.rows: score for score in candidate.scores}
        for kind, series in ROWS.items():
            score = scores.get(kind)
            if score is None or finite(score.rmse) is None:
                continue
            low, high = score.rmse_low, score.rmse_high
            if low is None and score.rmse_se is not None:
                low, high = score.rmse - Z * score.rmse_se, score.rmse + Z * score.rmse_se
            ends = {"low": finite(low), "high": finite(high)}
            own = {"name": candidate.name, "x": score.rmse, "series": series, **ends}
            values.append({**own, "reason": label(candidate.reason or "", 120)})
        errors = [scores[kind].rmse if kind in scores else None for kind in ROWS]
        outcome = "chosen" if candidate.chosen else candidate.status
        rank = candidate.rank if candidate.rank is not None else "–"
        shown = (rank, candidate.name, outcome, *map(number, errors), candidate.reason or "")
        rows.append(shown)
    if not values:
        return
    naive = _naive(facts)
    failed = [each.name for each in facts.ranking if each.status == "failed"]
    ranked = len({value["name"] for value in values})
    yield Chart(
        name="leaderboard",
        title="Leaderboard",
        spec=_spec(values, label(facts.target)),
        description=(
            f"{ranked} candidates by their RMSE, the best first: {values[0]['name']} with"
            f" {number(finite(values[0]['x']))} {values[0]['series']}. Bars are 95% intervals."
            + (f" Failed: {', '.join(failed)}." if failed else "")
            + (
                " The last rows of the table are naive predictions: what a model has to beat."
                if naive
                else ""
            )
        ),
        columns=("rank", "candidate", "outcome", "RMSE out of fold", "test RMSE", "reason"),
        rows=(*rows[: MAX_TABLE_ROWS - len(naive)], *naive),
    )


def _naive(facts: RunFacts) -> list[tuple[CellValue, ...]]:
    """Return the naive predictions as rows of the table: they are neither ranked nor chosen."""
    errors: dict[str, dict[str, float]] = {}
    for each in facts.run.naive:
        errors.setdefault(each.name, {})[each.rows] = each.rmse
    ordered = sorted(errors, key=lambda name: errors[name].get("test", inf))
    reason = "what a model has to beat"
    return [
        ("–", f"naive: {name}", "–", *(number(errors[name].get(kind)) for kind in ROWS), reason)
        for name in ordered
    ]


def _spec(values: Sequence[Mapping[str, object]], target: str) -> dict[str, object]:
    names = tuple(ROWS.values())
    offset = {"field": "series", "sort": None}
    return {
        "height": {"step": 17},
        "data": {"values": values},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None},
            "yOffset": offset,
            "tooltip": [
                {"field": "name", "type": "nominal", "title": "candidate"},
                {"field": "series", "type": "nominal", "title": "rows"},
                {"field": "x", "type": "quantitative", "title": "RMSE", "format": ".4~g"},
                {"field": "reason", "type": "nominal"},
            ],
        },
        "layer": [
            {
                "mark": {"type": "rule", "style": "interval"},
                "encoding": {
                    "x": quantitative(f"RMSE of {target}", field="low"),
                    "x2": {"field": "high"},
                    "color": point_marks(names)["color"],
                },
            },
            {
                "mark": {"type": "point", "size": 70, "opacity": 1},
                "encoding": {"x": quantitative("", field="x"), **point_marks(names)},
            },
        ],
    }
