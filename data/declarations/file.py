"""A declaration's YAML, and what in it is a mistake before it says anything."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from data.errors import CallError

NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What no database and no file keeps: NUL, and half of a surrogate pair."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1, but with 1e-3 a number, as everybody else has it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse(file: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return the file's YAML both as nodes, which know their lines, and as plain values."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8-sig"))
        node = loader.get_single_node()
        content = loader.construct_document(node) if node is not None else {}
    except UnicodeDecodeError as error:
        raise CallError(
            f"The file is not UTF-8: byte {error.start} cannot be read.",
            where=str(file.absolute()),
            next_step="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise CallError(
            f"The file cannot be read: {error.strerror}.", where=str(file.absolute())
        ) from None
    except yaml.YAMLError as error:
        raise CallError(
            f"This is not YAML: {getattr(error, 'problem', None) or error}.",
            where=f"{file.absolute()}{_line(error)}",
            next_step="Mind colons, quotes, brackets and the indentation.",
        ) from None
    if not isinstance(node, yaml.MappingNode):
        raise CallError(
            "A declaration is a mapping of keys to values, and this is not one.",
            where=str(file.absolute()),
            next_step="It needs at least 'source', 'key' and 'target', each on a line of its own.",
        )
    for line, text in _texts(node):
        if NO_TEXT.search(text):
            raise CallError(
                "A NUL character or half of a surrogate pair is no text, and cannot be stored.",
                where=f"{file.absolute()}, line {line}",
                next_step="Leave it out.",
            )
    for line, name in _repeated(node):
        raise CallError(
            f"{name!r} is there twice.",
            where=f"{file.absolute()}, line {line}",
            next_step="Keep one of the two.",
        )
    return node, content


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _texts(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Give each text of a declaration, the names of mappings too, with its line."""
    if isinstance(node, yaml.ScalarNode):
        yield node.start_mark.line + 1, node.value
        return
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            yield from _texts(part)


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Find keys that stand twice in one mapping: YAML itself would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for name, value in node.value:
            if name.value in seen:
                yield name.start_mark.line + 1, name.value
            seen.add(name.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
