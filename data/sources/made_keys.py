"""Keys for sources that have none: the number of each row, or a hash of its values."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Declaration
from data.errors import SourceError
from data.sources.columns import OFFSETS, value_text
from data.sources.readings import ColumnReading

ROW, CONTENT = "row", "content"
HASH_CHARACTERS = 16
"""Of SHA-256 in hexadecimal: 64 bits tell any number of rows apart that fits into memory."""


def made_key(declaration: Declaration, raw: pa.Table) -> str | None:
    """Return which key is made, `row` or `content`: one that is declared, but no column's name."""
    if len(declaration.key) > 1 or declaration.key[0] not in (ROW, CONTENT):
        return None
    (name,) = declaration.key
    return None if name in raw.column_names else name


def with_made_key(
    table: pa.Table, name: str, numbers: np.ndarray, declaration: Declaration
) -> tuple[pa.Table, ColumnReading]:
    """Return the typed table with its key as a first column, and what a reader should know.

    `numbers` (n,) are those of the rows in the source, from 1.
    """
    if name == ROW:
        keys: pa.Array = pa.array(numbers, pa.int64())
        note = (
            "The rows have no key and are numbered, so they cannot be followed from night to night:"
            " after a row is deleted or moved, those behind it count as changed ones. Declare the"
            " columns that identify a row as 'key', or 'key: content'."
        )
    else:
        keys, repeated = _hashes(table, declaration)
        note = (
            "The rows have no key, so a hash of their values identifies them: a row that is"
            " corrected counts as deleted, and as a new one."
        )
        if repeated:
            rows = "1 row repeats" if repeated == 1 else f"{repeated:,} rows repeat"
            note += f" {rows} the values of an earlier one, and a number tells them apart."
    reading = ColumnReading(
        name,
        "number" if name == ROW else "category",
        "values",
        natural="number" if name == ROW else "category",
        notes=(note,),
    )
    return pa.table(
        {name: keys, **dict(zip(table.column_names, table.columns, strict=True))}
    ), reading


def _hashes(table: pa.Table, declaration: Declaration) -> tuple[pa.Array, int]:
    """Return the key of each row, and how many repeat another; a later one has its number behind.

    The target is no part of it, so that a new row keeps its key when its target becomes known.
    """
    features = declaration.feature_names(table.column_names)
    used = {*features, declaration.time, declaration.split.group}
    names = sorted(n for n in table.column_names if n in used and not n.startswith(OFFSETS))
    if not names:
        raise SourceError(
            "There is no column to make a key of: 'key: content' needs features.",
            next_step="Declare a column as 'key', or 'key: row'.",
        )
    parts = [_part(value_text(table[name])) for name in names]
    contents = pc.binary_join_element_wise(*parts, "")
    keys, seen = [], Counter[str]()
    for content in contents.to_pylist():
        key = hashlib.sha256(content.encode()).hexdigest()[:HASH_CHARACTERS]
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return pa.array(keys, pa.string()), len(keys) - len(seen)


def _part(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return each text with its length, so that two rows never run together to the same text."""
    length = pc.utf8_length(texts).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(length, texts, ":"), "-")
