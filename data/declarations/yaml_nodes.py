"""YAML as nodes, which know their lines, within limits that keep every file quick to read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.resolver import BaseResolver, Resolver

from data.declarations.parts import with_quoted_parts
from data.errors import DeclarationMistake, quoted

MAX_CHARACTERS = 1_000_000
MAX_NODES = 20_000
"""Names, values, lists and mappings. Both limits count an alias as what it stands for."""
MAX_DEPTH = 20
"""Lists and mappings inside each other."""

Event = Any
"""One of PyYAML's, whose stubs know no fields."""

MERGE = "tag:yaml.org,2002:merge"
STANDARD = "tag:yaml.org,2002:"

NOT_STORABLE = re.compile("[\0\ud800-\udfff]")
"""What cannot be stored everywhere: a NUL character, and half of a surrogate pair."""

_NOT_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIRST_OF_NUMBER = list("-+.0123456789")
_WHOLE = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$")
_OTHER = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$|\.(?:nan|NaN|NAN)$"
)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""It splits a text into events twenty times as fast where it is there."""


class MistakeInLine(DeclarationMistake):
    """A mistake in one line of a declaration, counted from 1."""

    def __init__(self, line: int, what: str, next_step: str = "") -> None:
        super().__init__(what, next_step)
        self.line = line


class _Tags(BaseResolver):
    """What a plain word is: as in YAML 1.1, except that 1e-3 is a number, and 1:30 is text."""


for _first, _pairs in Resolver.yaml_implicit_resolvers.items():
    for _tag, _pattern in _pairs:
        if _tag.removeprefix(STANDARD) in ("bool", "null", "timestamp", "merge"):
            _Tags.add_implicit_resolver(_tag, _pattern, [_first])
_Tags.add_implicit_resolver(f"{STANDARD}int", _WHOLE, _FIRST_OF_NUMBER)
_Tags.add_implicit_resolver(f"{STANDARD}float", _OTHER, _FIRST_OF_NUMBER)


def root_of(text: str) -> yaml.MappingNode:
    """Return the mapping of names to values that a text is; else raise `MistakeInLine`.

    All names are text and occur once in their mapping; aliases and `<<` are replaced by what they
    stand for. In a list in brackets, `date[weekday]` needs no quotes.
    """
    if wrong := _NOT_YAML.search(text):
        raise _misplaced(text, wrong)
    try:
        return _Composer(text).root()
    except yaml.YAMLError as error:
        mended = with_quoted_parts(text)
        if mended == text:
            raise _not_yaml(error) from None
    try:
        return _Composer(mended).root()
    except yaml.YAMLError as error:
        raise _not_yaml(error) from None


def _misplaced(text: str, wrong: re.Match[str]) -> MistakeInLine:
    code = ord(wrong[0])
    escape = "" if code == 0 else f', or write it as "\\x{code:02x}" in double quotes'
    return MistakeInLine(
        text.count("\n", 0, wrong.start()) + 1,
        f"The character U+{code:04X} cannot stand in YAML.",
        f"Remove it{escape}." if code < 0x100 else "Remove it.",
    )


def _not_yaml(error: yaml.YAMLError) -> MistakeInLine:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    reason = getattr(error, "problem", None) or "it cannot be read"
    if "Unicode character escape" in reason:  # such as \ud83e
        return _not_storable(line)
    return MistakeInLine(
        line,
        f"This is not YAML: {reason}.",
        "Put text that begins with %, @ or ` in quotes."
        if "cannot start any token" in reason
        else "Check the colons, quotes, brackets and indentation.",
    )


def _not_storable(line: int) -> MistakeInLine:
    return MistakeInLine(
        line,
        "A NUL character or half of a surrogate pair cannot be stored.",
        "Remove it, or write the character itself.",
    )


@dataclass
class _Anchored:
    """A node with a name, and what an alias of it counts; None while it is being read."""

    node: yaml.Node | None = None
    height: int = 0
    nodes: int = 0
    characters: int = 0


class _Composer:
    """Makes nodes of the events of a text, and counts while it does."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=_Loader)
        self._tags: Any = _Tags()
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = self._characters = 0

    def root(self) -> yaml.MappingNode:
        """Return the node of the only document."""
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise MistakeInLine(
                1,
                "The file is empty.",
                "A declaration is a mapping of keys to values: at least 'source', 'key' and"
                " 'target', each on its own line.",
            )
        event = next(self._events)
        node, _ = self._node(event, 0)
        if not isinstance(node, yaml.MappingNode):
            raise MistakeInLine(
                _line(event),
                "A declaration is a mapping of keys to values, but this is not a mapping.",
                "It needs at least 'source', 'key' and 'target', each on its own line.",
            )
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise MistakeInLine(
                _line(event),
                "A second YAML document begins here.",
                "Declare each dataset in a file of its own.",
            )
        return node

    def _node(self, event: Event, depth: int) -> tuple[yaml.Node, int]:
        """Return a node, and how many lists and mappings are inside each other in it."""
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, depth)
        anchored = _Anchored()
        if event.anchor is not None:
            self._anchors[event.anchor] = anchored
        before = self._nodes, self._characters
        if isinstance(event, yaml.ScalarEvent):
            self._count(event, 1, len(event.value))
            node: yaml.Node = self._scalar(event)
            height = 0
        else:
            self._count(event, 1, 0)
            _refuse_depth(event, depth + 1)
            node, height = self._collection(event, depth + 1)
        anchored.node, anchored.height = node, height
        anchored.nodes = self._nodes - before[0]
        anchored.characters = self._characters - before[1]
        return node, height

    def _aliased(self, event: Event, depth: int) -> tuple[yaml.Node, int]:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            raise MistakeInLine(
                _line(event),
                f"{quoted('*' + event.anchor)} stands for nothing.",
                f"Write {quoted('&' + event.anchor)} before what it stands for, or put it in"
                " quotes if it is text.",
            )
        if anchored.node is None:
            raise MistakeInLine(
                _line(event), f"{quoted('*' + event.anchor)} is part of itself.", "Write it out."
            )
        self._count(event, anchored.nodes, anchored.characters)
        _refuse_depth(event, depth + anchored.height)
        return anchored.node, anchored.height

    def _scalar(self, event: Event) -> yaml.ScalarNode:
        if NOT_STORABLE.search(event.value):
            raise _not_storable(_line(event))
        tag = event.tag
        if tag in (None, "!"):
            tag = self._tags.resolve(yaml.ScalarNode, event.value, event.implicit)
        return yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)

    def _collection(self, start: Event, depth: int) -> tuple[yaml.Node, int]:
        items: list[yaml.Node] = []
        height = 0
        for event in self._events:
            if isinstance(event, yaml.CollectionEndEvent):
                break
            node, inner = self._node(event, depth)
            height = max(height, inner)
            items.append(node)
        kind = "map" if isinstance(start, yaml.MappingStartEvent) else "seq"
        if start.tag not in (None, "!", f"{STANDARD}{kind}"):
            raise unknown_tag(_line(start), start.tag)
        marks = start.start_mark, event.end_mark
        if kind == "seq":
            return yaml.SequenceNode(f"{STANDARD}seq", items, *marks), height + 1
        pairs = _unique(list(zip(items[::2], items[1::2], strict=True)))
        return yaml.MappingNode(f"{STANDARD}map", pairs, *marks), height + 1

    def _count(self, event: Event, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES or self._characters > MAX_CHARACTERS:
            raise MistakeInLine(
                _line(event),
                f"The declaration is too large: more than {MAX_NODES:,} names and values, or"
                f" {MAX_CHARACTERS:,} characters, with each alias counted as what it stands for.",
                "Write fewer of them.",
            )


def _refuse_depth(event: Event, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MistakeInLine(
            _line(event),
            f"More than {MAX_DEPTH} lists and mappings are inside each other.",
            "Check the brackets and the indentation.",
        )


def unknown_tag(line: int, tag: str) -> MistakeInLine:
    """Return the mistake of a tag such as `!!python/name` or `!!set`."""
    short = tag.replace(STANDARD, "!!", 1)
    return MistakeInLine(line, f"The tag {quoted(short)} cannot be used here.", "Remove it.")


Pairs = list[tuple[yaml.Node, yaml.Node]]


def _unique(pairs: Pairs) -> Pairs:
    """Return the pairs of a mapping, with those of `<<` that it does not have itself."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merged: Pairs = []
    for name, value in pairs:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            raise MistakeInLine(line, "A list or a mapping cannot be a name.", "Use text.")
        if name.tag == MERGE:
            merged += _pairs_of(value, line)
        elif name.tag != f"{STANDARD}str":
            what = f"{quoted(name.value)} is not text here" if name.value else "A name is empty"
            raise MistakeInLine(line, f"{what}, but each name is text.", "Put it in quotes.")
        if name.value in own:
            raise MistakeInLine(line, f"{quoted(name.value)} appears twice.", "Keep one of them.")
        own[name.value] = name, value
    others: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for name, value in merged:
        if name.value not in own:
            others.setdefault(name.value, (name, value))
    return [*others.values(), *(pair for pair in own.values() if pair[0].tag != MERGE)]


def _pairs_of(value: yaml.Node, line: int) -> Pairs:
    """Return the pairs that `<<` takes over."""
    mappings = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if not all(isinstance(mapping, yaml.MappingNode) for mapping in mappings):
        raise MistakeInLine(
            line, "'<<' takes over a mapping, or a list of mappings.", "Put it in quotes if a name."
        )
    return [pair for mapping in mappings for pair in mapping.value]


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1
