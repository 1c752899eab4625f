"""The texts of a source that no night can go on with: told before anything is fitted.

The rules are the same whichever database the results go into: PostgreSQL keeps no NUL character,
and no key that is longer than its indexes can hold.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data.errors import SourceError
from data.sources.columns import row_key_column

MOST_KEY_BYTES = 2_000
"""Of a row's key as UTF-8. An entry of a PostgreSQL index has about 2,700, with dataset and ids."""

NUL = "\0"


TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def must_be_utf8(table: pa.Table) -> None:
    """Refuse text that is not UTF-8, such as lone surrogates: a Parquet file may hold any bytes."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not any(holds(column.type) for holds in TEXTS):
            continue
        if found := _not_utf8(column):
            raise SourceError(
                f"Column {name!r} has text in row {found[0]} that is not UTF-8: {found[1]!r}.",
                next_step="Write the file again from text in UTF-8.",
            )


def _not_utf8(text: pa.ChunkedArray) -> tuple[int, bytes] | None:
    """Return row (from 1) and bytes of the first text that is not UTF-8, if there is one."""
    if pa.types.is_string_view(text.type):  # which Arrow does not look into
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


def must_be_storable(table: pa.Table, key: Sequence[str]) -> None:
    """Refuse a NUL character in a text or a name, and a key that is too long, each by its row."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if NUL in name:
            raise SourceError(
                f"The name of column {name!r} has a NUL character, which databases cannot keep.",
                next_step="Rename it.",
            )
        if not pa.types.is_string(column.type):
            continue
        row = pc.index(pc.match_substring(column, NUL), True).as_py()
        if row >= 0:
            raise SourceError(
                f"Column {name!r} has a NUL character in row {row + 1}, which databases cannot"
                " keep.",
                next_step="Remove it: NUL is no text, and mostly comes of a faulty export.",
            )
    _refuse_long_keys(table, key)


def _refuse_long_keys(table: pa.Table, key: Sequence[str]) -> None:
    if not set(key) <= set(table.column_names):
        return  # the checks tell
    texts = [column for column in map(table.column, key) if pa.types.is_string(column.type)]
    longest = sum(pc.max(pc.binary_length(text)).as_py() or 0 for text in texts)
    if 6 * longest < MOST_KEY_BYTES - 100 * len(key):
        return  # no sign takes more than 6 bytes as JSON writes it, and no other value 100
    lengths = pc.binary_length(row_key_column(table, key))
    row = pc.index(pc.greater(lengths, MOST_KEY_BYTES), True).as_py()
    if row >= 0:
        raise SourceError(
            f"The key {', '.join(key)!r} has {lengths[row].as_py():,} bytes as UTF-8 in row"
            f" {row + 1}, and may have {MOST_KEY_BYTES:,}.",
            next_step="Declare columns with shorter values as the key.",
        )
