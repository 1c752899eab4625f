"""The kind that the values of a column of text suggest, and what is not sure about it."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.declarations.value_formats import value_format
from data.sources.columns import PLURAL
from data.sources.distinct import Distinct
from data.sources.formats import MAX_TEXTS, MIN_SHARE, format_of
from data.sources.forms import NUMBERS, SUGGESTED, TIMES, ZONED_TIMES, Form, Mask
from data.sources.missing_words import BESIDE_VALUES, EVERYWHERE
from data.sources.proposed_format import Proposal, declaration_of, proposal_for
from data.sources.readings import MAX_EXAMPLES
from data.sources.text_request import Request
from data.sources.value_formats import read_column

MAX_LEVELS = 20
"""A column of numbers with some texts may be a category if it has no more different values."""
LEADING_ZERO = re.compile(r"0\d+")
BARE_EXPONENT = re.compile(r"\d+[eE]\d+")
INTEGER = r"^[+-]?\d+$"


@dataclass(frozen=True)
class Suggestion:
    """The kind that values suggest, by which form, and what a person should know about it."""

    kind: Kind | None
    form: Form | None = None
    note: str = ""


def suggested(cells: Distinct, missing: Mask, request: Request) -> Suggestion:
    """Return the kind that the values alone suggest."""
    present = ~missing
    values = present & ~cells.among(BESIDE_VALUES)
    total = cells.rows(values)
    if not total:
        return Suggestion("category" if cells.rows(present) else None)
    fits = {form: fitting(form, cells.normal) & present for form in SUGGESTED}
    form = max(SUGGESTED, key=lambda form: cells.rows(fits[form]))
    share = cells.rows(fits[form]) / total
    odd = values & ~fits[form]
    if form is NUMBERS and request.needs is None:
        read_as = "numbers" if request.kind == "number" else "a category"
        codes = code_note(cells, values, request.name, f"are read as {read_as}")
        if codes:
            return Suggestion("category", note=codes)
    if share == 1:
        return Suggestion(form.kind, form)
    if share >= MIN_SHARE and form.kind == "boolean" and request.needs is None:
        return Suggestion("category", note=_levels_note(cells, odd, form, request))
    if share >= MIN_SHARE and form.kind != "boolean":
        if request.needs is not None or not _are_levels(cells, values, odd):
            return Suggestion(form.kind, form)
        return Suggestion("category", note=_levels_note(cells, odd, form, request))
    return Suggestion("category", note=_format_note(cells, present, request))


def fitting(form: Form, texts: pa.ChunkedArray) -> Mask:
    """Mark the texts that are values of the form, which a 30th of February is not."""
    return np.concatenate([np.zeros(0, bool), *(_fitting(form, part) for part in texts.chunks)])


def _fitting(form: Form, texts: pa.Array) -> Mask:
    fits = form.fits(texts)
    if form.kind != "time" or not fits.any():
        return fits
    values = form.read(texts.filter(pa.array(fits)))
    fits[np.flatnonzero(fits)] = np.asarray(values.is_valid())
    return fits


def _are_levels(cells: Distinct, values: Mask, odd: Mask) -> bool:
    """Return whether texts among numbers look like levels: few, and each in several rows."""
    if len(cells.first(values, MAX_LEVELS + 1)) > MAX_LEVELS:
        return False
    return bool((cells.sizes(cells.first(odd)) >= 2).all())


def _code(cells: Distinct, numbers: Mask) -> int | None:
    """Return the first text that a number would change, because it is a code such as 007 or 1E7."""
    texts = cells.read(numbers)
    if pc.any(pc.match_substring(texts, ".")).as_py():
        return None
    whole = np.asarray(pc.match_substring_regex(texts, INTEGER), dtype=bool)
    zeros = np.asarray(pc.match_substring_regex(texts, rf"^{LEADING_ZERO.pattern}$"), dtype=bool)
    exponents = np.asarray(
        pc.match_substring_regex(texts, rf"^{BARE_EXPONENT.pattern}$"), dtype=bool
    )
    codes = zeros | exponents if whole.any() else zeros
    return int(np.flatnonzero(numbers)[codes][0]) if codes.any() else None


def code_note(cells: Distinct, present: Mask, name: str, outcome: str) -> str:
    """Return a sentence on codes that a number would change, and their `outcome`, else ""."""
    numbers = fitting(NUMBERS, cells.normal) & present
    if cells.rows(numbers) < MIN_SHARE * cells.rows(present):
        return ""
    code = _code(cells, numbers)
    if code is None:
        return ""
    what = "an exponent" if BARE_EXPONENT.fullmatch(cells.text(code)) else "leading zeros"
    return (
        f"Column {name!r} has codes with {what}, such as {cells.shown(code)}: they {outcome}."
        f" Declare types: {{{name}: category}} if that is right, or number if they are numbers."
    )


def _levels_note(cells: Distinct, odd: Mask, form: Form, request: Request) -> str:
    texts = ", ".join(repr(cells.text(i)) for i in cells.first(odd, MAX_EXAMPLES))
    rows = cells.rows(odd)
    where = "1 row" if rows == 1 else f"{rows:,} rows"
    return (
        f"Column {request.name!r} holds {PLURAL[form.kind]}, and {texts} in {where}. It has few"
        f" different values, so it is taken as a category. Declare types: {{{request.name}:"
        f" {form.kind}}} and missing: [{texts}] if they mean a missing value."
    )


def _format_note(cells: Distinct, present: Mask, request: Request) -> str:
    """Return a sentence on values written in a way that nightfit does not read, or ""."""
    keep = f"declare types: {{{request.name}: category}} to keep it as it is."
    mixed = _mixed_zones(cells, present)
    if mixed:
        return (
            f"Column {request.name!r} has {mixed}, so it is taken as a category. Write all of them"
            f" with a zone, or none; or {keep}"
        )
    proposal = proposal_for(cells, present, request.name)
    if proposal is not None and proposal.kind != "boolean":
        holds, step = proposed_reading(cells, present, request.name, proposal)
        return (
            f"Column {request.name!r} {holds}, so it is taken as a category. Declare {step}, or"
            f" {keep.removeprefix('declare ')}"
        )
    written = format_of(cells.counted(present, MAX_TEXTS))
    if written is None:
        return ""
    noun = "times in ISO 8601" if written.is_time else "plain numbers"
    return (
        f"Column {request.name!r} holds {written.name}, such as {_example(cells, present)};"
        f" nightfit reads {written.instead}, so it is taken as a category. Write {noun} in the"
        f" source, or {keep}"
    )


def proposed_reading(
    cells: Distinct, present: Mask, name: str, proposal: Proposal
) -> tuple[str, str]:
    """Return how a column is written, as "holds ..., such as ...", and the line that declares it.

    Where two formats fit, there are both lines, with what each makes of the first text that they
    read differently.
    """
    if not proposal.alternatives:
        example = _example(cells, present)
        return (
            f"holds {proposal.words}, such as {example}",
            f"{declaration_of(name, proposal.format)} to read them",
        )
    formats = proposal.format, proposal.alternatives[0]
    columns = [read_column(cells.normal, value_format(each)) for each in formats]
    first, second = (read.values if read else pa.nulls(len(present)) for read in columns)
    differ = np.asarray(pc.not_equal(first, second).fill_null(False), dtype=bool) & present
    at = int(np.flatnonzero(differ)[0])
    values = [_shown_value(column[at].as_py()) for column in (first, second)]
    lines = [declaration_of(name, each) for each in formats]
    return (
        f"holds {proposal.words}, such as {cells.shown(at)}",
        f"{lines[0]} if that is {values[0]}, or {lines[1]} if it is {values[1]}",
    )


def _shown_value(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def written_as(text: pa.ChunkedArray, name: str) -> str:
    """Return which foreign format a column of text is in, as "holds ..., such as ..."; else ""."""
    cells = Distinct(text)
    present = ~cells.blank & ~cells.among(EVERYWHERE)
    mixed = _mixed_zones(cells, present)
    if mixed:
        return f"has {mixed}: nightfit needs all of them with a zone, or none"
    proposal = proposal_for(cells, present, name)
    if proposal is not None and proposal.kind != "boolean":
        return ": declare ".join(proposed_reading(cells, present, name, proposal))
    written = format_of(cells.counted(present, MAX_TEXTS))
    if written is None:
        return ""
    example = _example(cells, present)
    return f"holds {written.name}, such as {example}: nightfit reads {written.instead}"


def _mixed_zones(cells: Distinct, present: Mask) -> str:
    """Return which times have a zone and which have none, "" if all or none have one."""
    masks = [fitting(form, cells.normal) & present for form in (ZONED_TIMES, TIMES)]
    both = cells.rows(masks[0] | masks[1])
    if not all(mask.any() for mask in masks) or both < MIN_SHARE * cells.rows(present):
        return ""
    with_zone, without = (cells.shown(int(np.flatnonzero(mask)[0])) for mask in masks)
    return f"times with a zone, such as {with_zone}, and without one, such as {without}"


def _example(cells: Distinct, present: Mask) -> str:
    """Return a text that is no plain number, with its row."""
    odd = present & ~fitting(NUMBERS, cells.normal)
    return cells.shown(int(np.flatnonzero(odd)[0]))
