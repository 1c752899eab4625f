"""Conditions on rows, as mappings: which rows a rule looks at."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from data.errors import DeclarationMistake, quoted

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "IN", "NOT_IN")
MAX_CONDITIONS = 100
FORMS = (
    "Write {type: nullity, column: {name: age}, is_null: false}, or {type: comparison, column:"
    " {name: age}, operator: '>=', parameter: 16}, or {type: and, conditions: [...]} or 'or'."
)


def refuse_wrong_condition(condition: Any) -> None:
    """Raise `DeclarationMistake` for anything but a mapping of one of four types."""
    if isinstance(condition, str):
        raise DeclarationMistake("is text, which would be run; it should be a mapping", FORMS)
    _refuse_wrong(condition)
    if len(columns_in(condition)) > MAX_CONDITIONS:
        raise DeclarationMistake(f"has more than {MAX_CONDITIONS} conditions")


def columns_in(condition: Mapping[str, Any]) -> list[str]:
    """Return the column of each comparison in a condition."""
    if "conditions" in condition:
        return [name for part in condition["conditions"] for name in columns_in(part)]
    return [condition["column"]["name"]]


def _refuse_wrong(condition: Any) -> None:
    if not isinstance(condition, Mapping):
        raise DeclarationMistake("should be a mapping", FORMS)
    kind = condition.get("type")
    if kind in ("and", "or"):
        _require(condition, "type", "conditions")
        parts = condition["conditions"]
        if not isinstance(parts, list | tuple) or not parts:
            raise DeclarationMistake("has 'conditions' that are not a list", FORMS)
        for part in parts:
            _refuse_wrong(part)
    elif kind == "nullity":
        _require(condition, "type", "column", "is_null")
        _refuse_wrong_column(condition["column"])
        if not isinstance(condition["is_null"], bool):
            raise DeclarationMistake("has an 'is_null' that is not true or false", FORMS)
    elif kind == "comparison":
        _require(condition, "type", "column", "operator", "parameter")
        _refuse_wrong_column(condition["column"])
        _refuse_wrong_comparison(condition["operator"], condition["parameter"])
    else:
        raise DeclarationMistake(
            f"has the type {quoted(kind)}; it should be nullity, comparison, and, or", FORMS
        )


def _require(condition: Mapping[str, Any], *names: str) -> None:
    if set(condition) != set(names):
        raise DeclarationMistake(
            f"should have the names {', '.join(names)} where its type is {condition['type']}", FORMS
        )


def _refuse_wrong_column(column: Any) -> None:
    if not isinstance(column, Mapping) or set(column) != {"name"}:
        raise DeclarationMistake("has a column that is not {name: ...}", FORMS)
    if not isinstance(column["name"], str):
        raise DeclarationMistake("has a column whose name is not text", FORMS)


def _refuse_wrong_comparison(operator: Any, parameter: Any) -> None:
    if operator not in OPERATORS:
        raise DeclarationMistake(
            f"has the operator {quoted(operator)}; it should be one of {', '.join(OPERATORS)}"
        )
    several = operator in ("IN", "NOT_IN")
    if several != isinstance(parameter, list | tuple):
        form = "a list" if several else "a single value"
        raise DeclarationMistake(f"should have {form} as the parameter of {operator}")
    for value in parameter if several else (parameter,):
        if not isinstance(value, str | int | float | date) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise DeclarationMistake(
                "has a parameter that is not text, a finite number, a date, true or false", FORMS
            )
