"""`nightfit init`: look at a source, propose a declaration, and write it."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from data.address_space import require_address_space
from data.declarations.file import declared_datasets, is_name
from data.declarations.mistakes import nearest
from data.declarations.model import MAX_NAME_LENGTH
from data.declarations.source import OPTIONS, PathSource, is_packed
from data.declarations.text_file import shown
from data.errors import CallError, SourceError, listed, quoted
from data.scratch import temporary_folder
from data.settings import Settings, settings
from flows.command.folders import make_folder
from flows.command.screen import Screen
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from data.proposals.facts import ColumnFacts
    from data.proposals.written import FormatProposal
    from data.sources.look import Look

MAX_ASKED = 12
"""Columns that a person is asked about before all others."""


def run_init(
    text: str,
    *,
    target: str | None,
    name: str | None,
    out: Path | None,
    table: str | None,
    query: str | None,
    sheet: str | None,
    yes: bool,
) -> int:
    """Write a declaration of a source, and with `yes` run its first night; return the exit code."""
    from data.declarations.named_source import source_named
    from data.proposals.proposal import proposed
    from data.proposals.sampled import sampled
    from data.proposals.written import Context, as_yaml, parsed

    require_address_space()
    config = settings()
    source = _with_sheet(source_named(text, None, table=table, query=query), sheet)
    name = _free_name(name or _name_of(source), config, is_given=name is not None, out=out)
    file = config.datasets / f"{name}.yaml" if out is None else out.absolute()
    _refuse_existing(file)
    if yes and file.parent.resolve() != config.datasets.resolve():
        raise CallError(
            "--yes runs a night of what is in the folder of declarations, and --out is elsewhere.",
            next_step="Leave one of them out, or set NIGHTFIT_DATASETS to that folder.",
        )
    screen = Screen()
    with talking(), temporary_folder() as folder:
        look, missing, formats, options = _look(source, folder, name)
        facts = _facts(look)
        show_facts(screen, look, facts)
        chosen = _target(target, facts, formats, _call(text, name, table, query))
        sample = sampled(look.columns, facts)
        proposal = proposed(look.columns, facts, sample, chosen, moves=_moves(source))
    fields = _source_fields(source, options, file.parent)
    opening = (
        f"Proposed by nightfit init from {look.rows:,} rows of {len(facts):,} columns. Look through"
        f" it, change what is not right, and see what `nightfit check {name}` says."
    )
    notes = [note for note in look.notes]
    is_named = file.stem != name
    context = Context(name, fields, opening, missing, formats, is_named, notes)
    content = as_yaml(proposal, context)
    parsed(content, name=name, folder=file.parent, file=shown(file))
    _write(file, content)
    screen.print(content.rstrip(), soft_wrap=True)
    screen.print()
    screen.print(f"Written to {shown(file)}.", soft_wrap=True)
    if not yes:
        screen.print(_next_steps(name, file, config), soft_wrap=True)
        return 0
    from flows.command.nights import run_nightly

    return run_nightly([name], force=False, wait=True, nights=(None, None), as_json=False)


def _with_sheet(source: Any, sheet: str | None) -> Any:
    if sheet is None:
        return source
    if not isinstance(source, PathSource):
        raise CallError("--sheet is for spreadsheets.", next_step="Leave it out.")
    number = int(sheet) if sheet.isascii() and sheet.isdigit() and len(sheet) < 5 else sheet
    return source.model_copy(update={"sheet": number})


def _name_of(source: Any) -> str:
    """Return a name for a dataset, from that of its file, folder, table or database."""
    if isinstance(source, PathSource):
        path = source.path
        text = path.name if path.is_dir() else _stem(path)
    else:
        text = source.table or _stem(Path(str(source.url).partition("?")[0]))
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:MAX_NAME_LENGTH]
    return name or "dataset"


def _stem(path: Path) -> str:
    inner = path.with_suffix("") if is_packed(path) else path
    return inner.stem


def _free_name(name: str, config: Settings, *, is_given: bool, out: Path | None) -> str:
    """Return the name of the new dataset; `CallError` if it cannot be one, or there is one."""
    if not is_name(name):
        raise CallError(
            f"{quoted(name)} cannot name a dataset: it should be made of at most {MAX_NAME_LENGTH}"
            " letters, digits, _ and -, and not begin with -.",
            next_step="Name it with --name.",
        )
    others = declared_datasets(config.datasets) if config.datasets.is_dir() else ()
    if out is None and name in others:
        raise CallError(
            f"There is a dataset {quoted(name)} already.",
            where=shown(config.datasets),
            next_step="Give another one with --name." if is_given else "Name this one with --name.",
        )
    return name


def _refuse_existing(file: Path) -> None:
    if os.path.lexists(file):
        raise CallError(
            "The file is there already, and nothing is overwritten.",
            where=shown(file),
            next_step="Give another name with --name, or another file with --out.",
        )


def _look(
    source: Any, folder: Path, name: str
) -> tuple["Look", Any, list["FormatProposal"], dict[str, Any]]:
    """Return a look at a source, read as will be declared: missing words, formats and options.

    A second look is taken where the first one shows formats, or words for missing values.
    """
    from data.proposals.missing import proposed_missing
    from data.proposals.sampled import sampled
    from data.sources.look import look
    from data.sources.undeclared import undeclared

    report = Progress(name, "reading")
    first = look(undeclared(source), folder=folder / "first", report=report)
    formats = _formats(first)
    facts = _facts(first)
    sample = sampled(first.columns, facts)
    missing = proposed_missing(first.readings, facts, first.marks, sample)
    options = _told(first)
    more: dict[str, Any] = {}
    if missing.words:
        more["missing"] = tuple(missing.words)
    if missing.unparsable:
        more["unparsable"] = "missing"
    if certain := {each.name: each.format for each in formats if not each.others}:
        more["formats"] = certain
    if not more:
        return first, missing, formats, options
    second = look(undeclared(source, **more), folder=folder / "second", report=report)
    return second, missing, formats, options


def _formats(look: "Look") -> list["FormatProposal"]:
    """Return how the columns of a look are written, where nightfit does not read it by itself."""
    from data.proposals.written import FormatProposal
    from data.sources.proposed_format import proposed_format

    found = []
    for name in look.names:
        proposal = proposed_format(look.raw(name), name)
        if proposal is not None:
            others = tuple(proposal.alternatives)
            found.append(FormatProposal(name, proposal.format, proposal.words, others))
    return found


def _facts(look: "Look") -> list["ColumnFacts"]:
    from data.proposals.facts import facts_of, not_read

    facts = []
    names = {*look.names}
    for place, reading in enumerate(look.readings):
        if reading.name in names:
            column = look.columns.column(reading.name)
            facts.append(facts_of(reading.name, place, column, reading))
        else:
            facts.append(not_read(reading, place, look.rows))
    return facts


def _told(look: "Look") -> dict[str, Any]:
    """Return the options of a source that were told apart by looking, as far as all files agree."""
    values: dict[str, set[Any]] = {}
    for one in look.told:
        values.setdefault(one.option, set()).add(one.value)
    return {option: next(iter(found)) for option, found in values.items() if len(found) == 1}


def show_facts(screen: Screen, look: "Look", facts: Sequence["ColumnFacts"]) -> None:
    """Print what a look has seen, and what was told apart on the way."""
    from flows.command.looked import show_table

    screen.print(f"{look.rows:,} rows, {len(facts):,} columns")
    show_table(screen, look.columns, facts)


def _call(text: str, name: str, table: str | None, query: str | None) -> str:
    """Return the command that was given, without a password, as far as it can be shown again."""
    options = [f" --table {table}" if table else "", " --query ..." if query else ""]
    source = re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:...@", text)
    return f"nightfit init {source}{''.join(options)}"


def _target(
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
        raise SourceError(
            "No column holds numbers that vary, so there is nothing to predict.",
            next_step="A column of text with numbers in it needs 'formats': see docs/datasets.md.",
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CallError(
            f"Which column is to be predicted? Those of numbers are: {listed(likely)}.",
            next_step=f"Name it, for example: {call} --target {_in_shell(likely[0])}",
        )
    return _asked(likely, names)


def _asked(likely: Sequence[str], names: Sequence[str]) -> str:
    """Return the column that a person chooses at the terminal, by its number or its name."""
    screen = Screen(stderr=True)
    screen.print("Which column is to be predicted? The likely ones:")
    for number, name in enumerate(likely[:MAX_ASKED], start=1):
        screen.print(f"  {number}  {name}")
    while True:
        answer = typer.prompt("Its number or name", default="1", err=True).strip()
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
    return CallError(
        f"Column {quoted(target)} {holds}, so it cannot be predicted.",
        next_step=f"Those of numbers are: {listed(likely)}.",
    )


def _plural(one: "ColumnFacts") -> str:
    from data.sources.columns import PLURAL

    return PLURAL.get(one.kind, "values of no kind") if one.kind else "nothing"


def _in_shell(name: str) -> str:
    from shlex import quote

    return quote(name)


def _moves(source: Any) -> bool:
    """Return whether rows may come in another order the next night: a query's, several files'."""
    return not isinstance(source, PathSource) or source.path.is_dir() or not source.path.is_file()


def _source_fields(source: Any, told: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the keys of `source` in a file of a folder: what was given, and what was told."""
    if isinstance(source, PathSource):
        given = {name: getattr(source, name) for name in OPTIONS}
        path = source.path
        near = path.relative_to(folder) if path.is_relative_to(folder) else path
        options = {name: value for name, value in given.items() if value is not None}
        return {"path": _text(near), **told, **options}
    return dict(source.model_dump(exclude_none=True, mode="json"))


def _text(path: Path) -> str:
    text = str(path)
    if not text.isprintable():
        raise CallError(
            "The name of the file has characters that a declaration cannot have.",
            where=shown(path),
            next_step="Rename it.",
        )
    return text


def _write(file: Path, content: str) -> None:
    """Write a new file, in a folder that is made if it is not there; none is overwritten."""
    make_folder(file.parent)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except FileExistsError:
        _refuse_existing(file)
        raise
    except OSError as error:
        raise CallError(
            f"The file cannot be written: {error.strerror}.",
            where=shown(file),
            next_step="Make the folder writable, or name another file with --out.",
        ) from None


def _next_steps(name: str, file: Path, config: Settings) -> str:
    steps = f"Next: nightfit check {name}, then nightfit nightly {name}"
    if file.parent.resolve() == config.datasets.resolve():
        return steps
    return f"Next: put it into {shown(config.datasets)}, or set NIGHTFIT_DATASETS. {steps}"
