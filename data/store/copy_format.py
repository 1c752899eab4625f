"""Rows in PostgreSQL's binary COPY format, made of whole columns at a time.

Source: PostgreSQL's manual, COPY, "Binary Format". A row is the number of its fields (2 bytes), and
for each field its length (4 bytes, -1 for NULL) and its bytes, all big-endian. Here each field has
a slot as wide as its longest value, so that a batch is a matrix of bytes; what a row does not use
of it is left out at the end, which is one step for all rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Double, Integer, Table, Text

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
CHUNK_BYTES = 8_000_000
ROW_BYTES = 200
"""About the bytes of a row without its texts."""

NUMBERS = ((Double, ">f8"), (BigInteger, ">i8"), (Integer, ">i4"))
"""SQLAlchemy's types of numbers, the narrower after the wider that it is one of."""

Bytes = NDArray[np.uint8]
Used = NDArray[np.bool_]


def copied(table: Table, columns: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield a batch of rows as COPY reads them, without the header and the trailer.

    A column is an array, a sequence of texts, or one value for all rows; NaN is NULL.
    """
    long = {name: c for name, c in columns.items() if isinstance(c, (np.ndarray, list))}
    rows = len(next(iter(long.values())))
    texts = (c for name, c in long.items() if isinstance(table.c[name].type, Text))
    step = max(1, CHUNK_BYTES // (ROW_BYTES + 4 * sum(map(_longest, texts))))
    for start in range(0, rows, step):
        some = {name: c[start : start + step] for name, c in long.items()}
        yield _rows(table, {**columns, **some}, min(step, rows - start))


def _rows(table: Table, columns: Mapping[str, Any], rows: int) -> bytes:
    count = np.full(1, len(columns), ">i2").view(np.uint8)[None, :]
    fields = [_field(table.c[name].type, values) for name, values in columns.items()]
    slots = [count, *(slot for slot, _ in fields)]
    used = [np.ones(count.shape, bool), *(use for _, use in fields)]
    return _of_all(rows, slots)[_of_all(rows, used)].tobytes()


def _of_all(rows: int, parts: list[Any]) -> Any:
    """Put parts side by side, those of one row repeated for all."""
    return np.hstack([np.broadcast_to(part, (rows, part.shape[1])) for part in parts])


def _field(kind: Any, values: Any) -> tuple[Bytes, Used]:
    """Return a field's slots, length and bytes, and which bytes of them are used."""
    if values is None:
        return _sized(np.full(1, -1), np.zeros((1, 0), np.uint8))
    if isinstance(kind, Text):
        return _texts([values] if isinstance(values, str) else values)
    number = next(form for of, form in NUMBERS if isinstance(kind, of))
    given = np.atleast_1d(np.asarray(values)).astype(number)
    data = given.view(np.uint8).reshape(len(given), -1)
    missing = np.isnan(given) if number == ">f8" else np.zeros(len(given), bool)
    return _sized(np.where(missing, -1, data.shape[1]), data)


def _texts(values: Any) -> tuple[Bytes, Used]:
    if isinstance(values, np.ndarray):  # few different words, as roles are
        words, place = np.unique(values.astype(str), return_inverse=True)
        data, used = _texts(words.tolist())
        return data[place], used[place]
    encoded = [value.encode() for value in values]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    widest = max(1, int(lengths.max()))
    data = np.array(encoded, dtype=f"S{widest}").view(np.uint8).reshape(len(encoded), widest)
    return _sized(lengths, data)


def _longest(texts: Any) -> int:
    if isinstance(texts, np.ndarray):
        return int(np.char.str_len(texts.astype(str)).max())
    return max(map(len, texts))


def _sized(lengths: NDArray[np.int64], data: Bytes) -> tuple[Bytes, Used]:
    """Put each value's length before it."""
    size = lengths.astype(">i4").view(np.uint8).reshape(len(lengths), 4)
    used = np.arange(data.shape[1]) < lengths[:, None]
    return np.hstack([size, data]), np.hstack([np.ones(size.shape, bool), used])
