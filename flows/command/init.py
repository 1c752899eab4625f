"""`nightfit init`: look at a source, propose a declaration, and write it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.address_space import require_address_space
from data.declarations.file import declared_datasets, is_name
from data.declarations.model import MAX_NAME_LENGTH
from data.declarations.text_file import shown
from data.errors import CallError, quoted
from data.scratch import temporary_folder
from data.settings import Settings, settings
from flows.command.folders import make_folder
from flows.command.init_source import keys_made_for, name_of, password_of, source_fields, with_sheet
from flows.command.init_target import call_shown, chosen_target
from flows.command.screen import Screen
from flows.command.secrets import secrets_as_at_night
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from data.proposals.facts import ColumnFacts
    from data.proposals.written import FormatProposal
    from data.sources.look import Look

MAX_SHOWN_LINES = 60


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
    from data.declarations.value_formats import value_format
    from data.proposals.proposal import proposed
    from data.proposals.sampled import sampled
    from data.proposals.written import Context, as_yaml, parsed

    require_address_space()
    config = settings()
    if table is None and query is None:
        with secrets_as_at_night(config.home):
            _refuse_whole_database(text)
    source = with_sheet(source_named(text, None, table=table, query=query), sheet)
    name = _free_name(name or name_of(source), config, is_given=name is not None, out=out)
    file = config.datasets / f"{name}.yaml" if out is None else out.absolute()
    _refuse_existing(file)
    if yes and file.parent.resolve() != config.datasets.resolve():
        raise CallError(
            "--yes runs a night of what is in the folder of declarations, and --out is elsewhere.",
            next_step="Leave one of them out, or set NIGHTFIT_DATASETS to that folder.",
        )
    screen = Screen()
    with talking(), secrets_as_at_night(config.home), temporary_folder() as folder:
        look, missing, formats, options = _look(source, folder, name)
        facts = _facts(look)
        show_facts(screen, look, facts)
        chosen = chosen_target(target, facts, formats, call_shown(text, name, table, query))
        sample = sampled(look.columns, facts, chosen)
        proposal = proposed(
            look.columns,
            facts,
            sample,
            chosen,
            made=keys_made_for(source),
            kind_as_key=look.kind_as_key,
            unread=[
                each.name
                for each in formats
                if each.others and value_format(each.format).kind == "number"
            ],
        )
    fields = source_fields(source, options, file.parent, name)
    opening = (
        f"Proposed by nightfit init from {look.rows:,} rows of {len(facts):,} columns. Look through"
        f" it, change what is not right, and see what `nightfit check {name}` says."
    )
    is_named = file.stem != name
    context = Context(name, fields, opening, missing, formats, is_named, look.notes)
    content = as_yaml(proposal, context)
    parsed(content, name=name, folder=file.parent, file=shown(file))
    _write(file, content)
    screen.print(_head(content), soft_wrap=True)
    screen.print()
    screen.print(f"Written to {shown(file)}.", soft_wrap=True)
    if not yes:
        secret = password_of(name) if f"${{{password_of(name)}}}" in content else ""
        screen.print(_next_steps(name, file, config, secret=secret), soft_wrap=True)
        return 0
    from flows.command.nights import run_nightly

    return run_nightly([name], force=False, wait=True, nights=(None, None), as_json=False)


def _refuse_whole_database(text: str) -> None:
    """Raise `CallError` with the tables of a database of which none is named."""
    from data.connections.engine import connected
    from data.declarations.named_source import database_named
    from data.sources.database.tables import tables_in_words

    url = database_named(text, wanted=False)
    if url is None:
        return
    with connected(url.text, url.shown, read_only=True) as connection:
        tables = tables_in_words(connection)
    raise CallError(
        "This is a database, and neither a table nor a query is named.",
        where=url.shown,
        next_step=f"{tables} Name one with --table, or write a --query.",
    )


def _head(content: str) -> str:
    """Return what a person should look through at once: all but the opening and the rules."""
    lines = content.rstrip().splitlines()
    from data.proposals.written import RULES_OPENING

    begin = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    end = next((n for n, line in enumerate(lines) if line.startswith(RULES_OPENING)), len(lines))
    rules = sum(line.startswith("  - {type:") for line in lines[end:])
    shown_lines = lines[begin:end]
    if len(shown_lines) > MAX_SHOWN_LINES:
        more = len(shown_lines) - MAX_SHOWN_LINES
        shown_lines = [*shown_lines[:MAX_SHOWN_LINES], f"... and {more} more lines"]
    return "\n".join(
        [*shown_lines, *([f"and {rules} expectations, as proposals"] if rules else [])]
    )


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
            facts.append(facts_of(reading.name, place, column))
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

    columns = "column" if len(facts) == 1 else "columns"
    screen.print(f"{look.rows:,} {'row' if look.rows == 1 else 'rows'}, {len(facts):,} {columns}")
    show_table(screen, look.columns, facts)


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


def _next_steps(name: str, file: Path, config: Settings, *, secret: str) -> str:
    secret = f"set {secret} in the environment, then " if secret else ""
    steps = f"Next: {secret}nightfit check {name}, and nightfit nightly {name}"
    if file.parent.resolve() == config.datasets.resolve():
        return steps
    return f"Put it into {shown(config.datasets)}, or set NIGHTFIT_DATASETS. {steps}"
