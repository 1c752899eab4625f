"""A column of text that identifies rows, as a key or a group: its texts stay as they are."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.sources.columns import value_text, with_digits
from data.sources.distinct import Distinct
from data.sources.forms import MONTH, TIMES, ZONED_TIMES, cast
from data.sources.missing_words import OF_KEYS
from data.sources.readings import ColumnReading
from data.sources.suggested_kind import code_note, fitting
from data.sources.text_columns import TextColumn, read_text, word_notes
from data.sources.text_request import Request

WHOLE = r"^(-?[0-9]+)\.0+$"
BEYOND_MICROSECONDS = re.compile(r"\.(\d{7,9})")


def read_key_text(text: pa.ChunkedArray, request: Request, *, has_words: bool) -> TextColumn:
    """Return a key column of text so that `value_text` gives the key of each row.

    It depends on the row's own text and on the column's declared or remembered kind, never on other
    rows: the text stays as it is written, "007" and "1.10" included. Times are in ISO 8601, and
    where the column has been one of numbers, 3.0 is 3. With `has_words`, as in CSV, blanks and the
    words for a missing key are missing.
    """
    if request.kind_from == "declared":
        return read_text(text, request)
    if request.kind == "number" and request.is_also_used:
        column = read_text(text, request)
        if request.needs is not None or _are_written_so(column.values, text):
            return column
    if request.kind in (None, "number") and not request.words:
        whole = cast(text, pa.int64())  # as most keys are
        if whole is not None and len(whole) and whole.cast(pa.string()).equals(text):
            reading = ColumnReading(request.name, "number", request.kind_from, natural="number")
            return TextColumn(whole, reading)
    cells = Distinct(text)
    missing = cells.among(request.words)
    if has_words:
        missing |= cells.blank | cells.among(OF_KEYS)
    if _are_times(cells, ~missing, request):
        return _times(text, replace(request, kind="time"))
    values = cells.without(text, missing)
    if request.kind == "number":
        values = pc.replace_substring_regex(values, WHOLE, r"\1")
    typed = values if request.kind == "category" else _as_numbers(values)
    if request.needs is not None and pa.types.is_string(typed.type):
        return read_text(text, request)
    kind = request.kind or ("category" if pa.types.is_string(typed.type) else "number")
    words = missing & ~cells.blank & ~cells.among(request.words)
    notes = word_notes(cells, words, request, "category")
    if has_words and pa.types.is_string(typed.type):
        codes = code_note(cells, ~missing, request.name, "stay as they are written")
        notes += [codes] if codes else []
    return TextColumn(
        typed,
        ColumnReading(request.name, kind, request.kind_from, natural=kind, notes=tuple(notes)),
    )


def _are_times(cells: Distinct, present: np.ndarray, request: Request) -> bool:
    """Return whether the column holds times, because it did before or all of its texts are some."""
    if request.kind is not None or not present.any():
        return request.kind == "time"
    months = np.asarray(pc.match_substring_regex(cells.normal, f"^{MONTH}$"), dtype=bool)
    if (months & present).any() and not request.is_also_used:
        return False  # 2024-03 may be anything
    fits = (fitting(form, cells.normal) for form in (TIMES, ZONED_TIMES))
    return any(bool(mask[present].all()) for mask in fits)


def _times(text: pa.ChunkedArray, request: Request) -> TextColumn:
    """Return times; as their text if they have more digits than a time can hold."""
    column = read_text(text, request)
    has_more = pc.match_substring_regex(text, BEYOND_MICROSECONDS.pattern).fill_null(False)
    if request.is_also_used or not pc.any(has_more).as_py():
        return column
    values = value_text(column.values)
    pairs = zip(values.filter(has_more).to_pylist(), text.filter(has_more).to_pylist(), strict=True)
    exact = [value and _with_digits_of(value, written) for value, written in pairs]
    mask = has_more.combine_chunks()
    values = pc.replace_with_mask(values, mask, pa.array(exact, pa.string()))
    return replace(column, values=values)


def _with_digits_of(value: str, written: str) -> str:
    match = BEYOND_MICROSECONDS.search(written)
    return with_digits(value, match[1]) if match else value


def _are_written_so(numbers: pa.ChunkedArray, text: pa.ChunkedArray) -> bool:
    """Return whether the key of each number is its text: not if 1.10 and 1.1 are two keys."""
    same = pc.equal(value_text(numbers), pc.replace_substring_regex(text, WHOLE, r"\1"))
    return bool(pc.all(same).as_py() is not False)


def _as_numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers if each of them is written as its text is, else the text."""
    for dtype in (pa.int64(), pa.float64()):
        numbers = cast(text, dtype)
        if numbers is not None and value_text(numbers).equals(text):
            return numbers
    return text
