"""Expressions of SQL: sums that are not too deep, lookups, and the parts of a row."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from tasks.export.sql.dialects import DAY, HOUR, Dialect

CHAIN = 100
"""So many operands of a sum stand side by side; SQLite's expressions are 1,000 deep at most."""

WEEKDAYS = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")
"""Of the days since 1970, modulo 7."""

TRUE, FALSE = ("true", "t", "1", "1.0"), ("false", "f", "0", "0.0")
"""How the databases write a boolean as text."""


def joined(operands: Iterable[str], operator: str, empty: str) -> str:
    """Return operands joined by an associative operator, in the order of their addition."""
    parts = list(operands)
    while len(parts) > CHAIN:
        chains = (parts[at : at + CHAIN] for at in range(0, len(parts), CHAIN))
        parts = [f"({f' {operator} '.join(chain)})" for chain in chains]
    return f" {operator} ".join(parts) if parts else empty


class Row:
    """The values of a row, by the names of its columns and of the parts of its times.

    Each is an expression: a double, a text, or a text for a boolean; NULL where it is missing.
    """

    def __init__(
        self, dialect: Dialect, description: Mapping[str, Any], columns: Mapping[str, str]
    ) -> None:
        self.dialect = dialect
        self.columns = columns
        types = {column["name"]: column["type"] for column in description["columns"]}
        blank_is_level = has_blank_level(description)
        self.values: dict[str, str] = {}
        for name, of_type in types.items():
            if of_type == "number":
                self.values[name] = dialect.number(columns[name])
            elif of_type == "boolean":
                self.values[name] = _boolean(columns[name])
            elif of_type == "category":
                self.values[name] = _text(dialect, columns[name], blank_is_level=blank_is_level)
        for part in description["parts"]:
            instant = dialect.instant(columns[part["time"]])
            self.values[part["name"]] = _time_part(dialect, instant, part["part"])

    def named(self, names: Mapping[str, str]) -> "Row":
        """Return the same row where its values are columns of an earlier step of a query."""
        row = copy(self)
        row.values = dict(names)
        return row


def texts_of(dialect: Dialect, names: Sequence[str], known: Sequence[Sequence[str]]) -> list[str]:
    """Return the texts of categories of a table t, whose `known` texts are by row."""
    blank_is_level = any("" in texts for texts in known)
    columns = [f"t.{dialect.identifier(name)}" for name in names]
    return [_text(dialect, column, blank_is_level=blank_is_level) for column in columns]


def _text(dialect: Dialect, column: str, *, blank_is_level: bool) -> str:
    text = f"{dialect.category(column)} || ''"  # so that it compares by its bytes
    return f"({text})" if blank_is_level else f"NULLIF({text}, '')"


def has_blank_level(description: Mapping[str, Any]) -> bool:
    """Return whether a blank text is a level, which otherwise stands for a missing value."""
    return any(
        "" in category["label_of"]
        for member in description["members"]
        for category in member["categories"]
    ) or any(
        "" in line["segment"]
        for member in description["members"]
        for line in member.get("segments", {}).get("estimates", ())
    )


def _boolean(column: str) -> str:
    text = f"lower(CAST({column} AS TEXT))"
    true, false = (", ".join(f"'{word}'" for word in words) for words in (TRUE, FALSE))
    return f"CASE WHEN {text} IN ({true}) THEN 'true' WHEN {text} IN ({false}) THEN 'false' END"


def _time_part(dialect: Dialect, instant: str, part: str) -> str:
    in_day = f"((({instant} % {DAY}) + {DAY}) % {DAY})"
    if part == "days":
        return f"({instant} / {dialect.literal(DAY)})"
    if part == "hour":
        return f"({in_day} / {dialect.literal(HOUR)})"
    day = f"CAST(({instant} - {in_day}) / {DAY} AS BIGINT)"
    if part == "month":
        return dialect.month(day)
    if part == "quarter":
        months = (f"'{month:02d}'" for month in range(1, 13))
        whens = " ".join(f"WHEN {month} THEN 'Q{i // 3 + 1}'" for i, month in enumerate(months))
        return f"CASE {dialect.month(day)} {whens} END"
    names = " ".join(f"WHEN {i} THEN '{name}'" for i, name in enumerate(WEEKDAYS))
    return f"CASE (({day} % 7) + 7) % 7 {names} END"


def looked_up(
    dialect: Dialect, value: str, results: Mapping[str, str], missing: str, others: str
) -> str:
    """Return what a text is looked up as: `missing` for NULL, `others` for any other text."""
    different = {text: result for text, result in results.items() if result != others}
    whens = " ".join(
        f"WHEN {dialect.text(text)} THEN {result}" for text, result in different.items()
    )
    known = f"CASE {value} {whens} ELSE {others} END" if whens else others
    return (
        known if missing == others else f"CASE WHEN {value} IS NULL THEN {missing} ELSE {known} END"
    )


def by_label(
    dialect: Dialect, value: str, category: Mapping[str, Any], results: Sequence[str], unknown: str
) -> str:
    """Return one of the `results`, which are those of the labels, by the value of a category.

    `unknown` is the result where the shares of all labels stand for the value.
    """

    def of(label: int | None) -> str:
        return unknown if label is None else results[label]

    return looked_up(
        dialect,
        value,
        {text: of(label) for text, label in category["label_of"].items()},
        of(category["label_of_missing"]),
        of(category["label_of_others"]),
    )


def gap(row: Row, names: Sequence[str]) -> str:
    """Return the condition that all of these numbers are missing."""
    return joined((f"{row.values[name]} IS NULL" for name in names), "AND", "")


def indicator(condition: str, dialect: Dialect) -> str:
    """Return 1 where a condition is met, else 0."""
    return f"CASE WHEN {condition} THEN {dialect.literal(1)} ELSE {dialect.literal(0)} END"
