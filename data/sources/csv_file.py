"""Text files: a header and rows, with any character between values, in any encoding."""

from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from data.declarations.model import Declaration
from data.errors import SourceError, library_message
from data.progress import Report
from data.sources.blanks import BLANK, has_blanks_between, with_tabs
from data.sources.column_files import ArrowFile
from data.sources.contents import refuse_other_formats
from data.sources.csv_mistakes import (
    MAX_LINE,
    mistake_in,
    note_on_cut,
    refuse_endless_line,
    unclosed_quote_in,
)
from data.sources.dialect import SEPARATORS, Dialect, dialect_of
from data.sources.encodings import as_utf8, eight_bit_encoding, looks_like_utf
from data.sources.header import refuse_many_columns
from data.sources.source_columns import SourceColumns, Told
from data.sources.undeclared import needed_names

PIECE = 16_000_000
"""Bytes of rows that are copied at once."""

ROW_NAME = "row_name"
"""What a declaration calls a first column without a name."""

NAMED_ROWS = f"Column 1 has no name, as the names of rows have none, and is called {ROW_NAME!r}."

UTF8 = ("utf-8", "utf8", "utf-8-sig", "ascii")


def read_csv(path: Path, declaration: Declaration, folder: Path, report: Report) -> SourceColumns:
    """Return the columns of a text file as text; what is wrong with a bad one is a `SourceError`.

    No text is null, and none is read as a value here: "007" is not 7 in every column. The texts are
    put into a temporary file in `folder`, from which a column is read without the others. What was
    told apart by looking is in the `told` of the columns.
    """
    columns = _decoded(path, declaration, folder, report)
    return replace(columns, notes=(*columns.notes, *note_on_cut(path)))


def _decoded(path: Path, declaration: Declaration, folder: Path, report: Report) -> SourceColumns:
    """Return the columns of a file in any encoding."""
    with path.open("rb") as file:
        start = file.read(MAX_LINE)
    refuse_other_formats(start)
    declared = declaration.files.encoding
    encoding = declared or looks_like_utf(start)
    if encoding is not None and encoding.lower() not in UTF8:
        plain = as_utf8(path, encoding, folder / f"utf8{path.suffix.lower()}", declared)
        told = () if declared else (Told("encoding", encoding, encoding),)
        return _read(plain, declaration, folder, report, told)
    if not declared and (columns := _one_byte(path, start, declaration, folder, report)):
        return columns
    try:
        return _read(path, declaration, folder, report, ())
    except SourceError:
        if declared or not (columns := _one_byte(path, None, declaration, folder, report)):
            raise
        return columns


def _one_byte(
    path: Path, start: bytes | None, declaration: Declaration, folder: Path, report: Report
) -> SourceColumns | None:
    """Return the columns of a file in an encoding of one byte, None if it is UTF-8.

    Its `start`, if there is one, says whether all of it is worth a look.
    """
    try:
        if start is not None and start[:-4].decode("utf-8"):
            return None
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return None
    found = eight_bit_encoding(path)
    if found is None:
        return None
    encoding, example = found
    plain = as_utf8(path, encoding, folder / f"utf8{path.suffix.lower()}", None)
    told = (Told("encoding", encoding, f"{encoding} (such as {example!r})"),)
    return _read(plain, declaration, folder, report, told)


def _read(
    path: Path, declaration: Declaration, folder: Path, report: Report, told: tuple[Told, ...]
) -> SourceColumns:
    """Return the columns of a file in UTF-8."""
    with path.open("rb") as file:
        start = file.read(MAX_LINE)
    refuse_endless_line(start)
    options = declaration.files
    is_open = options.separator is None and not needed_names(declaration)
    if options.separator == BLANK or (is_open and has_blanks_between(start)):
        tabs = declaration.model_copy(
            update={"source": options.model_copy(update={"separator": "\t"})}
        )
        seen_blanks = (Told("separator", BLANK, "blanks"),) if is_open else ()
        rewritten = with_tabs(path, folder, options.skip or 0)
        return _read(rewritten, tabs, folder, report, (*seen_blanks, *told))
    first = start.partition(b"\n")[0].partition(b"\r")[0]
    signs = [declaration.files.separator] if declaration.files.separator else [*SEPARATORS]
    refuse_many_columns(max(first.count(sign.encode()) for sign in signs) + 1)
    text = start.decode("utf-8-sig", errors="replace")
    dialect, seen = dialect_of(text, declaration, path.suffix.lower())
    texts = folder / "texts.arrow"
    try:
        with _opened(path, dialect) as reader:
            schema, names_rows = _with_row_names(reader.schema, declaration)
            with ArrowFile(texts, reader.schema) as file:
                rows, last = _copied(reader, file, path.stat().st_size, report)
    except (ValueError, pa.ArrowException, OSError) as error:
        raise (
            mistake_in(path, dialect, error)
            or SourceError(
                f"The file cannot be read as CSV: {library_message(error)}",
                next_step="It needs a header, a character such as a comma between values, and"
                " quotes around text that has it.",
            )
        ) from None
    # As it would after an unclosed quote; counting the quotes of every file would take longer.
    if "\n" in last and (mistake := unclosed_quote_in(path, dialect)):
        raise mistake
    columns = partial(_column, texts, schema)
    return SourceColumns(
        schema,
        rows,
        columns,
        has_types=False,
        may_have_marks=True,
        told=(*seen, *told),
        notes=(NAMED_ROWS,) if names_rows else (),
    )


def _with_row_names(schema: pa.Schema, declaration: Declaration) -> tuple[pa.Schema, bool]:
    """Return the schema with a name for a first column that has none, and whether it had none.

    R and pandas write the names of the rows like that. It has a name only where the declaration
    uses that, or there is none yet.
    """
    if needed_names(declaration) and ROW_NAME not in declaration.named_columns():
        return schema, False
    names = schema.names
    if names.count("") != 1 or names[0] or len(names) < 2 or ROW_NAME in names:
        return schema, False
    return pa.schema([schema.field(0).with_name(ROW_NAME), *list(schema)[1:]]), True


def _opened(path: Path, dialect: Dialect) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(skip_rows=dialect.skip),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=dialect.separator,
            quote_char=dialect.quote or False,
            newlines_in_values=bool(dialect.quote),
        ),
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
