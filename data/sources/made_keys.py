"""Keys for sources that have none: the number of each row, or a hash of its values."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Declaration, Kind
from data.errors import SourceError
from data.sources.column_files import BLOCK, ColumnFiles
from data.sources.columns import OFFSETS, value_text
from data.sources.readings import ColumnReading

ROW, CONTENT = "row", "content"
HASH_CHARACTERS = 16
"""Of SHA-256 in hexadecimal: 64 bits tell any number of rows apart that fits into memory."""


def made_key(declaration: Declaration, names: Sequence[str]) -> str | None:
    """Return which key is made, `row` or `content`: one that is declared, but no column's name."""
    if len(declaration.key) != 1 or declaration.key[0] not in (ROW, CONTENT):
        return None
    (name,) = declaration.key
    return None if name in names else name


def add_made_key(
    files: ColumnFiles, name: str, numbers: np.ndarray, declaration: Declaration
) -> ColumnReading:
    """Put a key before the typed columns, and return what a reader should know of it.

    `numbers` (n,) are those of the rows in the source, from 1.
    """
    names = files.schema.names
    if name == ROW:
        keys = pa.chunked_array([pa.array(numbers, pa.int64())])
        note = (
            "The rows have no key and are numbered, so they cannot be followed from night to night:"
            " after a row is deleted or moved, those behind it count as changed ones. Declare the"
            " columns that identify a row as 'key', or 'key: content'."
        )
    else:
        keys, repeated = _hashes(files, declaration)
        note = (
            "The rows have no key, so a hash of their values identifies them: a row that is"
            " corrected counts as deleted, and as a new one."
        )
        if repeated:
            rows = "1 row repeats" if repeated == 1 else f"{repeated:,} rows repeat"
            note += f" {rows} the values of an earlier one, and a number tells them apart."
    files.add(name, keys)
    files.arrange([name, *names])
    kind: Kind = "number" if name == ROW else "category"
    return ColumnReading(name, kind, "values", natural=kind, notes=(note,))


def _hashes(files: ColumnFiles, declaration: Declaration) -> tuple[pa.ChunkedArray, int]:
    """Return the key of each row, and how many repeat another; a later one has its number behind.

    The target is no part of it, so that a new row keeps its key when its target becomes known.
    """
    columns = files.schema.names
    features = declaration.feature_names(columns)
    segment = declaration.segment or ()
    used = {*features, *segment, declaration.time, declaration.split.group}
    names = sorted(n for n in columns if n in used and not n.startswith(OFFSETS))
    if not names:
        raise SourceError(
            "There is no column to make a key of: 'key: content' needs features.",
            next_step="Declare a column as 'key', or 'key: row'.",
        )
    starts = range(0, files.num_rows, BLOCK)
    hashes = [_hashed(files.slice(start, BLOCK, names)) for start in starts]
    numbers = _occurrences(np.concatenate(hashes or [np.zeros(0, np.uint64)]))
    keys = [_texts(part, numbers[at : at + BLOCK]) for part, at in zip(hashes, starts, strict=True)]
    return pa.chunked_array(keys, pa.string()), int((numbers > 1).sum())


def _hashed(rows: pa.Table) -> np.ndarray:
    """Return the first 64 bits of the SHA-256 of each row's values."""
    parts = [_part(value_text(column)) for column in rows.columns]
    contents = pc.binary_join_element_wise(*parts, "").to_pylist()
    bits = b"".join(
        hashlib.sha256(text.encode()).digest()[: HASH_CHARACTERS // 2] for text in contents
    )
    return np.frombuffer(bits, ">u8").astype(np.uint64)


def _occurrences(hashes: np.ndarray) -> np.ndarray:
    """Return for each row how many rows up to it, with itself, have its hash."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    sizes = np.diff(np.append(begins, len(ordered)))
    numbers = np.empty(len(hashes), np.int64)
    numbers[order] = np.arange(len(ordered)) - np.repeat(begins, sizes) + 1
    return numbers


def _texts(hashes: np.ndarray, numbers: np.ndarray) -> pa.Array:
    texts = [f"{value:0{HASH_CHARACTERS}x}" for value in hashes.tolist()]
    for row in np.flatnonzero(numbers > 1).tolist():
        texts[row] += f"-{numbers[row]}"
    return pa.array(texts, pa.string())


def _part(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return each text with its length, so that two rows never run together to the same text."""
    length = pc.utf8_length(texts).cast(pa.string())
    return pc.fill_null(pc.binary_join_element_wise(length, texts, ":"), "-")
