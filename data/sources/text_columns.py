"""A column of text becomes a typed column, and a report on how that went.

CSV has nothing but text, and Parquet may have it: both are read here. Cells that mean a missing
value become null, and so do cells that are not of the column's kind, which the report lists.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.declarations.value_formats import ValueFormat, Words
from data.errors import SourceError
from data.sources.columns import PLURAL, TYPES
from data.sources.counted_times import note_on_counts
from data.sources.distinct import Distinct
from data.sources.formats import MAX_TEXTS, format_of
from data.sources.forms import (
    OF_KIND,
    ZONED_TIMES,
    Mask,
    cast,
    offsets_of,
)
from data.sources.missing_words import BESIDE_VALUES, EVERYWHERE, NULLS
from data.sources.proposed_format import declaration_of, proposal_for
from data.sources.readings import MAX_EXAMPLES, ColumnReading
from data.sources.suggested_kind import Suggestion, fitting, suggested
from data.sources.text_request import Request
from data.sources.value_formats import read_column

FEW_ROWS = 1_000
"""Are looked at before all others, where one that has something will do."""


@dataclass(frozen=True)
class TextColumn:
    """A column of text that was read: typed values, and how that went.

    Times that were written with a zone are in UTC, and `offsets` has by how many minutes the clock
    was ahead of it where they were written.
    """

    values: pa.ChunkedArray
    reading: ColumnReading
    offsets: pa.ChunkedArray | None = None


def read_text(text: pa.ChunkedArray, request: Request) -> TextColumn:
    """Return a column of text in the type of its kind, and how it was read.

    A column that is declared to be of a kind that none of its cells is of is a `SourceError`.
    """
    plain = _plain_numbers(text, request)
    if plain is not None:
        notes = note_on_counts(plain, request)
        return TextColumn(plain, _reading(request, "number", natural="number", notes=notes))
    cells = Distinct(text)
    missing = _missing(cells, request)
    if request.written is not None:
        return _formatted(cells, missing, request, request.written)
    suggestion = suggested(cells, missing, request)
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
    if request.kind not in (None, "number") or text.null_count == len(text):
        return None
    if request.written is not None:
        return None
    numbers = _written_plainly(text)
    if numbers is None:
        nulls = pa.array(["", *NULLS, *request.words], pa.string())
        is_null = pc.is_in(text, value_set=nulls)
        filled = pc.if_else(is_null, pa.scalar(None, pa.string()), text)
        if text.null_count < filled.null_count < len(text):
            numbers = _written_plainly(filled)
    return numbers


def _written_plainly(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    whole = cast(text, pa.int64())
    if whole is not None:
        return whole if whole.cast(pa.string()).equals(text) else None
    numbers = cast(text, pa.float64())
    if numbers is None or pc.any(pc.is_nan(numbers)).as_py():
        return None
    # Without any point, there may be codes such as 1E7.
    parts = (text[:FEW_ROWS], text)
    return numbers if any(pc.any(pc.match_substring(p, ".")).as_py() for p in parts) else None


def _missing(cells: Distinct, request: Request) -> Mask:
    """Mark the different texts that mean a missing value wherever they are."""
    if request.kind == "category" and request.kind_from == "declared":
        words = request.words
    else:
        words = (*EVERYWHERE, *request.words)
    missing: Mask = cells.blank | cells.among(words)
    return missing


def _category(
    text: pa.ChunkedArray,
    cells: Distinct,
    missing: Mask,
    request: Request,
    suggestion: Suggestion,
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
    numbers = cells.first(words)
    sizes = cells.sizes(numbers)
    by_size = np.argsort(-sizes, kind="stable")[:MAX_EXAMPLES]
    notes = []
    for i, size in zip(numbers[by_size].tolist(), sizes[by_size].tolist(), strict=True):
        way_out = (
            f"Declare types: {{{request.name}: category}} if it is a value."
            if kind == "category"
            else f"Declare missing: [{cells.text(i)!r}] if that is right."
        )
        others = _more(size)
        notes.append(
            f"Column {request.name!r} has {cells.shown(i)}{others}, taken as a missing value."
            f" {way_out}"
        )
    return notes


def _more(rows: int) -> str:
    return "" if rows == 1 else f" and {rows - 1:,} other {'row' if rows == 2 else 'rows'}"


def _values(
    cells: Distinct, missing: Mask, kind: Kind, request: Request, suggestion: Suggestion
) -> TextColumn:
    """Return the values of a column that is a number, a time or a boolean."""
    words = missing | cells.among(BESIDE_VALUES)
    present = ~words
    fits = {form: fitting(form, cells.normal) & present for form in OF_KIND[kind]}
    form = max(fits, key=lambda form: cells.rows(fits[form]))
    if request.kind_from == "declared" and present.any() and not fits[form].any():
        raise _refusal(cells, present, kind, request)
    odd = present & ~fits[form]
    notes = _notes_on_words(cells, words, kind, request)
    if request.kind_from == "remembered" and suggestion.kind == "category":
        notes.append(suggestion.note if kind == "number" and not odd.any() else "")
    texts = cells.read(fits[form])
    ahead = offsets_of(texts) if form is ZONED_TIMES else None
    return TextColumn(
        cells.spread(form.read(texts), fits[form]),
        _reading_of(cells, odd, kind, request, natural=suggestion.kind, notes=notes),
        _spread_offsets(cells, ahead, fits[form]),
    )


def _formatted(
    cells: Distinct, missing: Mask, request: Request, written: ValueFormat
) -> TextColumn:
    """Return the values of a column by its declared format, which also says what is missing."""
    read = read_column(cells.normal, written)
    values = read.values if read else pa.nulls(0)
    fits: Mask = np.asarray(values.is_valid(), dtype=bool)
    words = missing | cells.among(BESIDE_VALUES)
    if isinstance(written, Words):  # of which one may be a blank, or a sign such as -
        words &= ~fits | cells.among(request.words)
    fits &= ~words
    present = ~words
    if present.any() and not fits.any():
        raise _refusal_of_format(cells, present, request)
    kind = written.kind if present.any() else request.kind
    chosen = pa.array(fits)
    ahead = read.offsets.filter(chosen) if read and read.offsets is not None else None
    notes = _notes_on_words(cells, words, written.kind, request)
    natural = written.kind if present.any() else None
    return TextColumn(
        cells.spread(values.filter(chosen), fits),
        _reading_of(cells, present & ~fits, kind, request, natural=natural, notes=notes),
        _spread_offsets(cells, ahead, fits),
    )


def _notes_on_words(cells: Distinct, words: Mask, kind: Kind, request: Request) -> list[str]:
    silent = cells.blank | cells.among((*NULLS, *request.words))
    return word_notes(cells, words & ~silent, request, kind)


def _spread_offsets(cells: Distinct, ahead: pa.Array | None, fits: Mask) -> pa.ChunkedArray | None:
    """Return the offsets of all rows, None if all clocks are UTC's."""
    if ahead is None or not np.any(ahead.to_numpy()):
        return None
    return cells.spread(ahead, fits)


def _reading_of(
    cells: Distinct,
    odd: Mask,
    kind: Kind | None,
    request: Request,
    *,
    natural: Kind | None,
    notes: list[str],
) -> ColumnReading:
    """Return how a column was read whose `odd` texts are not of its kind."""
    bad = cells.where(odd)
    listed = request.listed(bad, cells.n)
    return _reading(
        request,
        kind,
        unparsable=len(bad),
        rows=tuple(listed),
        texts=tuple(map(cells.at, listed)),
        examples=tuple((row + 1, cells.at(row)) for row in listed[:MAX_EXAMPLES]),
        natural=natural,
        notes=tuple(filter(None, notes)),
    )


def _refusal_of_format(cells: Distinct, present: Mask, request: Request) -> SourceError:
    example = cells.shown(int(np.flatnonzero(present)[0]))
    proposal = proposal_for(cells, present, request.name)
    right = declaration_of(request.name, proposal.format) if proposal else ""
    step = f"Declare {right}" if right else "Correct the format"
    return SourceError(
        f"Column {request.name!r} is declared to be written as {request.format!r}, but no value"
        f" is: it has {example}.",
        next_step=f"{step}, or leave the column out of 'formats'.",
    )


def _refusal(cells: Distinct, present: Mask, kind: Kind, request: Request) -> SourceError:
    proposal = proposal_for(cells, present, request.name)
    example = cells.shown(int(np.flatnonzero(present)[0]))
    instead = {"number": "1234.56", "time": "2023-12-31 in ISO 8601", "boolean": "true and false"}
    step = f"Write {PLURAL[kind]} such as {instead[kind]}"
    if proposal is not None and proposal.kind == kind:
        lines = [proposal.format, *proposal.alternatives]
        step = "Declare " + " or ".join(declaration_of(request.name, line) for line in lines)
    written = format_of(cells.counted(present, MAX_TEXTS))
    words = written.name if written else proposal.words if proposal else ""
    holds = f"holds {words}" if words else "has no such value"
    return SourceError(
        f"Column {request.name!r} is declared to hold {PLURAL[kind]}, but {holds}: it has"
        f" {example}.",
        next_step=f"{step}, or declare another kind in 'types'.",
    )


def first_non_number(text: pa.ChunkedArray) -> tuple[int, str] | None:
    """Return row (from 1) and text of the first cell that is neither a number nor missing."""
    column = read_text(text, Request("", kind="number", kind_from="remembered"))
    return next(iter(column.reading.examples), None)
