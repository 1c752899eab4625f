"""How a text file is laid out: separator, quotes and header line, told apart by looking.

The columns that the declaration needs decide. The first line that has them, split in one way, is
the header; nothing is guessed from how often a character occurs.
"""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from data.declarations.model import Declaration
from data.declarations.source import PathSource
from data.errors import SourceError, listed
from data.sources.source_columns import Told, in_yaml
from data.sources.undeclared import needed_names

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Characters that programs write between values."""

MAX_PREAMBLE = 100
"""So many lines before the header are looked at."""

MAX_ROWS = 200
"""So many rows are looked at."""

MIN_EVEN = 0.9
"""Of the rows of a source that nobody has declared must be as wide as most of them."""


@dataclass(frozen=True)
class Dialect:
    """The characters between and around values, and how many lines stand before the header."""

    separator: str = ","
    quote: str = '"'
    skip: int = 0

    def rows(self, text: str) -> Any:
        """Return a reader of the header and the rows of a text, with their values."""
        # The limit is the process's: it is raised, but never lowered for other readers.
        csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
        lines = io.StringIO(text, newline="")
        for _ in range(self.skip):
            lines.readline()
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE
        quote = self.quote or None
        return csv.reader(lines, delimiter=self.separator, quotechar=quote, quoting=quoting)

    def header(self, text: str) -> list[str]:
        """Return the names of the columns, [] if there is no such line."""
        try:
            return next(self.rows(text), [])
        except csv.Error:
            return []


def dialect_of(
    start: str, declaration: Declaration, ending: str
) -> tuple[Dialect, tuple[Told, ...]]:
    """Return the dialect of a file that begins so, and what was told apart, in words, by option.

    What is declared holds. `SourceError` where more than one separator fits equally well.
    """
    source = declaration.files
    named = needed_names(declaration)
    preset = source.separator or ("\t" if ending in (".tsv", ".tab") else None)
    separators = [preset] if preset else [*SEPARATORS]
    quotes = [source.quote] if source.quote is not None else ['"', "'"]
    shapes = [Dialect(s, q, source.skip or 0) for s in separators for q in quotes]
    found = (
        _with_names(start, shapes, named, source) if named else _most_even(start, shapes, source)
    )
    if found is None:
        usual = [shape for shape in shapes if shape.quote == quotes[0]]
        found = _with_some_names(start, usual, declaration.named_columns())
        found = found or _by_rows(start, usual)
    told = []
    if not preset and found.separator != ",":
        told.append(Told("separator", found.separator, SEPARATORS[found.separator]))
    if source.quote is None and found.quote != '"':
        told.append(Told("quote", found.quote, "single quotes"))
    if source.skip is None and found.skip:
        told.append(Told("skip", found.skip, f"its header in line {found.skip + 1}"))
    return found, tuple(told)


def _with_names(
    start: str, shapes: Sequence[Dialect], named: Collection[str], source: PathSource
) -> Dialect | None:
    """Return the dialect whose header, in the first line that is one, has all of the names."""
    lines = start.splitlines()[: MAX_PREAMBLE + 1]
    skips = range(len(lines)) if source.skip is None else [source.skip]
    for skip in skips:
        if source.skip is None and skip and not all(name in lines[skip] for name in named):
            continue
        for shape in shapes:
            dialect = Dialect(shape.separator, shape.quote, skip)
            if set(named) <= set(dialect.header(start)):
                return dialect
    return None


def _with_some_names(
    start: str, shapes: Sequence[Dialect], named: Collection[str]
) -> Dialect | None:
    """Return the dialect whose header has the most of the declared columns, None if none has any.

    The file may lack one, as those that are to be predicted lack the target.
    """
    shares = [len(set(named) & set(shape.header(start))) for shape in shapes]
    most = max(shares)
    return shapes[shares.index(most)] if most else None


def _by_rows(start: str, shapes: Sequence[Dialect]) -> Dialect:
    """Return the dialect in which all rows have as many values as the header, more than one."""
    fitting = [shape for shape in shapes if _is_even(start, shape)]
    if len(fitting) > 1:
        names = " or ".join(f"{SEPARATORS[s.separator]} ({in_yaml(s.separator)})" for s in fitting)
        first = in_yaml(fitting[0].separator)
        columns = "; ".join(listed(shape.header(start)) for shape in fitting[:2])
        raise SourceError(
            f"The values in this file may be separated by {names}: its columns would be {columns}.",
            next_step=f"Declare source: {{separator: {first}}}, or the other.",
        )
    return fitting[0] if fitting else shapes[0]


def _most_even(start: str, shapes: Sequence[Dialect], source: PathSource) -> Dialect | None:
    """Return the dialect in which most rows have as many values as the header, None without any.

    The header is the first line of so many values; the lines before it are a title.
    """
    found = [fit for shape in shapes if (fit := _evenness(start, shape, source)) is not None]
    quoted = [(share, width, shape) for share, width, shape in found if shape.quote == "'"]
    if source.quote is None and not any(_has_single_quotes(start, shape) for *_, shape in found):
        quoted = []
    # A title above the header is likelier a first line in another dialect.
    best = max(
        quoted or found, key=lambda fit: (fit[2].skip == shapes[0].skip, *fit[:2]), default=None
    )
    return None if best is None else best[2]


def _evenness(start: str, shape: Dialect, source: PathSource) -> tuple[float, int, Dialect] | None:
    """Return the share of rows that are as wide as most, that width, and where the header is."""
    whole = start[: start.rfind("\n") + 1] or start
    widths, lines, filled, before = [], [], [], shape.skip
    reader = shape.rows(whole)
    try:
        for row in islice(reader, MAX_ROWS):
            if row:
                widths.append(len(row))
                # Without the first one, it is a header whose first column names the rows.
                counts = row[0] or not any(row)
                filled.append(sum(map(bool, row)) if counts else len(row))
                lines.append(before)
            before = shape.skip + reader.line_num
    except csv.Error:
        return None
    if not widths:
        return None
    width = max(set(widths), key=lambda each: (widths.count(each), each))
    first = widths.index(width)
    # A spreadsheet writes a title with as many separators as rows have.
    if 2 * filled[first] < width:
        full = [at for at in range(first, len(widths)) if widths[at] == filled[at] == width]
        first = full[0] if full else first
    # A line that is almost as wide is the header itself, which lacks a name.
    is_title = first <= MAX_PREAMBLE and all(2 * each <= width for each in filled[:first])
    first = first if source.skip is None and is_title else 0
    share = widths[first:].count(width) / len(widths[first:])
    if width < 2 or share < MIN_EVEN:
        return None
    return round(share, 2), width, replace(shape, skip=lines[first])


def _has_single_quotes(start: str, shape: Dialect) -> bool:
    names = Dialect(shape.separator, '"', shape.skip).header(start)
    return any(len(name) > 1 and name[0] == name[-1] == "'" for name in names)


def _is_even(start: str, dialect: Dialect) -> bool:
    whole = start[: start.rfind("\n") + 1] or start
    try:
        widths = {len(row) for row in islice(dialect.rows(whole), MAX_ROWS) if row}
    except csv.Error:
        return False
    return len(widths) == 1 and max(widths) > 1
