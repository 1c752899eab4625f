"""How far an interval reaches, in SQL; NULL where only nightfit itself can say it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.export.sql.expressions import Row, by_label, gap, joined

LARGEST = 1.7976931348623157e308


def reach(row: Row, interval: Mapping[str, Any] | None, weight: str | None) -> str:
    """Return the expression; `weight` is that of the row's weight, where its table has one."""
    if interval is None:
        return "CAST(NULL AS DOUBLE PRECISION)"
    literal = row.dialect.literal
    width = literal(interval["half_width"])
    if weight is not None and interval["mean_weight"] is not None:
        known = f"{weight} > {literal(0)} AND {weight} <= {literal(LARGEST)}"
        root = f"sqrt({literal(interval['mean_weight'])} / {weight})"
        width = f"CASE WHEN {known} THEN {width} * {root} ELSE {width} END"
    unsaid, wider = [], {}
    for part in interval["unknown"]:
        condition = unknown(row, part["part"], part["if_all"])
        if condition is None or part["more"] == 0:
            continue
        if part["more"] is None:
            unsaid.append(f"({condition})")
        else:
            wider[f"({condition})"] = part["more"]
    if wider:
        squares = (
            f"CASE WHEN {condition} THEN {literal(more * more)} ELSE {literal(0)} END"
            for condition, more in wider.items()
        )
        total = joined([f"({width}) * ({width})", *squares], "+", "")
        width = f"CASE WHEN {joined(wider, 'OR', '')} THEN sqrt({total}) ELSE {width} END"
    if unsaid:
        width = f"CASE WHEN {joined(unsaid, 'OR', '')} THEN NULL ELSE {width} END"
    return width


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
