"""The target of `nightfit init`: named, or chosen at the terminal, the likely ones first."""

import re
import sys
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING

import typer

from data.declarations.mistakes import nearest
from data.errors import CallError, SourceError, listed, quoted
from flows.command.screen import Screen

if TYPE_CHECKING:
    from data.proposals.facts import ColumnFacts
    from data.proposals.written import FormatProposal

MAX_ASKED = 12
"""Columns that a person is asked about before all others."""


def call_shown(text: str, name: str, table: str | None, query: str | None) -> str:
    """Return the command that was given, without a password, as far as it can be shown again."""
    options = [f" --table {table}" if table else "", " --query ..." if query else ""]
    source = re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:...@", text)
    return f"nightfit init {source}{''.join(options)}"


def chosen_target(
    target: str | None,
    facts: Sequence["ColumnFacts"],
    formats: Sequence["FormatProposal"],
    call: str,
) -> str:
    """Return the column to predict: the one that was named, or that a person chooses."""
    from data.proposals.targets import likely_targets

    likely = [one.name for one in likely_targets(facts)]
    names = [one.name for one in facts]
    if target is not None:
        if target in likely:
            return target
        raise _no_target(target, facts, formats, likely)
    if not likely:
        left_out = [f"{one.name!r} ({one.why_left_out})" for one in facts if one.why_left_out]
        nested = f" Left out: {listed(left_out)}." if left_out else ""
        raise SourceError(
            f"No column holds numbers that vary, so there is nothing to predict.{nested}",
            next_step="Write what is inside them as columns of their own."
            if left_out
            else "A column of text with numbers in it needs 'formats': see docs/datasets.md.",
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CallError(
            f"Which column is to be predicted? Those of numbers are: {listed(likely)}.",
            next_step=f"Name it, for example: {call} --target {quote(likely[0])}",
        )
    return _asked(likely, names)


def _asked(likely: Sequence[str], names: Sequence[str]) -> str:
    """Return the column that a person chooses at the terminal, by its number or its name."""
    screen = Screen(stderr=True)
    screen.print("Which column is to be predicted? The likely ones:")
    for number, name in enumerate(likely[:MAX_ASKED], start=1):
        screen.print(f"  {number}  {name}")
    while True:
        answer = str(typer.prompt("Its number or name", default="1", err=True)).strip()
        if answer in likely:
            return answer
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(likely[:MAX_ASKED]):
            return likely[int(answer) - 1]
        why = "holds no numbers that vary" if answer in names else "is not a column"
        screen.print(f"{answer!r} {why}.")


def _no_target(
    target: str,
    facts: Sequence["ColumnFacts"],
    formats: Sequence["FormatProposal"],
    likely: Sequence[str],
) -> CallError:
    one = next((each for each in facts if each.name == target), None)
    if one is None:
        near = nearest(target, [each.name for each in facts])
        what = f"There is no column {quoted(target)}."
        return CallError(what, next_step=f"{near}Those of numbers are: {listed(likely)}.")
    unclear = next((each for each in formats if each.name == target and each.others), None)
    if unclear is not None:
        ways = listed([repr(way) for way in (unclear.format, *unclear.others)])
        return CallError(
            f"Column {quoted(target)} can be read in several ways: {ways}.",
            next_step="Write a declaration with its 'formats' by hand: see docs/datasets.md.",
        )
    holds = "does not vary" if one.kind == "number" else f"holds {_plural(one)}, not numbers"
    if one.infinite:
        holds = f"is infinite in {one.infinite:,} rows"
    return CallError(
        f"Column {quoted(target)} {holds}, so it cannot be predicted.",
        next_step=f"Those of numbers are: {listed(likely)}.",
    )


def _plural(one: "ColumnFacts") -> str:
    from data.sources.columns import PLURAL

    return PLURAL.get(one.kind, "values of no kind") if one.kind else "nothing"
