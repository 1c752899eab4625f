"""The columns of a source become typed columns, as declared, remembered or suggested by values."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration, Kind
from data.declarations.value_formats import value_format
from data.errors import SourceError, shortened
from data.progress import Report, unreported
from data.sources.column_files import ColumnFiles
from data.sources.columns import (
    OFFSETS,
    PLURAL,
    TEXT_TYPES,
    as_kind,
    finite_or_missing,
    has_kind,
    kind_of,
    offsets,
    typed,
)
from data.sources.counted_times import note_on_counts
from data.sources.distinct import MAX_SHOWN
from data.sources.formatted_numbers import note_on_numbers, read_formatted, without_numbers
from data.sources.key_columns import read_key_text
from data.sources.readings import MAX_EXAMPLES, ColumnReading, left_out
from data.sources.records import NESTED
from data.sources.source_columns import SourceColumns
from data.sources.text_columns import TextColumn, read_text
from data.sources.text_request import Request
from data.sources.text_rules import refuse_nul
from data.sources.time_range import outside_calendar, times_as_text, unknown_zone, within_calendar


def typed_columns(
    source: SourceColumns,
    names: Sequence[str],
    declaration: Declaration,
    kinds: Mapping[str, Kind],
    files: ColumnFiles,
    *,
    has_types: bool,
    every_cell: bool = False,
    report: Report = unreported,
) -> list[ColumnReading]:
    """Add columns in the types of `columns.py` to files, and return how each was read.

    `names` are the columns of the source that are wanted, and `kinds` those that columns had
    before. A source that `has_types` has texts only where they are meant as such; in CSV everything
    is text.

    Columns of no kind are left out; a `SourceError` if the declaration needs one of them. Behind
    all columns stand the `OFFSETS` of times of a source with time zones.
    """
    readings = []
    exact = {*declaration.key, declaration.split.group}
    for number, name in enumerate(names):
        report(number / len(names), f"{number} of {len(names)} columns")
        request = _request(name, declaration, kinds, names)
        request = replace(request, list_all=request.list_all or every_cell, list_many=every_cell)
        if name in source.of_no_kind:
            readings.append(_left_out_for_its_type(name, source, declaration))
            continue
        raw = source.column(name)
        column = _column(raw, request, declaration, has_types=has_types)
        if column is None:
            readings.append(left_out(name, f"holds {_type_name(raw)}"))
            continue
        if column.reading.unparsable:
            refuse_nul(name, raw)  # the texts of such cells are stored
        del raw
        values = column.values
        if name not in exact:
            values = without_numbers(values, declaration.missing)
        if declaration.infinite == "missing" and name not in _roles(declaration):
            values = finite_or_missing(values)
        refuse_nul(name, values)
        files.add(name, values)
        readings.append(column.reading)
        if column.offsets is not None:
            files.add(OFFSETS + name, column.offsets)
        del values, column
        pa.default_memory_pool().release_unused()  # or it is kept beside that of the next column
    files.arrange(sorted(files.schema.names, key=lambda name: name.startswith(OFFSETS)))
    return readings


def _left_out_for_its_type(
    name: str, source: SourceColumns, declaration: Declaration
) -> ColumnReading:
    """Return the reading of a column of no kind; `SourceError` if the declaration needs it."""
    unusable = source.of_no_kind[name]
    if name in {*_roles(declaration), *declaration.named_columns()}:
        raise SourceError(
            f"Column {name!r} holds {unusable.holds}, which is not a number, category, boolean or"
            " time.",
            next_step=unusable.next_step,
        )
    return left_out(name, f"holds {unusable.holds}")


def time_column(
    source: SourceColumns,
    declaration: Declaration,
    kinds: Mapping[str, Kind],
    *,
    has_types: bool,
) -> TextColumn | None:
    """Return the typed time column and how it was read, None if the source has no such column."""
    name = declaration.time
    if name is None or name not in source.column_names or name in source.of_no_kind:
        return None
    request = _request(name, declaration, kinds, source.column_names)
    return _column(source.column(name), request, declaration, has_types=has_types)


def _column(
    column: pa.ChunkedArray, request: Request, declaration: Declaration, *, has_types: bool
) -> TextColumn | None:
    """Return one typed column, None if it is of no kind; `SourceError` if it must be of one."""
    is_category = pa.types.is_dictionary(column.type) and request.kind in (None, "category")
    dtype = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if any(is_text(dtype) for is_text in TEXT_TYPES) and not is_category:
        return _of_text(column.cast(pa.string()), request, declaration, has_types=has_types)
    if request.written is not None and (read := read_formatted(column, request)):
        return read
    return _of_values(column, request, declaration)


def _roles(declaration: Declaration) -> set[str | None]:
    roles = {declaration.target, declaration.time, declaration.weight}
    return {*declaration.key, declaration.split.group, *roles}


def _request(
    name: str, declaration: Declaration, kinds: Mapping[str, Kind], columns: Sequence[str]
) -> Request:
    needs: Literal["number", "order"] | None = None
    if name in (declaration.target, declaration.weight):
        needs = "number"
    elif name == declaration.time:
        needs = "order"
    request = Request(
        name,
        needs=needs,
        is_feature=declaration.is_feature(name, columns),
        words=declaration.missing,
        list_all=declaration.unparsable == "quarantine",
    )
    if name in declaration.formats:
        written = declaration.formats[name]
        kind = value_format(written).kind
        return replace(request, kind=kind, kind_from="declared", format=written)
    if name in declaration.types:
        return replace(request, kind=declaration.types[name], kind_from="declared")
    if name in kinds:
        return replace(request, kind=kinds[name], kind_from="remembered")
    return request


def _of_text(
    text: pa.ChunkedArray, request: Request, declaration: Declaration, *, has_types: bool
) -> TextColumn:
    if request.name in (*declaration.key, declaration.split.group):
        return read_key_text(text, request, has_words=not has_types)
    column = read_text(text, request)
    reading = column.reading
    if not has_types or request.kind_from == "declared" or reading.kind in (None, "category"):
        return column
    note = (
        f"Column {request.name!r} is text in the source, but its values are {PLURAL[reading.kind]},"
        f" so it is read as {PLURAL[reading.kind]}. Declare types:"
        f" {{{request.name}: {reading.kind}}} if that is right, or category if not."
    )
    return replace(column, reading=replace(reading, notes=(note, *reading.notes)))


def _of_values(
    column: pa.ChunkedArray, request: Request, declaration: Declaration
) -> TextColumn | None:
    """Return a column that has a type of its own, converted where another kind is asked for."""
    name = request.name
    exact = name in (*declaration.key, declaration.split.group)
    if pa.types.is_dictionary(column.type) and has_kind(column.type):
        column = column.cast(column.type.value_type)
    column, unusable = _calendar_times(column, request)
    zone = unknown_zone(column.type)
    values = None if zone else typed(column, exact=exact)
    if values is None:
        needed = {*_roles(declaration), *declaration.named_columns()}
        if name not in needed:
            return None
        if zone:
            raise SourceError(
                f"Column {name!r} has times of the zone {shortened(zone, MAX_SHOWN)!r}, which is"
                " not known.",
                next_step="Write them in UTC, or in a zone such as Europe/Berlin or +01:00.",
            )
        raise SourceError(
            f"Column {name!r} holds {_type_name(column)}, which is not a number, category,"
            " boolean or time.",
            next_step="Flatten it in the source, or leave it out of the declaration.",
        )
    is_empty = values.null_count == len(values) and not unusable
    natural = None if is_empty else kind_of(values.type)
    kind = request.kind if natural is None else request.kind or natural
    converted = values if kind is None else as_kind(values, kind)
    if converted is None and request.kind_from == "declared":
        raise SourceError(
            f"Column {name!r} holds {PLURAL[natural]}, but is declared to hold {PLURAL[kind]}.",
            next_step="Leave the column out of 'formats'."
            if request.format
            else "Declare another kind in 'types', or none.",
        )
    if converted is None or (exact and request.kind_from == "remembered"):
        kind, converted = natural, values
    notes = note_on_numbers(values, request)
    if kind == "number" and natural == "number" and not exact:
        notes += note_on_counts(values, request)
    reading = ColumnReading(name, kind, request.kind_from, natural=natural, notes=notes)
    if unusable and kind == "category":
        texts = converted.to_pylist()
        for row, text in unusable.items():
            texts[row] = text
        converted = pa.chunked_array([pa.array(texts, pa.string())])
    elif unusable:
        listed = request.listed(np.array([*unusable]), len(column))
        shown = [unusable[row] for row in listed]
        examples = zip([row + 1 for row in listed], shown, strict=True)
        reading = replace(
            reading,
            unparsable=len(unusable),
            rows=tuple(listed),
            texts=tuple(shown),
            examples=tuple(examples)[:MAX_EXAMPLES],
        )
    return TextColumn(converted, reading, offsets(column) if kind == "time" else None)


def _calendar_times(
    column: pa.ChunkedArray, request: Request
) -> tuple[pa.ChunkedArray, dict[int, str]]:
    """Return a column without times outside the years 1 to 9999, and their texts by row (from 0).

    Those that are declared to mean a missing value are not among them.
    """
    outside = outside_calendar(column)
    if not outside.any():
        return column, {}
    rows = np.flatnonzero(outside).tolist()
    texts = zip(rows, times_as_text(column, rows), strict=True)
    unusable = {row: text for row, text in texts if text not in request.words}
    return within_calendar(column), unusable


def _type_name(column: pa.ChunkedArray) -> str:
    dtype = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if dtype == NESTED:
        return "objects or lists"
    return shortened(str(dtype), MAX_SHOWN)
