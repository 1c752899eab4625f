"""Rows in PostgreSQL's binary COPY format, made from whole columns at a time.

Source: PostgreSQL's manual, COPY, "Binary Format". A row is the number of its fields (2 bytes), and
for each field its length (4 bytes, -1 for NULL) and its bytes, all big-endian. Here each field has
a slot as wide as its longest value, so that a batch is a matrix of bytes; the bytes that a row does
not use are left out at the end, in one step for all rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Boolean, Connection, Double, Integer, Table, Text

from data.store.database.driver import driver_of

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
CHUNK_BYTES = 8_000_000
ROW_BYTES = 200
"""Approximate size of a row without its texts."""

NUMBERS = ((Double, ">f8"), (BigInteger, ">i8"), (Integer, ">i4"), (Boolean, "i1"))
"""SQLAlchemy's types of numbers, and of truths, with their formats; a type comes before those it is
derived from."""

Lengths = NDArray[np.int64]
Bytes = NDArray[np.uint8]


def copy_rows(connection: Connection, table: str, names: str, rows: Iterable[bytes]) -> None:
    """Send rows in this format by COPY, in the transaction of a connection to PostgreSQL.

    `names` lists the columns; they and the table are quoted already. Failures are those that
    SQLAlchemy raises for its own statements.
    """
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    with (
        driver_of(connection, statement) as driver,
        driver.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write(HEADER)
        for part in rows:
            copy.write(part)
        copy.write(TRAILER)


def copied(table: Table, columns: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield a batch of rows as COPY reads them, without the header and the trailer.

    A column is an array, a sequence of texts, or one value for all rows; NaN and None become
    NULL.
    """
    long = {name: c for name, c in columns.items() if isinstance(c, (np.ndarray, list))}
    rows = len(next(iter(long.values())))
    texts = (c for name, c in long.items() if isinstance(table.c[name].type, Text))
    step = max(1, CHUNK_BYTES // (ROW_BYTES + 4 * sum(map(_longest, texts))))
    for start in range(0, rows, step):
        part = {name: c[start : start + step] for name, c in long.items()}
        yield _rows(table, {**columns, **part}, min(step, rows - start))


def _rows(table: Table, columns: Mapping[str, Any], rows: int) -> bytes:
    fields = [_field(table.c[name].type, values) for name, values in columns.items()]
    return joined_fields(fields, rows)


def joined_fields(fields: Sequence[tuple[Lengths, Bytes]], rows: int) -> bytes:
    """Return rows of fields, each of which is the length of its values and their bytes in slots.

    A length of -1 is a NULL. A field of one row is the same in all of them.
    """
    width = 2 + sum(4 + data.shape[1] for _, data in fields)
    slots, used = np.empty((rows, width), np.uint8), np.ones((rows, width), bool)
    slots[:, :2] = bytes_of(np.array([len(fields)]), ">i2")
    start = 2
    for lengths, data in fields:
        end = start + 4 + data.shape[1]
        slots[:, start : start + 4] = bytes_of(lengths, ">i4")
        slots[:, start + 4 : end] = data
        if lengths.min() < data.shape[1]:
            used[:, start + 4 : end] = _within(lengths, data.shape[1])
        start = end
    return slots[used].tobytes()


def _field(kind: Any, values: Any) -> tuple[Lengths, Bytes]:
    """Return the length of each value and its bytes in a slot; one row if all rows are equal."""
    if values is None:
        return np.array([-1]), np.zeros((1, 0), np.uint8)
    if isinstance(kind, Text):
        return _texts([values] if isinstance(values, str) else values)
    number = next(form for of, form in NUMBERS if isinstance(kind, of))
    numbers = np.atleast_1d(np.asarray(values)).astype(number)
    data = bytes_of(numbers, number)
    if number != ">f8":
        return np.array([data.shape[1]]), data
    return np.where(np.isnan(numbers), -1, data.shape[1]), data


def _texts(values: Any) -> tuple[Lengths, Bytes]:
    if isinstance(values, np.ndarray):  # of a few different words, such as roles
        words, index = np.unique(values.astype(str), return_inverse=True)
        lengths, data = _texts(words.tolist())
        return lengths[index], data[index]
    missing = [row for row, value in enumerate(values) if value is None]
    values = [value or "" for value in values] if missing else values
    joined = "".join(values)
    encoded = values if joined.isascii() else [value.encode() for value in values]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    lengths[missing] = -1
    return lengths, slots_of(lengths, np.frombuffer(joined.encode(), np.uint8))


def slots_of(lengths: Lengths, content: Bytes) -> Bytes:
    """Return texts of so many bytes (n,) in slots (n, longest), given the bytes of all of them."""
    slots = np.zeros((len(lengths), int(lengths.max(initial=0))), np.uint8)
    slots[_within(lengths, slots.shape[1])] = content
    return slots


def _longest(texts: Any) -> int:
    if isinstance(texts, np.ndarray):
        return int(np.char.str_len(texts.astype(str)).max())
    return max(len(text or "") for text in texts)


def bytes_of(numbers: NDArray[Any], form: str) -> Bytes:
    """Return the bytes of each number, one number per row."""
    return numbers.astype(form).view(np.uint8).reshape(len(numbers), -1)


def _within(lengths: Lengths, width: int) -> NDArray[np.bool_]:
    """Return which bytes of a slot each value uses."""
    return np.arange(width) < lengths[:, None]
