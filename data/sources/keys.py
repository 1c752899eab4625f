"""The text of a row's key, which names the row in the store and decides its role and fold."""

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data.sources.columns import typed_column, value_text


def row_keys(table: pa.Table, key: Sequence[str]) -> list[str]:
    """Return the canonical text of each row's key.

    One column gives the texts of its values (see `value_text`). Several columns give a JSON array
    of those texts without spaces, as SQLite's `json_array` writes it: `["Berlin","7"]`. Its parts
    are always texts, so that a key outlives a change of its column's type. A missing part makes the
    key None.
    """
    keys: list[str] = row_key_column(table, key).to_pylist()
    return keys


def row_key_column(table: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """Return the same texts as a column, null where a part of the key is missing."""
    texts = [value_text(typed_column(table, name)) for name in key]
    if len(texts) == 1:
        return texts[0]
    quoted = [pc.binary_join_element_wise('"', _escaped(text), '"', "") for text in texts]
    inside = pc.binary_join_element_wise(*quoted, ",")
    return pc.binary_join_element_wise("[", inside, "]", "")


def _escaped(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Escape what may not stand inside a JSON string."""
    if not pc.any(pc.match_substring_regex(text, r'["\\\x00-\x1f]')).as_py():
        return text
    escaped = [value and json.dumps(value, ensure_ascii=False)[1:-1] for value in text.to_pylist()]
    return pa.chunked_array([pa.array(escaped, pa.string())])
