"""CSV: a header and commas, UTF-8, and double quotes around text that needs them."""

import csv
import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from data.declarations.model import Declaration
from data.errors import SourceError, library_message
from data.sources.columns import MISSING_WORDS, typed_exactly, words_as_missing

QUOTED = re.compile(r'"(?:[^"]|"")*+"')


def read_csv(path: Path, declaration: Declaration) -> pa.Table:
    """Return the columns of a CSV file; what is wrong with a bad one is a `SourceError`.

    Keys, groups and declared categories are read as text, because "007" is not 7.
    """
    categories = {name for name, kind in declaration.types.items() if kind == "category"}
    exact = [*declaration.key, *filter(None, [declaration.split.group])]
    keys = {name for name in exact if name not in declaration.types}
    try:
        table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=MISSING_WORDS,
                strings_can_be_null=False,
                column_types=dict.fromkeys(categories | keys, pa.string()),
            ),
        )
        names = table.column_names
    except (ValueError, pa.ArrowException, OSError) as error:
        raise _mistake(path) or SourceError(
            f"The file cannot be read as CSV: {library_message(error)}",
            next_step="It needs a header, commas, and double quotes around text with commas.",
        ) from None
    if any(pa.types.is_binary(dtype) for dtype in table.schema.types):
        raise _mistake(path) or SourceError("The file is not UTF-8.")
    if _ends_in_a_line_break(table) and (mistake := _unclosed_quote(path.read_text("utf-8-sig"))):
        raise mistake
    columns = []
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_string(column.type):
            words = MISSING_WORDS[:1] if name in categories else MISSING_WORDS
            column = words_as_missing(column, words)  # noqa: PLW2901
        columns.append(typed_exactly(column) if name in keys else column)
    return pa.table(columns, names=names)


def _ends_in_a_line_break(table: pa.Table) -> bool:
    """Return whether the last value has a line break, as it would after an unclosed quote.

    Counting the quotes of every file would make reading slower.
    """
    last = table.columns[-1]
    return pa.types.is_string(last.type) and len(last) > 0 and "\n" in last[-1].as_py()


def _mistake(path: Path) -> SourceError | None:
    """Find out why Arrow refused a file: its encoding, a quote, or the length of a row."""
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
    return _unclosed_quote(text) or _uneven_line(text)


def _unclosed_quote(text: str) -> SourceError | None:
    """Find the quote that is never closed: it makes one value of the rest of the file."""
    start = text.find('"')
    while start >= 0:
        if start == 0 or text[start - 1] in ",\r\n":  # elsewhere it is an ordinary character
            quoted = QUOTED.match(text, start)
            if quoted is None:
                line = text.count("\n", 0, start) + 1
                return SourceError(
                    f"The quote opened in line {line} is never closed.",
                    next_step='Close it; inside quoted text, write a quote twice: "".',
                )
            start = quoted.end() - 1
        start = text.find('"', start + 1)
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
