"""Any source becomes typed rows, a fingerprint of them and a Parquet snapshot."""

import csv
import datetime
import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration
from data.errors import SourceError, StoreError
from data.sources.as_of import must_have_time, rows_as_of
from data.sources.columns import (
    MISSING,
    arrays,
    as_kind,
    finite_or_missing,
    kind_of,
    missing_words,
    row_keys,
    typed,
    typed_key,
)
from data.sources.texts import must_be_storable, must_be_utf8

__all__ = ["Snapshot", "arrays", "load", "read", "row_keys"]

ENDINGS = (".csv", ".parquet")
QUOTED = re.compile(r'"(?:[^"]|"")*+"')


@dataclass(frozen=True)
class Snapshot:
    """What one reading put down: the Parquet file, the SHA-256 of its rows, and how many."""

    path: Path
    fingerprint: str
    rows: int


def read(declaration: Declaration, *, folder: Path, as_of: str | None = None) -> Snapshot:
    """Read the source, type its columns and put the rows down under `folder`.

    With `as_of`, only the rows up to that day, time or number by the time column. The file is
    `folder/<dataset>/<first 16 of the fingerprint>.parquet`; the same rows are written once. A
    source that cannot be read is a `SourceError`, an impossible `as_of` a `CallError`, and both
    write nothing; a folder that cannot be written is a `StoreError`.
    """
    path = declaration.source.path
    if as_of is not None:
        must_have_time(declaration)
    try:
        raw = _raw(path, declaration)
        table = _typed(raw, declaration)
        must_be_storable(table, declaration.key)
    except SourceError as error:
        raise SourceError(error.what, where=str(path), next_step=error.next_step) from None
    if as_of is not None:
        table = rows_as_of(as_of, declaration, table, _zone(raw, declaration.time))
    fingerprint = _fingerprint(table)
    file = folder.absolute() / declaration.name / f"{fingerprint[:16]}.parquet"
    _write(table, file)
    return Snapshot(file, fingerprint, table.num_rows)


def load(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a snapshot, in the source's order; some columns, or all."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"The snapshot cannot be read: {_sentence(error)}",
            where=str(path),
            next_step="Delete it and run again: it is made anew from the source.",
        ) from None


def _raw(path: Path, declaration: Declaration) -> pa.Table:
    """Return the table that the file holds, in Arrow's own types."""
    ending = path.suffix.lower()
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if ending not in ENDINGS:
        raise SourceError(
            f"Files that end in {ending!r} cannot be read.",
            next_step=f"Give a file that ends in {' or '.join(ENDINGS)}.",
        )
    if empty:
        raise SourceError(
            "The file is empty (0 bytes).", next_step="See what should have written it."
        )
    return _csv(path, declaration) if ending == ".csv" else _parquet(path)


def _unreadable(path: Path, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = nearest(path.name, beside)
        return SourceError(
            "There is no such file.", next_step=hint + "Correct 'source' in the declaration."
        )
    if isinstance(error, IsADirectoryError):
        return SourceError(
            "This is a folder, and one file is needed.",
            next_step="Name a file in 'source' of the declaration.",
        )
    return SourceError(
        f"The file cannot be read: {error.strerror}.",
        next_step="Let the user that runs nightfit read it.",
    )


def _csv(path: Path, declaration: Declaration) -> pa.Table:
    # Keys, groups and declared categories are read as text, since "007" is not 7.
    codes = {name for name, kind in declaration.types.items() if kind == "category"}
    exact = [*declaration.key, *filter(None, [declaration.split.group])]
    keys = {name for name in exact if name not in declaration.types}
    try:
        table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=MISSING,
                strings_can_be_null=False,
                column_types=dict.fromkeys(codes | keys, pa.string()),
            ),
        )
        names = table.column_names
    except (ValueError, pa.ArrowException, OSError) as error:
        raise _bad_csv(path) or SourceError(
            f"This is not a CSV file that can be read: {_sentence(error)}",
            next_step="It needs a header, commas, and double quotes around text with commas.",
        ) from None
    if any(pa.types.is_binary(dtype) for dtype in table.schema.types):
        raise _bad_csv(path) or SourceError("The file is not UTF-8.")
    if _ends_in_a_line_break(table) and (unclosed := _unclosed_quote(path.read_text("utf-8-sig"))):
        raise unclosed
    _check_header(names)
    columns = {}
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_string(column.type):
            column = missing_words(column, MISSING[:1] if name in codes else MISSING)  # noqa: PLW2901
        columns[name] = typed_key(column) if name in keys else column
    return pa.table(columns)


def _ends_in_a_line_break(table: pa.Table) -> bool:
    """Tell whether the last value has line breaks, as all has that comes after an unclosed quote.

    To count the quotes of every file would make reading slower.
    """
    last = table.columns[-1]
    return pa.types.is_string(last.type) and len(last) > 0 and "\n" in last[-1].as_py()


def _unclosed_quote(text: str) -> SourceError | None:
    """Find the quote that no other closes: it makes one value of the rest of the file."""
    place = text.find('"')
    while place >= 0:
        if place == 0 or text[place - 1] in ",\r\n":  # elsewhere it is a character like others
            quoted = QUOTED.match(text, place)
            if quoted is None:
                line = text.count("\n", 0, place) + 1
                return SourceError(
                    f"A quote is opened in line {line} and never closed.",
                    next_step='Close it; a quote inside of quoted text is written twice, as "".',
                )
            place = quoted.end() - 1
        place = text.find('"', place + 1)
    return None


def _bad_csv(path: Path) -> SourceError | None:
    """Find what is wrong with a CSV file that Arrow refused: bytes, quotes, or a row's length."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return SourceError(
            f"The file is not UTF-8: byte {error.start} (0x{content[error.start]:02x}) in line"
            f" {line} cannot be read.",
            next_step="Save it as UTF-8.",
        )
    if unclosed := _unclosed_quote(text):
        return unclosed
    csv.field_size_limit(len(text) + 1)
    rows = csv.reader(io.StringIO(text, newline=""))
    width = 0
    for row in rows:
        width = width or len(row)
        if row and len(row) != width:
            return SourceError(
                f"Line {rows.line_num} has {len(row)} values, and the header has {width}.",
                next_step="Mend the line; text that holds a comma needs double quotes.",
            )
    return None


def _parquet(path: Path) -> pa.Table:
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
    except UnicodeDecodeError:
        raise SourceError(
            "The name of a column is not UTF-8.", next_step="Rename the column."
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"This is not a whole Parquet file: {_sentence(error)}",
            next_step="Write or copy it again: it may have been cut off.",
        ) from None
    must_be_utf8(table)
    _check_header(table.column_names)
    return table


def _check_header(names: Sequence[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise SourceError(
                f"{times} columns are called {name!r}.", next_step="Give each a name of its own."
            )
        if not name.strip():
            raise SourceError(
                f"Column {list(names).index(name) + 1} has no name in the header.",
                next_step="Name it, or leave it out.",
            )


def _typed(table: pa.Table, declaration: Declaration) -> pa.Table:
    """Return the columns in the types of `columns.py`; columns of no kind are left out."""
    exact = {*declaration.key, declaration.split.group}
    roles = {*exact, declaration.target, declaration.time, declaration.weight}
    needed = {*roles, *(declaration.features or ()), *declaration.types}
    columns = {}
    for name, raw in zip(table.column_names, table.columns, strict=True):
        column = typed(raw, exact=name in exact)
        if column is not None and name in declaration.types:
            column = as_kind(column, declaration.types[name], name)
        if column is not None and declaration.infinite == "missing" and name not in roles:
            column = finite_or_missing(column)
        if column is not None:
            columns[name] = column
        elif name in needed:
            raise SourceError(
                f"Column {name!r} holds {raw.type}, which is no number, category, boolean or time.",
                next_step="Flatten it before it comes here, or leave it out of the declaration.",
            )
    return pa.table(columns)


def _zone(raw: pa.Table, time: str | None) -> datetime.tzinfo:
    """Return the zone of the source's times, UTC where it has none."""
    dtype = raw.schema.field(time).type if time in raw.column_names else None
    zoned = dtype is not None and pa.types.is_timestamp(dtype) and dtype.tz
    return pa.lib.string_to_tzinfo(zoned or "UTC")


def fingerprint_of(path: Path) -> Snapshot:
    """Return a snapshot that was put down before, with the SHA-256 of the rows that it has now."""
    table = load(path)
    return Snapshot(path, _fingerprint(table), table.num_rows)


def _fingerprint(table: pa.Table) -> str:
    """Return the SHA-256 of the typed rows: names, types and values, however they are chunked."""
    digest = hashlib.sha256()
    types = [str(dtype) for dtype in table.schema.types]
    digest.update(json.dumps([table.column_names, types, table.num_rows]).encode())
    for column in table.columns:
        for part in _canonical_bytes([chunk for chunk in column.chunks if len(chunk)]):
            digest.update(part)
    return digest.hexdigest()


def _canonical_bytes(chunks: list[pa.Array]) -> Iterator[bytes]:
    """Give which values are there, for text their lengths, then the values, zero where missing."""
    for chunk in chunks:
        yield chunk.is_valid().to_numpy(zero_copy_only=False).tobytes()
    if chunks and pa.types.is_string(chunks[0].type):
        for chunk in chunks:
            yield pc.binary_length(chunk.fill_null("")).to_numpy().tobytes()
        for chunk in chunks:
            _, offsets, characters = chunk.fill_null("").buffers()
            ends = np.frombuffer(offsets, np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
            yield characters[ends[0] : ends[1]].to_pybytes() if characters else b""
        return
    for chunk in chunks:
        yield _fixed_width(chunk).tobytes()


def _fixed_width(chunk: pa.Array) -> np.ndarray:
    if pa.types.is_boolean(chunk.type):
        return chunk.fill_null(False).to_numpy(zero_copy_only=False)
    width = pa.int32() if pa.types.is_date(chunk.type) else pa.int64()
    plain = chunk if kind_of(chunk.type) == "number" else chunk.cast(width)
    return plain.fill_null(0).to_numpy()


def _write(table: pa.Table, file: Path) -> None:
    """Put the rows down whole or not at all; a file that is there already holds these very rows."""
    if file.exists():
        return
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, unfinished, write_page_checksum=True)
        unfinished.replace(file)
    except OSError as error:
        raise StoreError(
            f"The snapshot cannot be written: {error.strerror or _sentence(error)}.",
            where=str(file),
            next_step="Make the folder writable, or name another one in NIGHTFIT_HOME.",
        ) from None
    finally:
        if file.parent.is_dir():
            unfinished.unlink(missing_ok=True)


def _sentence(error: Exception) -> str:
    """Return the first line of a library's message, as a sentence."""
    return str(error).partition("\n")[0].rstrip(".") + "."
