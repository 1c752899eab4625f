"""A column of text becomes a typed column, and a report on how that went.

CSV has nothing but text, and Parquet may have it: both are read here. Cells that mean a missing
value become null, and so do cells that are not of the column's kind, which the report lists.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.errors import SourceError
from data.sources.columns import PLURAL, TYPES
from data.sources.distinct import Distinct
from data.sources.formats import MIN_SHARE, format_of
from data.sources.forms import (
    NUMBERS,
    OF_KIND,
    SUGGESTED,
    TIMES,
    ZONED_TIMES,
    Form,
    Mask,
    cast,
    offsets_of,
)
from data.sources.missing_words import BESIDE_VALUES, EVERYWHERE, NULLS
from data.sources.readings import MAX_EXAMPLES, ColumnReading, may_be_set_aside

MAX_LEVELS = 20
"""A column of numbers with some texts may be a category if it has no more different values."""

COMPACT_DATES = (1900_01_01, 2100_12_31)
LEADING_ZERO = re.compile(r"0\d+")
BARE_EXPONENT = re.compile(r"\d+[eE]\d+")
INTEGER = r"^[+-]?\d+$"


@dataclass(frozen=True)
class Request:
    """How a column is to be read.

    Without a `kind`, the values decide. `needs` is what its role asks for: the target and the
    weight need a number, the time column an order. `words` are declared to mean a missing value, in
    addition to nightfit's own. All rows of cells that are not of the kind are listed if `list_all`
    and they are few enough to be set aside, or `list_many`; else the first three.
    """

    name: str
    kind: Kind | None = None
    kind_from: Literal["declared", "remembered", "values"] = "values"
    needs: Literal["number", "order"] | None = None
    is_feature: bool = False
    words: tuple[str, ...] = ()
    list_all: bool = True
    list_many: bool = False

    @property
    def is_also_used(self) -> bool:
        """Return whether a key column has another role, or is a feature."""
        return self.is_feature or self.needs is not None


@dataclass(frozen=True)
class TextColumn:
    """A column of text that was read: typed values, and how that went.

    Times that were written with a zone are in UTC, and `offsets` has by how many minutes the clock
    was ahead of it where they were written.
    """

    values: pa.ChunkedArray
    reading: ColumnReading
    offsets: pa.ChunkedArray | None = None


@dataclass(frozen=True)
class _Suggestion:
    """The kind that values suggest, by which form, and what a person should know about it."""

    kind: Kind | None
    form: Form | None = None
    note: str = ""


def read_text(text: pa.ChunkedArray, request: Request) -> TextColumn:
    """Return a column of text in the type of its kind, and how it was read.

    A column that is declared to be of a kind that none of its cells is of is a `SourceError`.
    """
    plain = _plain_numbers(text, request)
    if plain is not None:
        notes = _compact_dates(plain, request)
        return TextColumn(plain, _reading(request, "number", natural="number", notes=notes))
    cells = Distinct(text)
    missing = _missing(cells, request)
    suggestion = _suggested(cells, missing, request)
    kind = request.kind or suggestion.kind
    if kind == "category":
        return _category(text, cells, missing, request, suggestion)
    if kind is None or suggestion.kind is None:
        empty = pa.chunked_array([pa.nulls(len(text), TYPES[kind or "number"])])
        return TextColumn(empty, _reading(request, kind, natural=suggestion.kind))
    return _values(cells, missing, kind, request, suggestion)


def _reading(request: Request, kind: Kind | None, **facts: object) -> ColumnReading:
    reading = ColumnReading(request.name, kind, request.kind_from)
    return replace(reading, **facts)  # type: ignore[arg-type]


def _plain_numbers(text: pa.ChunkedArray, request: Request) -> pa.ChunkedArray | None:
    """Return a column of nothing but plain numbers and nulls; None for any other, read later.

    Most columns are such ones, and this is several times as fast as to look at each text.
    """
    if request.kind not in (None, "number"):
        return None
    nulls = pa.array(["", *NULLS, *request.words], pa.string())
    is_null = pc.is_in(text, value_set=nulls)
    if pc.any(is_null).as_py():
        text = pc.if_else(is_null, pa.scalar(None, pa.string()), text)
    if text.null_count == len(text):
        return None
    whole = cast(text, pa.int64())
    if whole is not None:
        return whole if whole.cast(pa.string()).equals(text) else None
    numbers = cast(text, pa.float64())
    if numbers is None or not pc.any(pc.match_substring(text, ".")).as_py():
        return None  # without any point, there may be codes such as 1E7
    return None if pc.any(pc.is_nan(numbers)).as_py() else numbers


def _compact_dates(numbers: pa.ChunkedArray, request: Request) -> tuple[str, ...]:
    """Return a note if all numbers look like dates without dashes, such as 20231231."""
    if request.kind_from == "declared" or request.needs or not pa.types.is_integer(numbers.type):
        return ()
    ends = pc.min_max(numbers).as_py()
    if not (COMPACT_DATES[0] <= ends["min"] and ends["max"] <= COMPACT_DATES[1]):
        return ()
    dates = numbers.drop_null().to_numpy()
    month, day = dates // 100 % 100, dates % 100
    if not ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
        return ()
    return (
        f"Column {request.name!r} holds numbers that look like dates, such as {dates[0]} in row"
        f" {int(pc.index(numbers, dates[0]).as_py()) + 1}, and is read as numbers. Write dates as"
        f" 2023-12-31, or declare types: {{{request.name}: number}} if they are none.",
    )


def _missing(cells: Distinct, request: Request) -> Mask:
    """Mark the different texts that mean a missing value wherever they are."""
    if request.kind == "category" and request.kind_from == "declared":
        words = request.words
    else:
        words = (*EVERYWHERE, *request.words)
    missing: Mask = cells.blank | cells.among(words)
    return missing


def _suggested(cells: Distinct, missing: Mask, request: Request) -> _Suggestion:
    """Return the kind that the values alone suggest."""
    present = ~missing
    values = present & ~cells.among(BESIDE_VALUES)
    total = cells.rows(values)
    if not total:
        return _Suggestion("category" if cells.rows(present) else None)
    fits = {form: fitting(form, cells.normal) & present for form in SUGGESTED}
    form = max(SUGGESTED, key=lambda form: cells.rows(fits[form]))
    share = cells.rows(fits[form]) / total
    odd = values & ~fits[form]
    if form is NUMBERS and share >= MIN_SHARE and request.needs is None:
        code = _code(cells, fits[form])
        if code is not None:
            return _Suggestion("category", note=_code_note(cells, code, request))
    if share == 1:
        return _Suggestion(form.kind, form)
    if share >= MIN_SHARE and form.kind != "boolean":
        if request.needs is not None or not _are_levels(cells, values, odd):
            return _Suggestion(form.kind, form)
        return _Suggestion("category", note=_levels_note(cells, odd, form, request))
    return _Suggestion("category", note=_format_note(cells, present, request))


def _are_levels(cells: Distinct, values: Mask, odd: Mask) -> bool:
    """Return whether texts among numbers look like levels: few, and each in several rows."""
    return bool(values.sum() <= MAX_LEVELS and (cells.counts[odd] >= 2).all())


def fitting(form: Form, texts: pa.Array) -> Mask:
    """Mark the texts that are values of the form, which a 30th of February is not."""
    fits = form.fits(texts)
    if form.kind != "time" or not fits.any():
        return fits
    values = form.read(texts.filter(pa.array(fits)))
    fits[np.flatnonzero(fits)] = np.asarray(values.is_valid())
    return fits


def _code(cells: Distinct, numbers: Mask) -> int | None:
    """Return the first text that a number would change, because it is a code such as 007 or 1E7."""
    texts = cells.normal.filter(pa.array(numbers))
    if pc.any(pc.match_substring(texts, ".")).as_py():
        return None
    whole = np.asarray(pc.match_substring_regex(texts, INTEGER), dtype=bool)
    zeros = np.asarray(pc.match_substring_regex(texts, rf"^{LEADING_ZERO.pattern}$"), dtype=bool)
    exponents = np.asarray(
        pc.match_substring_regex(texts, rf"^{BARE_EXPONENT.pattern}$"), dtype=bool
    )
    codes = zeros | exponents if whole.any() else zeros
    return int(np.flatnonzero(numbers)[codes][0]) if codes.any() else None


def _code_note(cells: Distinct, code: int, request: Request) -> str:
    what = "an exponent" if BARE_EXPONENT.fullmatch(cells.text(code)) else "leading zeros"
    read_as = "number" if request.kind == "number" else "category"
    return (
        f"Column {request.name!r} has codes with {what}, such as {cells.shown(code)}: it is read as"
        f" a {read_as}. Declare types: {{{request.name}: number}} if they are numbers, or category"
        " if not."
    )


def _levels_note(cells: Distinct, odd: Mask, form: Form, request: Request) -> str:
    texts = ", ".join(repr(cells.text(i)) for i in np.flatnonzero(odd)[:MAX_EXAMPLES])
    noun = "numbers" if form.kind == "number" else "times"
    return (
        f"Column {request.name!r} holds {noun}, and {texts} in {cells.rows(odd):,} rows. It has few"
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
    written = format_of(cells.counted(present))
    if written is None:
        return ""
    noun = "times in ISO 8601" if written.is_time else "plain numbers"
    return (
        f"Column {request.name!r} holds {written.name}, such as {_example(cells, present)};"
        f" nightfit reads {written.instead}, so it is taken as a category. Write {noun} in the"
        f" source, or {keep}"
    )


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


def _category(
    text: pa.ChunkedArray,
    cells: Distinct,
    missing: Mask,
    request: Request,
    suggestion: _Suggestion,
) -> TextColumn:
    """Return the text, null where it is missing, and a note on words that were taken as missing."""
    notes: tuple[str, ...] = ()
    if request.kind_from != "declared":
        words = missing & ~cells.blank & ~cells.among(request.words)
        notes = (*word_notes(cells, words, request, "category"), suggestion.note)
    if request.kind_from == "remembered" and suggestion.kind in ("number", "time"):
        notes = (*notes, _still_a_category(request, suggestion.kind))
    notes = tuple(filter(None, notes))
    reading = _reading(request, "category", natural=suggestion.kind, notes=notes)
    return TextColumn(cells.without(text, missing), reading)


def _still_a_category(request: Request, kind: Kind) -> str:
    return (
        f"Column {request.name!r} holds {PLURAL[kind]} tonight, but it was a category before, so it"
        f" still is one. Declare types: {{{request.name}: {kind}}} to use its {PLURAL[kind]}, or"
        " category if it is one."
    )


def word_notes(cells: Distinct, words: Mask, request: Request, kind: Kind) -> list[str]:
    """Return a note for each word that was taken as missing and may mean something else."""
    by_size = sorted(np.flatnonzero(words).tolist(), key=lambda i: -cells.counts[i])
    notes = []
    for i in by_size[:MAX_EXAMPLES]:
        way_out = (
            f"Declare types: {{{request.name}: category}} if it is a value."
            if kind == "category"
            else f"Declare missing: [{cells.text(i)!r}] if that is right."
        )
        others = _more(int(cells.counts[i]))
        notes.append(
            f"Column {request.name!r} has {cells.shown(i)}{others}, taken as a missing value."
            f" {way_out}"
        )
    return notes


def _more(rows: int) -> str:
    return "" if rows == 1 else f" and {rows - 1:,} other {'row' if rows == 2 else 'rows'}"


def _values(
    cells: Distinct, missing: Mask, kind: Kind, request: Request, suggestion: _Suggestion
) -> TextColumn:
    """Return the values of a column that is a number, a time or a boolean."""
    words = missing | cells.among(BESIDE_VALUES)
    present = ~words
    fits = {form: fitting(form, cells.normal) & present for form in OF_KIND[kind]}
    form = max(fits, key=lambda form: cells.rows(fits[form]))
    if request.kind_from == "declared" and present.any() and not fits[form].any():
        raise _refusal(cells, present, kind, request)
    odd = present & ~fits[form]
    silent = cells.blank | cells.among((*NULLS, *request.words))
    notes = word_notes(cells, words & ~silent, request, kind)
    if request.kind_from == "remembered" and suggestion.kind == "category":
        notes.append(suggestion.note if kind == "number" and not odd.any() else "")
    texts = cells.normal.filter(pa.array(fits[form]))
    zoned = form is ZONED_TIMES
    bad = cells.where(odd)
    few = request.list_many or may_be_set_aside(len(bad), cells.n)
    listed = bad[: None if request.list_all and few else MAX_EXAMPLES].tolist()
    reading = _reading(
        request,
        kind,
        unparsable=len(bad),
        rows=tuple(listed),
        texts=tuple(map(cells.at, listed)),
        examples=tuple((row + 1, cells.at(row)) for row in listed[:MAX_EXAMPLES]),
        natural=suggestion.kind,
        notes=tuple(filter(None, notes)),
    )
    return TextColumn(
        cells.spread(form.read(texts), fits[form]),
        reading,
        cells.spread(offsets_of(texts), fits[form]) if zoned else None,
    )


def _refusal(cells: Distinct, present: Mask, kind: Kind, request: Request) -> SourceError:
    written = format_of(cells.counted(present))
    example = cells.shown(int(np.flatnonzero(present)[0]))
    instead = {"number": "1234.56", "time": "2023-12-31 in ISO 8601", "boolean": "true and false"}
    holds = f"holds {written.name}" if written else "has no such value"
    return SourceError(
        f"Column {request.name!r} is declared to hold {PLURAL[kind]}, but {holds}: it has"
        f" {example}.",
        next_step=f"Write {PLURAL[kind]} such as {instead[kind]}, or declare another kind in"
        " 'types'.",
    )


def first_non_number(text: pa.ChunkedArray) -> tuple[int, str] | None:
    """Return row (from 1) and text of the first cell that is neither a number nor missing."""
    column = read_text(text, Request("", kind="number", kind_from="remembered"))
    return next(iter(column.reading.examples), None)


def written_as(text: pa.ChunkedArray) -> str:
    """Return which foreign format a column of text is in, as "holds ..., such as ..."; else ""."""
    cells = Distinct(text)
    present = ~cells.blank & ~cells.among(EVERYWHERE)
    mixed = _mixed_zones(cells, present)
    if mixed:
        return f"has {mixed}: nightfit needs all of them with a zone, or none"
    written = format_of(cells.counted(present))
    if written is None:
        return ""
    example = _example(cells, present)
    return f"holds {written.name}, such as {example}: nightfit reads {written.instead}"
