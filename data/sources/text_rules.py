"""Texts that no run can work with are refused as the source is read, before anything is fitted.

The rules are the same for every database: PostgreSQL can store neither a NUL character nor a key
longer than an entry of its indexes.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import SourceError
from data.sources.column_files import Columns
from data.sources.columns import TEXT_TYPES
from data.sources.keys import row_key_column

MAX_KEY_BYTES = 2_000
"""In UTF-8. A PostgreSQL index entry holds about 2,700, some of them for dataset and ids."""

NUL = "\0"


def refuse_text_that_is_not_utf8(name: str, column: pa.ChunkedArray) -> None:
    """Raise `SourceError` for text that is not UTF-8, which a Parquet file may contain."""
    is_coded = pa.types.is_dictionary(column.type)
    written_as = column.type.value_type if is_coded else column.type
    if not any(is_text(written_as) for is_text in TEXT_TYPES):
        return
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
        for row, value in enumerate(text.cast(pa.large_binary()), start=1):
            content = value.as_py() or b""
            try:
                content.decode()
            except UnicodeDecodeError:
                return row, content[:50]
    return None


def refuse_nul(name: str, column: pa.ChunkedArray) -> None:
    """Raise `SourceError` for a NUL character in a text column."""
    if not any(is_text(column.type) for is_text in TEXT_TYPES):
        return
    text = column.cast(pa.string()) if pa.types.is_string_view(column.type) else column
    row = pc.index(pc.match_substring(text, NUL), True).as_py()
    if row >= 0:
        raise SourceError(
            f"Column {name!r} contains a NUL character in row {row + 1}, which databases"
            " cannot store.",
            next_step="Remove it: it usually comes from a faulty export.",
        )


def refuse_long_keys(columns: Columns, key: Sequence[str]) -> None:
    """Raise `SourceError` for a key that is too long to be stored."""
    if not set(key) <= set(columns.schema.names):
        return  # the checks report a missing column
    texts = [name for name in key if pa.types.is_string(columns.schema.field(name).type)]
    longest = sum(pc.max(pc.binary_length(columns.column(n))).as_py() or 0 for n in texts)
    # JSON takes at most 6 bytes for a character, and no other value is longer than 100.
    if 6 * longest < MAX_KEY_BYTES - 100 * len(key):
        return
    keys = pa.table({name: columns.column(name) for name in key})
    lengths = pc.binary_length(row_key_column(keys, key))
    row = pc.index(pc.greater(lengths, MAX_KEY_BYTES), True).as_py()
    if row >= 0:
        raise SourceError(
            f"The key {', '.join(key)!r} has {lengths[row].as_py():,} bytes in UTF-8 in row"
            f" {row + 1}, but at most {MAX_KEY_BYTES:,} are allowed.",
            next_step="Declare columns with shorter values as the key.",
        )
