"""Several files as one table: the same columns, one file's rows behind the other's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from data.declarations.model import Declaration
from data.errors import SourceError, listed
from data.sources.columns import has_kind, kind_of, typed
from data.sources.header import check_header
from data.sources.source_columns import SourceColumns
from data.sources.source_files import SourceFile
from data.sources.text_columns import read_text
from data.sources.text_request import Request

MAX_OPEN = 200
"""So many files are kept open at once; more are opened again for each column."""


@dataclass(frozen=True)
class Part:
    """One of the files, and its columns."""

    file: SourceFile
    columns: SourceColumns


def joined(parts: Sequence[Part], declaration: Declaration) -> SourceColumns:
    """Return the rows of all parts as one source; its columns are in the order of the first.

    A part with other columns, or with a column of another kind, is a `SourceError` that names both
    files. The names of folders (`year=2024`) are columns, too, behind the others.
    """
    first = parts[0]
    for part in parts:
        _check(part, first)
    fields = [_field(name, parts) for name in first.columns.column_names]
    schema = pa.schema(fields, first.columns.schema.metadata)
    names = [n for n, _ in first.file.partition if n not in first.columns.column_names]
    values = {
        name: _partition(name, parts, declaration, has_types=first.columns.has_types)
        for name in names
    }
    for name in names:
        schema = schema.append(pa.field(name, values[name].type))
    told = {one: None for part in parts for one in part.columns.told}
    return replace(
        first.columns,
        schema=schema,
        file_rows=sum(part.columns.file_rows for part in parts),
        read=partial(_read, parts, schema, values),
        told=tuple(told),
        notes=tuple({note: None for part in parts for note in part.columns.notes}),
    )


def _check(part: Part, first: Part) -> None:
    names, others = part.columns.column_names, first.columns.column_names
    try:
        check_header(names)
    except SourceError as error:
        raise SourceError(error.what, where=part.file.shown, next_step=error.next_step) from None
    missing = [repr(name) for name in others if name not in set(names)]
    more = [repr(name) for name in names if name not in set(others)]
    if missing or more:
        lacks = f"lacks {listed(missing)}" if missing else ""
        has = f"has {listed(more)} besides" if more else ""
        raise SourceError(
            f"Its columns are not those of {first.file.name!r}: it"
            f" {' and '.join(filter(None, (lacks, has)))}.",
            where=part.file.shown,
            next_step="Correct one of the files, or leave it out of the pattern or folder.",
        )
    keys, expected = ([n for n, _ in p.file.partition] for p in (part, first))
    if keys != expected:
        raise SourceError(
            f"Its folders name the columns {listed(keys) or 'none'}, but those of"
            f" {first.file.name!r} name {listed(expected) or 'none'}.",
            where=part.file.shown,
            next_step="Move one of the files, or leave it out.",
        )


def _field(name: str, parts: Sequence[Part]) -> pa.Field:
    """Return a column's name and the type that holds the values of all parts."""
    field = parts[0].columns.schema.field(name)
    for part in parts[1:]:
        other = part.columns.schema.field(name)
        if other.type == field.type:
            continue
        try:
            pair = [pa.schema([_plain(each)]) for each in (field, other)]
            united = pa.unify_schemas(pair, promote_options="permissive").field(name)
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            united = None
        if united is None or not _same_kind(field.type, other.type):
            raise SourceError(
                f"Column {name!r} holds {other.type}, but {field.type} in {parts[0].file.name!r}.",
                where=part.file.shown,
                next_step="Write it with the same type in all files.",
            )
        field = united
    return field


def _plain(field: pa.Field) -> pa.Field:
    dtype = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, dtype)


def _same_kind(one: pa.DataType, other: pa.DataType) -> bool:
    kinds = set()
    for dtype in (one, other):
        if pa.types.is_null(dtype):
            continue
        values = typed(pa.chunked_array([], dtype)) if has_kind(dtype) else None
        kinds.add(None if values is None else kind_of(values.type))
    return len(kinds) <= 1


def _read(
    parts: Sequence[Part], schema: pa.Schema, values: dict[str, pa.Array], name: str
) -> pa.ChunkedArray:
    if name in values:
        rows = [part.columns.file_rows for part in parts]
        pieces = [pa.repeat(v, n) for v, n in zip(values[name], rows, strict=True)]
        return pa.chunked_array(pieces, values[name].type)
    dtype = schema.field(name).type
    pieces = []
    for part in parts:
        try:
            column = part.columns.column(name)
        except SourceError as error:
            raise SourceError(
                error.what, where=part.file.shown, next_step=error.next_step
            ) from None
        if has_kind(dtype) and column.type != dtype:
            column = column.cast(dtype)
        pieces += column.chunks
    return pa.chunked_array(pieces, pieces[0].type if pieces else dtype)


def _partition(
    name: str, parts: Sequence[Part], declaration: Declaration, *, has_types: bool
) -> pa.Array:
    """Return the value of each part, as the kind that all of them suggest."""
    texts = [dict(part.file.partition)[name] for part in parts]
    column = pa.chunked_array([pa.array(texts, pa.string())])
    if has_types and name not in {**declaration.types, **declaration.formats}:
        column = read_text(column, Request(name)).values
    return column.combine_chunks()


def reopened(read: Callable[[], SourceColumns]) -> SourceColumns:
    """Return the same columns, whose file is open only while one of them is read."""
    columns = read()
    return replace(columns, read=lambda name: read().read(name))
