"""Explain the mistakes in a declaration: the line, what is wrong, and the nearest right word."""

import types
from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from data.errors import CallError, DeclarationMistake, quoted

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
MAX_MISTAKES = 10
"""Mistakes in one declaration that a message names."""
MAX_COMPARED = 100
"""Characters of a word for which the most similar name is looked for."""
MAX_CANDIDATES = 500
"""Names among which the most similar one is looked for."""
WORDS = {"gt": "above", "lt": "below", "ge": "at least", "le": "at most"}


def nearest(word: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'x'? " for the name that is most like this word, or ""."""
    short = (name for name in names if len(name) <= MAX_COMPARED)
    by_lower = {name.lower(): name for name in islice(short, MAX_CANDIDATES)}
    matches = _alike(word.lower(), by_lower)
    return f"Did you mean {by_lower[matches[0]]!r}? " if matches else ""


def _alike(word: str, names: Iterable[str]) -> list[str]:
    """Return the name that is most like this word, if any is; a very long word is like none."""
    return get_close_matches(word, names, n=1, cutoff=0.6) if len(word) <= MAX_COMPARED else []


def explain(
    error: ValidationError, model: type[BaseModel], node: yaml.Node, file: str
) -> CallError:
    """Return one error that names the first ten mistakes in a declaration, in order of lines."""
    all_details = error.errors(include_url=False)
    lines = _lines(node, all_details)
    unknown = [details for details in all_details if details["type"] == "extra_forbidden"]
    mistakes = []
    for number in sorted(range(len(lines)), key=lines.__getitem__):
        if not _follows_from_another(all_details[number], unknown[:MAX_MISTAKES]):
            mistakes.append((lines[number], *_what_and_next_step(all_details[number], model)))
        if len(mistakes) > MAX_MISTAKES:
            break
    (line, what, step), *more = mistakes
    if not more:
        return CallError(what, where=f"{file}, line {line}", next_step=step)
    steps = {step}
    others = []
    for other, text, hint in more[: MAX_MISTAKES - 1]:
        others.append(f"line {other}: {text} {'' if hint in steps else hint}".rstrip())
        steps.add(hint)
    if len(mistakes) > MAX_MISTAKES:
        others.append("There are more mistakes after these.")
    return CallError("\n".join([f"{what} {step}".strip(), *others]), where=f"{file}, line {line}")


def _follows_from_another(details: ErrorDetails, unknown: list[ErrorDetails]) -> bool:
    """Return whether a mistake is only the consequence of another one.

    A misspelt key also makes the right one missing, and a bad item makes its list too short.
    """
    if details["type"] == "too_short":
        return bool(details["input"])
    owner, key = details["loc"][:-1], str(details["loc"][-1])
    return details["type"] == "missing" and any(
        other["loc"][:-1] == owner and _alike(str(other["loc"][-1]).lower(), [key])
        for other in unknown
    )


def _what_and_next_step(details: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, location, value = details["type"], details["loc"], details["input"]
    name = _dotted(location)
    if kind == "missing":
        return f"{quoted(name)} is missing.", ""
    if kind in ("extra_forbidden", "invalid_key"):
        owner = quoted(_dotted(location[:-1])) if len(location) > 1 else "a declaration"
        keys = _keys(model, location[:-1])
        hint = nearest(str(location[-1]), keys) or _in_a_section(model, str(location[-1]))
        hint = hint or f"Its keys are {', '.join(keys)}."
        return f"{quoted(str(location[-1]))} is not a key of {owner}.", hint.strip()
    if kind == "value_error":
        mistake: DeclarationMistake = details["ctx"]["error"]
        return f"{quoted(name)}: {mistake.what}.", mistake.next_step
    if kind == "literal_error":
        choices = [
            word.strip("'") for word in details["ctx"]["expected"].replace(" or ", ", ").split(", ")
        ]
        return (
            f"{quoted(name)} cannot be {_described(value)}.",
            nearest(str(value), choices) + f"Choose from {', '.join(choices)}.",
        )
    comma = value is None and location[0] == "formats"
    hint = "A format with a comma in it needs quotes." if comma else ""
    return f"{quoted(name)} should be {_expected(details)}, but is {_described(value)}.", hint


def _expected(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in BOUNDS:
        bound = BOUNDS[kind]
        return f"{WORDS[bound]} {details['ctx'][bound]}"
    if kind == "too_long":
        return f"a list of at most {details['ctx']['max_length']:,} items"
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
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    if isinstance(value, list | tuple):
        return f"the list {quoted(list(value[:MAX_MISTAKES]))}" if value else "an empty list"
    names = {str: "text", int: "number", float: "number"}
    return f"the {names.get(type(value), type(value).__name__)} {quoted(value)}"


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
    models = [annotation]
    for part in location:
        if isinstance(part, int):
            annotation = get_args(annotation)[0]
        else:
            annotation = annotation.model_fields[part].annotation
        models = _models(annotation)
        annotation = models[0]
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _in_a_section(model: type[BaseModel], key: str) -> str:
    """Return where in a declaration a key belongs that stands elsewhere, or nothing."""
    sections = [name for name in model.model_fields if key in _keys_below(model, name)]
    return f"Write it as {sections[0]}: {{{key}: ...}}." if len(sections) == 1 else ""


def _keys_below(model: type[BaseModel], section: str) -> set[str]:
    annotation = model.model_fields[section].annotation
    return {name for one in _models(annotation) for name in getattr(one, "model_fields", ())}


def _models(annotation: Any) -> list[Any]:
    """Return the types of a union, or one type, without `Annotated[...]` and `None`."""
    if get_origin(annotation) is Annotated:
        return _models(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return [each for member in members for each in _models(member)]
    return [annotation]


def _lines(root: yaml.Node, all_details: Sequence[ErrorDetails]) -> list[int]:
    """Return the line of each wrong key or item, or of its owner if it is missing."""
    names: dict[int, dict[str, tuple[yaml.Node, yaml.Node]]] = {}
    lines = []
    for details in all_details:
        node, line = root, root.start_mark.line
        for part in details["loc"]:
            if isinstance(node, yaml.MappingNode):
                if id(node) not in names:
                    names[id(node)] = {name.value: (name, value) for name, value in node.value}
                if str(part) in names[id(node)]:
                    name, node = names[id(node)][str(part)]
                    line = name.start_mark.line
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                line = node.start_mark.line
        lines.append(int(line) + 1)
    return lines
