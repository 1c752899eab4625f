"""Texts that no run can work with are refused as the source is read, before anything is fitted.

The rules are the same for every database: PostgreSQL can store neither a NUL character nor a key
longer than an entry of its indexes.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import SourceError
from data.sources.columns import TEXT_TYPES
from data.sources.keys import row_key_column

MAX_KEY_BYTES = 2_000
"""In UTF-8. A PostgreSQL index entry holds about 2,700, some of them for dataset and ids."""

NUL = "\0"


def refuse_text_that_is_not_utf8(table: pa.Table) -> None:
    """Raise `SourceError` for text that is not UTF-8, which a Parquet file may contain."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        is_coded = pa.types.is_dictionary(column.type)
        written_as = column.type.value_type if is_coded else column.type
        if not any(is_text(written_as) for is_text in TEXT_TYPES):
            continue
        if bad := _first_not_utf8(column.cast(written_as) if is_coded else column):
            row, content = bad
            raise SourceError(
                f"Column {name!r} has text in row {row} that is not UTF-8: {content!r}.",
                next_step="Write the file again with all text in UTF-8.",
            )


def _first_not_utf8(text: pa.ChunkedArray) -> tuple[int, bytes] | None:
    """Return row (from 1) and bytes of the first text that is not UTF-8, if there is one."""
    if pa.types.is_string_view(text.type):  # Arrow does not validate the contents of views
        text = text.cast(pa.string())
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        for row, value in enumerate(text.cast(pa.large_binary()).to_pylist(), start=1):
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                return row, value[:50]
    return None


def refuse_nul(table: pa.Table) -> None:
    """Raise `SourceError` for a NUL character in a text column."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not any(is_text(column.type) for is_text in TEXT_TYPES):
            continue
        text = column.cast(pa.large_string())
        row = pc.index(pc.match_substring(text, NUL), True).as_py()
        if row >= 0:
            raise SourceError(
                f"Column {name!r} contains a NUL character in row {row + 1}, which databases"
                " cannot store.",
                next_step="Remove it: it usually comes from a faulty export.",
            )


def refuse_unstorable_text(table: pa.Table, key: Sequence[str]) -> None:
    """Raise `SourceError` for a NUL character in a text, and for a key too long."""
    refuse_nul(table)
    _refuse_long_keys(table, key)


def _refuse_long_keys(table: pa.Table, key: Sequence[str]) -> None:
    if not set(key) <= set(table.column_names):
        return  # the checks report a missing column
    texts = [column for column in map(table.column, key) if pa.types.is_string(column.type)]
    longest = sum(pc.max(pc.binary_length(text)).as_py() or 0 for text in texts)
    # JSON takes at most 6 bytes for a character, and no other value is longer than 100.
    if 6 * longest < MAX_KEY_BYTES - 100 * len(key):
        return
    lengths = pc.binary_length(row_key_column(table, key))
    row = pc.index(pc.greater(lengths, MAX_KEY_BYTES), True).as_py()
    if row >= 0:
        raise SourceError(
            f"The key {', '.join(key)!r} has {lengths[row].as_py():,} bytes in UTF-8 in row"
            f" {row + 1}, but at most {MAX_KEY_BYTES:,} are allowed.",
            next_step="Declare columns with shorter values as the key.",
        )
