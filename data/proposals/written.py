"""A proposal as the text of a declaration: YAML with the reason beside each line."""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any

from pydantic import ValidationError

from data.declarations.lags import in_words
from data.declarations.mistakes import explain
from data.declarations.model import Declaration
from data.declarations.yaml_nodes import root_of
from data.declarations.yaml_values import value_of
from data.proposals.missing import MissingProposal
from data.proposals.proposal import Proposal

WIDTH = 96
RULES_OPENING = "# Proposals, from"
RECENCY = "every night tries whether old rows should count less; or none, or 2 years"
MAX_LISTED = 60
"""Columns that are left out and named one by one."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[ -][A-Za-z0-9_]+)*")
RESERVED = frozenset({"yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


@dataclass(frozen=True)
class FormatProposal:
    """What `formats` should say of a column, in words, and what else it may be."""

    name: str
    format: str
    words: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a declaration says besides the columns' roles: the source, and how values are read."""

    name: str
    source: Mapping[str, Any]
    opening: str
    missing: MissingProposal
    formats: Sequence[FormatProposal] = ()
    is_named: bool = False
    notes: Sequence[str] = field(default=())


def as_yaml(proposal: Proposal, context: Context) -> str:
    """Return the text of a declaration, which `parsed` accepts."""
    parts = [
        _comment(context.opening),
        [f"name: {flow(context.name)}"] if context.is_named else [],
        [f"source: {flow(context.source)}"],
        _beside(_key(proposal), proposal.key.words),
        [f"target: {flow(proposal.target)}{_new_rows(proposal)}"],
        _order(proposal),
        _section("types", [
            (f"{flow(each.name)}: {each.kind}", each.words, each.holds) for each in proposal.kinds
        ]),
        _formats(context.formats),
        _missing(context.missing),
        _beside("infinite: missing", proposal.infinite) if proposal.infinite else [],
        [line for note in (*context.notes, *proposal.notes) for line in _comment(note)],
        _left_out(proposal),
        _features(proposal),
        _over_time(proposal),
        _beside("bounds: [0, null]", proposal.never_negative) if proposal.never_negative else [],
        _rules(proposal),
    ]  # fmt: skip
    return "\n".join("\n".join(part) for part in parts if part) + "\n"


def parsed(text: str, *, name: str, folder: Path, file: str) -> Declaration:
    """Return the declaration that a text is in a file of a folder; a mistake is a `CallError`."""
    node = root_of(text)
    content = {"name": name, **value_of(node)}
    try:
        return Declaration.model_validate(content, context={"folder": folder})
    except ValidationError as error:
        raise explain(error, Declaration, node, file) from None


def flow(value: Any) -> str:
    """Return a plain value as YAML in one line, which reads back as the same value."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if PLAIN.fullmatch(text) and text.lower() not in RESERVED:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", _escaped, quoted)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _comment(text: str, indent: str = "", more: str = "") -> list[str]:
    shown = re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
    lines = wrap(shown, WIDTH - len(indent) - 2, subsequent_indent=more)
    return [f"{indent}# {line}" for line in lines]


def _beside(line: str, words: str, indent: str = "") -> list[str]:
    """Return a line with a comment behind it, or above it where that would be too long."""
    if not words:
        return [line]
    (first, *more) = _comment(words)
    if not more and len(line) + len(first) + 4 <= WIDTH:
        return [f"{line}    {first}"]
    return [*_comment(words, indent), line]


def _key(proposal: Proposal) -> str:
    columns = proposal.key.columns
    return f"key: {flow(columns[0] if len(columns) == 1 else list(columns))}"


def _new_rows(proposal: Proposal) -> str:
    new = proposal.new_rows
    if not new:
        return ""
    has = (
        "row has none: it is new, and gets" if new == 1 else "rows have none: they are new, and get"
    )
    return f"    # {new:,} {has} a prediction"


def _order(proposal: Proposal) -> list[str]:
    lines: list[str] = []
    if time := proposal.time:
        mark = "" if time.holds else "# "
        lines += _beside(f"{mark}time: {flow(time.name)}", time.words)
        lines += _beside(f"{mark}recency: auto", RECENCY)
    if group := proposal.group:
        line = f"{'' if group.holds else '# '}split: {{group: {flow(group.name)}}}"
        lines += _beside(line, group.words)
    if segment := proposal.segment:
        lines += _beside(f"# segment: {flow(segment.name)}", segment.words)
    return lines


def _section(key: str, lines: Sequence[tuple[str, str, bool]]) -> list[str]:
    """Return a mapping of a line each; those that do not hold are comments."""
    if not lines:
        return []
    off = "" if any(holds for *_, holds in lines) else "# "
    written = [f"{off}{key}:"]
    for line, words, holds in lines:
        written += _beside(f"{'  ' if holds else '  # ' if not off else '#   '}{line}", words, "  ")
    return written


def _formats(formats: Sequence[FormatProposal]) -> list[str]:
    lines = []
    for one in formats:
        others = f" or {', '.join(map(flow, one.others))}" if one.others else ""
        words = f"{one.words}; it may be {flow(one.format)}{others}: it stays text until you choose"
        lines.append(
            (f"{flow(one.name)}: {flow(one.format)}", words if others else one.words, not others)
        )
    return _section("formats", lines)


def _missing(missing: MissingProposal) -> list[str]:
    lines = ["missing:"] if missing.words else []
    for word, where in missing.words.items():
        is_number = re.fullmatch(r"-?[1-9]\d*", word)
        lines += _beside(f"  - {word if is_number else flow(word)}", where, "  ")
    if missing.unparsable:
        lines += _beside("unparsable: missing", missing.unparsable)
    return lines


def _left_out(proposal: Proposal) -> list[str]:
    if not proposal.left_out:
        return []
    names = [*proposal.left_out.items()]
    lines = ["# Left out of the features:"]
    for name, why in names[:MAX_LISTED]:
        lines += _comment(f"  {name}: {why}", more="    ")
    more = len(names) - MAX_LISTED
    return [*lines, f"#   and {more:,} more"] if more > 0 else lines


def _features(proposal: Proposal) -> list[str]:
    if proposal.features is None:
        return []
    return ["features:", *(f"  - {flow(name)}" for name in proposal.features)]


def _over_time(proposal: Proposal) -> list[str]:
    lines: list[str] = []
    terms = [each for each in proposal.over_time if each.term is not None]
    if terms:
        lines.append("terms:")
        for each in terms:
            lines += _beside(f"  - {flow(each.term)}", each.words, "  ")
    for each in proposal.over_time:
        if each.lag is not None:
            words = f"{each.words}; only if it is known by then"
            lines += _beside(f"lags: {flow({each.lag.column: [in_words(each.lag.length)]})}", words)
    return lines


def _rules(proposal: Proposal) -> list[str]:
    if not proposal.rules:
        return []
    lines = _comment(
        "Proposals, from what these rows have, with a margin: a night that breaks one warns of it."
        " Write severity: critical to reject it then, or quarantine: true to set rows aside."
    )
    lines.append("expectations:")
    for rule in proposal.rules:
        kwargs = flow(rule.kwargs)
        line = f"  - {{type: {rule.type}, kwargs: {kwargs}, severity: warning}}"
        lines.append(line + (f"    # seen: {rule.seen}" if rule.seen else ""))
    if proposal.more_rules:
        lines.append(f"# {proposal.more_rules:,} more are left out here.")
    return lines
