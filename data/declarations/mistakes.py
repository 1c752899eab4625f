"""Explain the mistakes in a declaration: the line, what is wrong, and the nearest right word."""

import types
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from data.errors import CallError, DeclarationMistake

EXPECTED = {
    "string_type": "text (put it in quotes if it is meant as text)",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "path_type": "the path of a file",
    "model_type": "a mapping of names to values",
    "string_too_short": "text that is not empty",
    "string_too_long": "text of at most 100 characters",
    "too_short": "a list that is not empty",
    "string_pattern_mismatch": "made of letters, digits, _ and - only",
}
BOUNDS = {
    "greater_than": "gt",
    "less_than": "lt",
    "greater_than_equal": "ge",
    "less_than_equal": "le",
}
WORDS = {"gt": "above", "lt": "below", "ge": "at least", "le": "at most"}


def nearest(word: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'x'? " for the name that is most like this word, or ""."""
    by_lower = {name.lower(): name for name in names}
    matches = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {by_lower[matches[0]]!r}? " if matches else ""


def explain(
    error: ValidationError, model: type[BaseModel], node: yaml.Node, file: Path
) -> CallError:
    """Return one error that names every mistake in a declaration, in the order of its lines."""
    mistakes = sorted(
        (_line(node, details), *_what_and_next_step(details, model))
        for details in error.errors()
        if not _follows_from_another(details, error.errors())
    )
    (line, what, step), *more = mistakes
    if not more:
        return CallError(what, where=f"{file}, line {line}", next_step=step)
    others = "".join(f"\nline {n}: {text} {hint}".rstrip() for n, text, hint in more)
    return CallError(f"{what} {step}".strip() + others, where=f"{file}, line {line}")


def _follows_from_another(details: ErrorDetails, all_details: list[ErrorDetails]) -> bool:
    """Return whether a mistake is only the consequence of another one.

    A misspelt key also makes the right one missing, and a bad item makes its list too short.
    """
    if details["type"] == "too_short":
        return bool(details["input"])
    owner, key = details["loc"][:-1], str(details["loc"][-1])
    return details["type"] == "missing" and any(
        other["type"] == "extra_forbidden"
        and other["loc"][:-1] == owner
        and get_close_matches(str(other["loc"][-1]).lower(), [key], cutoff=0.6)
        for other in all_details
    )


def _what_and_next_step(details: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, location, value = details["type"], details["loc"], details["input"]
    name = _dotted(location)
    if kind == "missing":
        return f"{name!r} is missing.", ""
    if kind in ("extra_forbidden", "invalid_key"):
        owner = f"{_dotted(location[:-1])!r}" if len(location) > 1 else "a declaration"
        keys = _keys(model, location[:-1])
        hint = nearest(str(location[-1]), keys) or f"Its keys are {', '.join(keys)}."
        return f"{str(location[-1])!r} is not a key of {owner}.", hint.strip()
    if kind == "value_error":
        mistake: DeclarationMistake = details["ctx"]["error"]
        return f"{name!r}: {mistake.what}.", mistake.next_step
    if kind == "literal_error":
        choices = [
            word.strip("'") for word in details["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        return (
            f"{name!r} cannot be {_described(value)}.",
            nearest(str(value), choices) + f"Choose from {', '.join(choices)}.",
        )
    return f"{name!r} should be {_expected(details)}, but is {_described(value)}.", ""


def _expected(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in BOUNDS:
        bound = BOUNDS[kind]
        return f"{WORDS[bound]} {details['ctx'][bound]}"
    if kind == "string_type" and isinstance(details["input"], list | dict | None):
        return "a single text"
    return EXPECTED.get(kind, details["msg"])


def _described(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"the list {list(value)!r}" if value else "an empty list"
    names = {str: "text", int: "number", float: "number"}
    return f"the {names.get(type(value), type(value).__name__)} {value!r}"


def _dotted(location: tuple[int | str, ...]) -> str:
    """Return a location with items counted from 1, for example `expectations[2].kwargs`."""
    text = ""
    for part in location:
        if part == "[key]":
            return f"a name in {text.partition('[')[0]}"
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the model of a declaration allows at a location."""
    annotation: Any = model
    for part in location:
        if isinstance(part, int):
            annotation = get_args(annotation)[0]
        else:
            annotation = _bare(annotation.model_fields[part].annotation)
    return list(annotation.model_fields)


def _bare(annotation: Any) -> Any:
    """Strip `Annotated[...]` and `... | None` from a type."""
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        return _bare(get_args(annotation)[0])
    return annotation


def _line(root: yaml.Node, details: ErrorDetails) -> int:
    """Return the line of the wrong key or item, or of its owner if it is missing."""
    node, line = root, root.start_mark.line
    for part in details["loc"]:
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if name.value == str(part):
                    node, line = value, name.start_mark.line
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
    return int(line) + 1
