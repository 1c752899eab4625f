"""The plain values of YAML nodes: text, numbers, true, false, dates, lists and mappings."""

import math
from collections.abc import Callable
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from data.declarations.yaml_nodes import MERGE, STANDARD, MistakeInLine, unknown_tag
from data.errors import quoted

MAX_WHOLE = 2**64
"""Whole numbers are below it, as in any column of a source."""
MAX_DIGITS = 100
"""Characters of a number; no double needs more."""


def value_of(node: yaml.Node) -> Any:
    """Return the value of a node; one that is not what it looks like is a `MistakeInLine`."""
    if isinstance(node, yaml.MappingNode):
        return {name.value: value_of(value) for name, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    line = node.start_mark.line + 1
    make = _MAKERS.get(node.tag)
    if make is None:
        raise unknown_tag(line, node.tag)
    if node.tag in (f"{STANDARD}str", MERGE):
        return node.value
    try:
        if len(node.value) > MAX_DIGITS:
            raise ValueError(f"it has {len(node.value):,} characters")
        return make(node)
    except (ValueError, OverflowError, KeyError, AttributeError) as error:
        reason = f": {error}".rstrip(".") if isinstance(error, ValueError | OverflowError) else ""
        kind = _KINDS[node.tag.removeprefix(STANDARD)]
        raise MistakeInLine(
            line,
            f"{quoted(node.value)} cannot be read as {kind}{reason}.",
            "Correct it, or write it in quotes if it is text.",
        ) from None


def _null(node: yaml.Node) -> None:
    if node.value not in ("", "~", "null", "Null", "NULL"):
        raise KeyError


def _boolean(node: yaml.Node) -> bool:
    return SafeConstructor.bool_values[node.value.lower()]


def _whole(node: yaml.Node) -> int:
    text = node.value.replace("_", "")
    unsigned = text.lstrip("-+")
    bases = {"0b": 2, "0x": 16}
    base = bases.get(unsigned[:2], 8 if unsigned[:1] == "0" and len(unsigned) > 1 else 10)
    try:
        number = int(text, base)
    except ValueError:
        raise ValueError("its digits are wrong") from None
    if abs(number) >= MAX_WHOLE:
        raise ValueError("it is beyond 64 bits")
    return number


def _number(node: yaml.Node) -> float:
    text = node.value.replace("_", "").lower()
    if text.lstrip("-+") in (".inf", ".nan"):
        return float(text.replace(".", ""))
    try:
        number = float(text)
    except ValueError:
        raise KeyError from None
    if math.isinf(number):
        raise ValueError("it is beyond the largest double, 1.8e308")
    return number


def _time(node: yaml.ScalarNode) -> Any:
    return SafeConstructor().construct_yaml_timestamp(node)


_MAKERS: dict[str, Callable[[Any], Any]] = {
    f"{STANDARD}str": lambda node: node.value,
    MERGE: lambda node: node.value,
    f"{STANDARD}null": _null,
    f"{STANDARD}bool": _boolean,
    f"{STANDARD}int": _whole,
    f"{STANDARD}float": _number,
    f"{STANDARD}timestamp": _time,
}
_KINDS = {
    "null": "an empty value",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "timestamp": "a date",
}
