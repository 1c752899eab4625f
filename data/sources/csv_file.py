"""CSV: a header and commas, UTF-8, and double quotes around text that needs them."""

import csv
import io
import mmap
import re
from collections.abc import Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from data.declarations.model import Declaration
from data.errors import SourceError, library_message, listed
from data.progress import Report
from data.sources.column_files import ArrowFile
from data.sources.header import refuse_many_columns
from data.sources.source_columns import SourceColumns

QUOTED = re.compile(rb'"(?:[^"]|"")*+"')
LINE_END = re.compile(rb"\r\n?|\n")
BOM = b"\xef\xbb\xbf"
MAX_LINE = 1_000_000
"""Bytes of the header, and of a row that is certain to be read."""

MAX_EXAMINED = 64_000_000
"""So many bytes of a file that Arrow refuses are searched for the reason."""

PIECE = 16_000_000
"""Bytes of rows that are copied at once."""

SIGNS = (b";", b"\t", b"|")
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Characters that other programs write between values."""


def read_csv(path: Path, declaration: Declaration, folder: Path, report: Report) -> SourceColumns:
    """Return the columns of a CSV file as text; what is wrong with a bad one is a `SourceError`.

    No text is null, and none is read as a value here: "007" is not 7 in every column. The texts are
    put into a temporary file in `folder`, from which a column is read without the others.
    """
    _refuse_endless_header(path)
    texts = folder / "texts.arrow"
    try:
        with _opened(path) as reader:
            schema = reader.schema
            with ArrowFile(texts, schema) as file:
                rows, last = _copied(reader, file, path.stat().st_size, report)
    except (ValueError, pa.ArrowException, OSError) as error:
        raise (
            _mistake(path, declaration)
            or _long_row(error)
            or SourceError(
                f"The file cannot be read as CSV: {library_message(error)}",
                next_step="It needs a header, commas, and double quotes around text with commas.",
            )
        ) from None
    if mistake := _other_separator(path, schema.names, declaration):
        raise mistake
    # As it would after an unclosed quote; counting the quotes of every file would take longer.
    if "\n" in last and (mistake := _unclosed_quote_in(path)):
        raise mistake
    return SourceColumns(schema, rows, partial(_column, texts, schema))


def _opened(path: Path) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            default_column_type=pa.string(), strings_can_be_null=False
        ),
    )


def _copied(
    reader: pyarrow.csv.CSVStreamingReader, file: ArrowFile, size: int, report: Report
) -> tuple[int, str]:
    """Copy all rows in pieces of some size; return their number and the last value."""
    rows, read, last = 0, 0, ""
    pieces: list[pa.RecordBatch] = []
    for piece in chain(reader, [None]):
        if piece is None or sum(p.nbytes for p in pieces) > PIECE:
            file.write(pa.Table.from_batches(pieces, reader.schema).combine_chunks())
            pieces = []
            report(min(read / size, 1), f"{rows:,} rows")
        if piece is not None and piece.num_rows:
            pieces.append(piece)
            rows, last = rows + piece.num_rows, piece.column(piece.num_columns - 1)[-1].as_py()
            # As the file has it: a separator behind each value, where Arrow has four bytes.
            read += piece.nbytes - 3 * piece.num_rows * piece.num_columns
    return rows, last


def _column(file: Path, schema: pa.Schema, name: str) -> pa.ChunkedArray:
    number = schema.get_field_index(name)
    # The file is mapped, so that the other columns are not read.
    with pa.memory_map(str(file)) as source, pa.ipc.open_file(source) as reader:
        pieces = (reader.get_batch(at).column(number) for at in range(reader.num_record_batches))
        return pa.chunked_array(pieces, schema.field(number).type)


def _long_row(error: Exception) -> SourceError | None:
    if "straddl" not in str(error):
        return None
    return SourceError(
        f"A row, or a value with line breaks, has more than {MAX_LINE:,} bytes.",
        next_step="Check the quotes in the file, and the program that writes it.",
    )


def _refuse_endless_header(path: Path) -> None:
    """Raise `SourceError` for a first line that is no header, before all of it is read."""
    with path.open("rb") as file:
        start = file.read(MAX_LINE)
    header = start.partition(b"\n")[0].partition(b"\r")[0]
    if len(header) == MAX_LINE:
        raise SourceError(
            f"The first line has more than {MAX_LINE:,} bytes: it is no header.",
            next_step="Check the program that writes the file.",
        )
    refuse_many_columns(max(map(header.count, (b",", *SIGNS))) + 1)


def _other_separator(
    path: Path, names: Sequence[str], declaration: Declaration
) -> SourceError | None:
    """Find out whether something else than commas is between the values."""
    needed = {*declaration.key, declaration.target}
    if needed <= set(names):
        return None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header, *lines = [line.rstrip("\r\n") for line in islice(file, 20)] or [""]
    separator = max(SEPARATORS, key=header.count)
    columns = [name.strip().strip('"') for name in header.split(separator)]
    if len(columns) < 2 or not (needed & set(columns) or len(names) == 1):
        return None
    values = [value.strip('" ') for line in lines for value in line.split(separator)]
    decimal_commas = any(re.fullmatch(r"[+-]?[\d.]*\d,\d+", value) for value in values)
    also = ", and its numbers have decimal commas" if decimal_commas else ""
    points = " and points in its numbers" if decimal_commas else ""
    shown = repr(separator)
    return SourceError(
        f"The values in this file are separated by {SEPARATORS[separator]} ({shown}){also}. Read"
        f" so, its columns are {listed(columns)}.",
        next_step=f"Save it with commas between its values{points}.",
    )


def _mistake(path: Path, declaration: Declaration) -> SourceError | None:
    """Find out why Arrow refused a file: its encoding, separator, a quote or a row's length."""
    with path.open("rb") as file:
        content = file.read(MAX_EXAMINED)
        if file.read(1):  # the last character may be cut
            content = content[: max(content.rfind(b"\n"), 0)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return SourceError(
            f"The file is not UTF-8: byte {error.start} (0x{content[error.start]:02x}) in line"
            f" {line} cannot be read.",
            next_step="Save it as UTF-8.",
        )
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    return (
        _other_separator(path, header, declaration)
        or _unclosed_quote(content)
        or _uneven_line(text)
    )


def _unclosed_quote_in(path: Path) -> SourceError | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _unclosed_quote(content)


def _unclosed_quote(content: bytes | mmap.mmap) -> SourceError | None:
    """Find the quote that is never closed: it makes one value of the rest of the file."""
    begin = len(BOM) if content[: len(BOM)] == BOM else 0
    start = content.find(b'"')
    while start >= 0:
        if start == begin or content[start - 1] in b",\r\n":  # elsewhere it is no special character
            quoted = QUOTED.match(content, start)
            if quoted is None:
                line = 1 + sum(1 for _ in LINE_END.finditer(content, 0, start))
                return SourceError(
                    f"The quote opened in line {line} is never closed.",
                    next_step='Close it; inside quoted text, write a quote twice: "".',
                )
            start = quoted.end() - 1
        start = content.find(b'"', start + 1)
    return None


def _uneven_line(text: str) -> SourceError | None:
    """Find the first line with more or fewer values than the header."""
    # The limit is the process's: it is raised, but never lowered for other readers.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    rows = csv.reader(io.StringIO(text, newline=""))
    width = 0
    for row in rows:
        width = width or len(row)
        if row and len(row) != width:
            return SourceError(
                f"Line {rows.line_num} has {len(row)} values, but the header has {width}.",
                next_step="Fix the line; text that contains a comma needs double quotes.",
            )
    return None
