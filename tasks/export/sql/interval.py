"""How far intervals reach, in SQL; NULL where only nightfit itself can say it.

A prediction is needed for the scale of its row, so the interval is made in steps, each with columns
that the next one uses.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.export.sql.dialects import Dialect
from tasks.export.sql.expressions import Row, by_label, gap, joined, looked_up

LARGEST = 1.7976931348623157e308

SIDES = ("nightfit_down", "nightfit_up")
"""The columns of how far an interval reaches."""

Step = dict[str, str]
"""The expressions of columns, by their names."""


def reaches(
    row: Row,
    interval: Mapping[str, Any] | None,
    weight: str | None,
    more_of: Mapping[str, str] | None = None,
) -> Step:
    """Return the columns of the first step, where the parts of a row are.

    `nightfit_down` and `nightfit_up` are how far the interval of a row of scale 1 reaches,
    `nightfit_more` the square of what widens it, and `nightfit_log` the log of the scale, but for
    what the prediction adds. `weight` is that of the row, where its table has one. `more_of` are
    the columns of what a part whose value is unknown adds, where that differs between segments.
    """
    if interval is None:
        nothing = "CAST(NULL AS DOUBLE PRECISION)"
        return dict.fromkeys(SIDES, nothing)
    literal = row.dialect.literal
    ends = []
    for side in (0, 1):
        end = literal(interval["reaches"][0][side])
        if interval["groups"]:
            groups = {name: literal(own[0][side]) for name, own in interval["groups"].items()}
            end = looked_up(row.dialect, row.values[interval["by"]], groups, end, end)
        ends.append(end)
    if weight is not None and interval["mean_weight"] is not None:
        known = f"{weight} > {literal(0)} AND {weight} <= {literal(LARGEST)}"
        root = f"sqrt({literal(interval['mean_weight'])} / {weight})"
        ends = [f"{end} * CASE WHEN {known} THEN {root} ELSE {literal(1)} END" for end in ends]
    step = dict(zip(SIDES, ends, strict=True))
    more = _more(row, interval, more_of or {})
    if more is not None:
        step["nightfit_more"] = more
    if interval["scale"] is not None:
        step["nightfit_log"] = _log_scale(row, interval["scale"])
    return step


def scaled(dialect: Dialect, interval: Mapping[str, Any] | None) -> Iterator[Step]:
    """Yield the further steps, which all keep the prediction, `nightfit_predicted`."""
    if interval is None:
        return
    literal, scale = dialect.literal, interval["scale"]
    more = {"nightfit_more": "nightfit_more"} if interval["unknown"] else {}
    kept = {**{name: name for name in SIDES}, **more}
    if interval["by_prediction"] is not None:
        log = {"nightfit_log": "nightfit_log"} if scale is not None else {}
        curves = zip(SIDES, interval["by_prediction"][0], strict=True)
        sides = {name: _curve(dialect, "nightfit_predicted", curve) for name, curve in curves}
        yield {**kept, **log, **{name: f"{name} * {factor}" for name, factor in sides.items()}}
    if scale is not None:
        curve = _curve(dialect, "nightfit_predicted", scale["predicted"])
        yield {**kept, "nightfit_log": f"nightfit_log + {curve}"}
        low, high = (literal(scale[name]) for name in ("low", "high"))
        size = f"exp({_between('nightfit_log', low, high)})"
        factors = {name: f"{name} * {size}" for name in SIDES}
        yield {**kept, **factors}
    if more:
        yield {
            name: f"CASE WHEN nightfit_more IS NULL THEN NULL WHEN nightfit_more > {literal(0)}"
            f" THEN sqrt({name} * {name} + nightfit_more) ELSE {name} END"
            for name in SIDES
        }


def bounded(dialect: Dialect, interval: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the ends of the interval, from the columns of the last step."""
    ends = ("nightfit_predicted - nightfit_down", "nightfit_predicted + nightfit_up")
    if interval is None:
        return ends
    low, high = (
        None if interval[name] is None else dialect.literal(interval[name])
        for name in ("lowest", "highest")
    )
    below, above = (_between(end, low, high) for end in ends)
    return below, above


def _between(value: str, low: str | None, high: str | None) -> str:
    if low is None and high is None:
        return value
    below = "" if low is None else f" WHEN {value} < {low} THEN {low}"
    above = "" if high is None else f" WHEN {value} > {high} THEN {high}"
    return f"CASE{below}{above} ELSE {value} END"


def _log_scale(row: Row, scale: Mapping[str, Any]) -> str:
    literal = row.dialect.literal
    summands = [literal(scale["intercept"])]
    summands += [
        _curve(row.dialect, row.values[name], curve) for name, curve in scale["numbers"].items()
    ]
    for name, effects in scale["categories"].items():
        levels = {level: literal(effect) for level, effect in effects["levels"].items()}
        missing = literal(effects["missing"])
        summands.append(looked_up(row.dialect, row.values[name], levels, missing, literal(0)))
    return joined(summands, "+", literal(0))


def _curve(dialect: Dialect, value: str, curve: Mapping[str, Any]) -> str:
    """Return the height of a curve at a value."""
    literal = dialect.literal
    knots, heights = curve["knots"], curve["heights"]
    cases = [f"WHEN {value} IS NULL THEN {literal(curve['missing'])}"]
    cases += [f"WHEN {value} <= {literal(knots[0])} THEN {literal(heights[0])}"]
    for i in range(len(knots) - 1):
        slope = (heights[i + 1] - heights[i]) / (knots[i + 1] - knots[i])
        line = f"({value} - {literal(knots[i])}) * {literal(slope)} + {literal(heights[i])}"
        cases.append(f"WHEN {value} <= {literal(knots[i + 1])} THEN {line}")
    return f"CASE {' '.join(cases)} ELSE {literal(heights[-1])} END"


def _more(row: Row, interval: Mapping[str, Any], more_of: Mapping[str, str]) -> str | None:
    """Return the square of what widens an interval, NULL where only nightfit itself can say it."""
    if not interval["unknown"]:
        return None
    literal = row.dialect.literal
    unsaid, squares = [], []
    for part in interval["unknown"]:
        condition = unknown(row, part["part"], part["if_all"])
        if condition is None:
            continue
        if part["more"] is None:
            unsaid.append(f"({condition})")
        elif part["part"] in more_of or part["more"][0] != 0:
            more = more_of.get(part["part"])
            square = f"{more} * {more}" if more else literal(part["more"][0] ** 2)
            squares.append(f"CASE WHEN {condition} THEN {square} ELSE {literal(0)} END")
    total = joined(squares, "+", literal(0))
    return f"CASE WHEN {joined(unsaid, 'OR', '')} THEN NULL ELSE {total} END" if unsaid else total


def unknown(row: Row, name: str, conditions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return when no member knows the value of a part, None if that is never so."""
    value = row.values[name]
    found = []
    if all(condition["missing"] for condition in conditions):
        excepted = dict.fromkeys(_exceptions(row, conditions))
        found.append(joined([f"{value} IS NULL", *excepted], "AND", ""))
    if all(condition["texts"] is not None for condition in conditions):
        known = dict.fromkeys(text for condition in conditions for text in condition["texts"])
        listed = ", ".join(map(row.dialect.text, known))
        found.append(f"{value} NOT IN ({listed})" if known else f"{value} IS NOT NULL")
    return " OR ".join(found) or None


def _exceptions(row: Row, conditions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for condition in conditions:
        unless = condition.get("unless")
        if unless is None:
            continue
        if "all_missing" in unless:
            yield f"NOT ({gap(row, unless['all_missing'])})"
            continue
        category = unless["category"]
        marked = ["1" if i in unless["labels"] else "0" for i in range(len(category["labels"]))]
        own = by_label(row.dialect, row.values[category["name"]], category, marked, "0")
        yield f"{own} = 0"
