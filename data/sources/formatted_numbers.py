"""Columns of numbers, in a source with types, whose declared format makes other values of them."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.value_formats import NumberExample
from data.sources.columns import kind_of, typed, value_text
from data.sources.forms import NUMBERS
from data.sources.readings import MAX_EXAMPLES, ColumnReading
from data.sources.text_columns import TextColumn
from data.sources.text_request import Request
from data.sources.value_formats import read_column


def read_formatted(column: pa.ChunkedArray, request: Request) -> TextColumn | None:
    """Return counted times, or other values that the format of numbers says they stand for.

    None if the column has no numbers, or its format is for texts alone.
    """
    values = typed(column)
    if request.written is None or values is None or kind_of(values.type) != "number":
        return None
    values = without_numbers(values, request.words)
    read = read_column(values, request.written)
    if read is None or values.null_count == len(values):
        return None
    odd = np.asarray(values.is_valid(), dtype=bool) & ~np.asarray(read.values.is_valid())
    bad = np.flatnonzero(odd)
    listed = request.listed(bad, len(values))
    texts = value_text(values.take(pa.array(listed, pa.int64()))).to_pylist()
    kind = request.kind
    reading = ColumnReading(
        request.name,
        kind,
        request.kind_from,
        unparsable=len(bad),
        rows=tuple(listed),
        texts=tuple(texts),
        examples=tuple((row + 1, text) for row, text in zip(listed, texts, strict=True))[
            :MAX_EXAMPLES
        ],
        natural=kind,
    )
    return TextColumn(pa.chunked_array([read.values]), reading)


def note_on_numbers(values: pa.ChunkedArray, request: Request) -> tuple[str, ...]:
    """Return a sentence if numbers have a format by which a text would be another number."""
    written = request.written
    if not isinstance(written, NumberExample) or kind_of(values.type) != "number":
        return ()
    if not written.power and not written.scaled:
        return ()
    return (
        f"Column {request.name!r} holds numbers in the source and not texts such as"
        f" {request.format!r}, so they are taken as they are, as those of a spreadsheet are.",
    )


def without_numbers(values: pa.ChunkedArray, words: Sequence[str]) -> pa.ChunkedArray:
    """Return numbers with those missing that are declared to be, such as -999."""
    if not words:
        return values
    texts = pa.array(words, pa.string())
    numbers = texts.filter(pa.array(NUMBERS.fits(texts))).cast(pa.float64())
    if not len(numbers) or kind_of(values.type) != "number":
        return values
    is_word = pc.is_in(values.cast(pa.float64(), safe=False), value_set=numbers)
    return pc.if_else(is_word, pa.scalar(None, values.type), values)
