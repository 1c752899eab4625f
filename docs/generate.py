"""Writes the tables of the documentation from the code: `make docs`, or `--check` for lint.

A document marks a block with `<!-- generated: NAME -->` and `<!-- end -->`; what stands between the
two is replaced. Nothing here depends on the machine, so the same code gives the same text.
"""

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import typer
from pydantic_core import PydanticUndefined
from sqlalchemy import BigInteger, Boolean, Double, Text
from sqlalchemy.types import TypeEngine
from typer.models import ArgumentInfo, CommandInfo, OptionInfo
from typer.utils import get_params_from_function

from data.checks.catalogue import ALWAYS_MADE
from data.declarations.model import Declaration
from data.declarations.time_patterns import documented as documented_parts
from data.settings import Settings
from data.sources.missing_words import documented as documented_words
from data.store.column_types import UtcTime
from data.store.views import VIEWS
from flows.command.cli import app

DOCS = Path(__file__).resolve().parent
WIDTH = 100
BEGIN, END = "<!-- generated: {} -->", "<!-- end -->"
COLUMN_TYPES: Mapping[type[TypeEngine[Any]], str] = {
    BigInteger: "integer",
    Double: "number",
    Text: "text",
    Boolean: "yes or no",
    UtcTime: "time",
}


def views() -> str:
    """Return a section per view: what one row is, and its columns, types and meanings."""
    sections = []
    for view in VIEWS.values():
        rows = [
            (f"`{name}`", COLUMN_TYPES[type(kind)], view.meanings[name])
            for name, kind in view.columns.items()
        ]
        header = f"### `{view.name}`\n\n{textwrap.fill(view.grain, WIDTH)}"
        sections.append(f"{header}\n\n{table(('column', 'type', 'meaning'), rows)}")
    return "\n\n".join(sections)


def commands() -> str:
    """Return a section per command: what it does, its arguments and options, an example."""
    return "\n\n".join(_command(name, info) for name, info in registered_commands(app))


def registered_commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, CommandInfo]]:
    """Yield each command of a group and of the groups in it, with its full name."""
    for info in group.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__.replace("_", "-")
        yield f"{prefix}{name}", info
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        name = f"{inner.name} " if isinstance(inner.name, str) else ""
        yield from registered_commands(inner.typer_instance, f"{prefix}{name}")


def _command(name: str, info: CommandInfo) -> str:
    assert info.callback is not None
    usage, rows = [f"nightfit {name}"], []
    parameters = get_params_from_function(info.callback).values()
    for parameter in sorted(parameters, key=lambda p: isinstance(p.default, OptionInfo)):
        settings = parameter.default
        assert isinstance(settings, ArgumentInfo | OptionInfo)
        shown = _spelling(parameter.name, parameter.annotation, settings)
        unset = settings.default in (..., None, False)
        default = settings.default.value if isinstance(settings.default, Enum) else settings.default
        usage.append(shown if settings.default is ... else f"[{shown}]")
        words = settings.show_default if isinstance(settings.show_default, str) else ""
        rows.append((f"`{shown}`", settings.help or "", words if unset else f"`{default}`"))
    parts = [
        f"## `nightfit {name}`",
        _paragraphs(info.help or inspect.getdoc(info.callback) or ""),
        _wrapped_usage(usage),
    ]
    if rows:
        parts.append(table(("argument or option", "meaning", "default"), rows))
    if info.epilog:
        parts.append(info.epilog)
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    return "\n\n".join(textwrap.fill(paragraph, WIDTH) for paragraph in text.split("\n\n"))


def _wrapped_usage(parts: Sequence[str]) -> str:
    """Return the usage as an indented block, broken only between arguments."""
    glued = " ".join(part.replace(" ", "\0") for part in parts)
    lines = textwrap.wrap(
        glued, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False
    )
    return "\n".join(lines).replace("\0", " ")


def _spelling(name: str, annotation: Any, settings: ArgumentInfo | OptionInfo) -> str:
    """Return an argument or option as it is written on the command line."""
    kind = annotation
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (member for member in get_args(kind) if member is not type(None))
    if isinstance(settings, ArgumentInfo):
        shown = settings.metavar or name.upper()
        return f"{shown}..." if get_origin(kind) is list else shown
    flag = next(iter(settings.param_decls or ()), f"--{name.replace('_', '-')}")
    return f"{flag} {_values_of(kind, settings)}".strip()


def _values_of(kind: Any, settings: OptionInfo) -> str:
    """Return what may follow an option: nothing after a flag, and the choices where it has some."""
    if kind is bool:
        return ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    if settings.metavar:
        return settings.metavar
    return {int: "N", Path: "FILE"}.get(kind, "TEXT")


def keys() -> str:
    """Return the table of a declaration's keys, those of its parts included."""
    schema = Declaration.model_json_schema()
    rows = dict.fromkeys(_keys(schema, schema["$defs"], ""))  # what files and databases share, once
    return table(("key", "meaning", "values", "default"), [*rows])


def _keys(
    schema: Mapping[str, Any], parts: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, described in schema["properties"].items():
        inner = [parts[link.rpartition("/")[2]] for link in _links(described)]
        default = "required" if name in required else _default(described.get("default"))
        if name == "name" and not prefix:
            default = "the file's name"
        meaning = described.get("description") or (inner[0].get("description", "") if inner else "")
        yield (
            f"`{prefix}{name}`",
            " ".join(meaning.split()),
            "" if inner else _values(described),
            "" if inner and default != "required" else default,
        )
        listed = "[]." if described.get("type") == "array" else "."
        for part in inner:
            yield from _keys(part, parts, f"{prefix}{name}{listed}")


def _links(described: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in described:
        yield described["$ref"]
    for option in described.get("anyOf", ()):
        yield from _links(option)
    if "items" in described:
        yield from _links(described["items"])


def _values(described: Mapping[str, Any]) -> str:
    """Say in words which values a JSON schema allows."""
    if "enum" in described:
        return ", ".join(f"`{value}`" for value in described["enum"])
    if "const" in described:
        return f"`{described['const']}`"
    if "anyOf" in described:
        return " or ".join(filter(None, map(_values, described["anyOf"])))
    match described.get("type"):
        case "array":
            values = _values(described["items"])
            several = re.sub(r"\b(integer|number)\b", r"\1s", values)
            return "list" if values == "text" else f"list of {several}"
        case "object":
            return "mapping"
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return f"integer{_range(described)}"
        case "number":
            return f"number{_range(described)}"
        case "string":
            return "path" if described.get("format") == "path" else "text"
    return ""


def _range(described: Mapping[str, Any]) -> str:
    least, most = described.get("minimum"), described.get("maximum")
    above, below = described.get("exclusiveMinimum"), described.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    if above is not None and below is not None:
        return f" above {above:,} and below {below:,}"
    if least is not None:
        return f", {least:,} or more"
    return f" above {above:,}" if above is not None else ""


def _default(value: object) -> str:
    """Return a default as it would be written in YAML."""
    if value is None or value in ("", [], {}):
        return "none"
    text = value if isinstance(value, str) else json.dumps(value).replace('"', "")
    return f"`{text}`"


def checks() -> str:
    """Return the table of the checks that are always made, in their order."""
    rows = [(f"`{check.name}`", check.meaning, check.severity) for check in ALWAYS_MADE]
    return table(("check", "what it demands", "severity"), rows)


def missing() -> str:
    """Return the words that mean a missing value, and where each counts."""
    rows = [(where, " ".join(f"`{word}`" for word in words)) for where, words in documented_words()]
    return table(("where", "words"), rows)


def time_parts() -> str:
    """Return what each letter of a pattern of times stands for."""
    return table(("letters", "what they stand for"), [*documented_parts()])


def settings() -> str:
    """Return the table of the settings, with what each is if it is not set."""
    rows = []
    for name, field in Settings.model_fields.items():
        if field.default_factory is not None:
            default = "depends on the machine"
        elif field.default is None or field.default is PydanticUndefined:
            default = "none"
        else:
            shown = field.default
            default = f"`{shown:g}`" if isinstance(shown, float) else f"`{shown}`"
        rows.append((f"`NIGHTFIT_{name.upper()}`", field.description or "", default))
    return table(("setting", "meaning", "default"), rows)


def table(header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""

    def line(cells: Sequence[str]) -> str:
        return "".join("| " + cell.replace("|", r"\|") + " " * bool(cell) for cell in cells) + "|"

    return "\n".join(map(line, (header, *rows))).replace("\n", f"\n{'|---' * len(header)}|\n", 1)


BLOCKS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "views": ("database.md", views),
    "commands": ("commands.md", commands),
    "keys": ("datasets.md", keys),
    "checks": ("datasets.md", checks),
    "missing": ("datasets.md", missing),
    "time parts": ("datasets.md", time_parts),
    "settings": ("operations.md", settings),
}
"""Each generated block: the document that it stands in, and what writes it."""


def replaced(text: str, name: str, block: str) -> str:
    """Return a document with the text between a block's marks replaced."""
    begin = BEGIN.format(name)
    before, begin_mark, rest = text.partition(begin)
    _, end_mark, after = rest.partition(END)
    if not (begin_mark and end_mark):
        raise SystemExit(f"docs/generate.py: {begin} and {END} are not both in the document.")
    return f"{before}{begin}\n\n{block}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the blocks that have changed; with `--check` only name them, and return 1."""
    stale = []
    for name, (file, write) in BLOCKS.items():
        document = DOCS / file
        text = document.read_text(encoding="utf-8")
        new = replaced(text, name, write())
        if new != text:
            stale.append(f"docs/{file} ({name})")
            if "--check" not in arguments:
                document.write_text(new, encoding="utf-8")
    if stale and "--check" in arguments:
        sys.stderr.write(f"Stale: {', '.join(stale)}. Run `make docs` and commit the result.\n")
        return 1
    sys.stdout.write(f"Written: {', '.join(stale)}.\n" if stale else "The documents are current.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
