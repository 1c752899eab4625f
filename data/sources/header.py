"""The names of a source's columns: not too many or too long, and each of them once."""

from collections import Counter
from collections.abc import Sequence

from data.errors import SourceError, shortened
from data.sources.columns import OFFSETS
from data.sources.distinct import MAX_SHOWN
from data.sources.text_rules import NUL
from data.sources.undeclared import refuse_values_as_names

MAX_COLUMNS = 5_000
"""Each is looked at in all checks, which takes about a millisecond."""

MAX_NAME = 1_000
"""Characters of a column's name."""


def refuse_many_columns(count: int) -> None:
    """Raise `SourceError` for more columns than can be looked at in some seconds."""
    if count > MAX_COLUMNS:
        raise SourceError(
            f"The file has {count:,} columns, but at most {MAX_COLUMNS:,} are possible.",
            next_step="Leave out those that explain nothing.",
        )


def check_header(names: Sequence[str]) -> None:
    """Raise `SourceError` for names that are missing, repeated, too long or cannot be stored."""
    refuse_many_columns(len(names))
    for number, (name, count) in enumerate(Counter(names).items(), start=1):
        shown = repr(shortened(name, MAX_SHOWN))
        if count > 1:
            refuse_values_as_names(names)
            raise SourceError(
                f"{count} columns are called {shown}.", next_step="Give each its own name."
            )
        if not name.strip():
            raise SourceError(
                f"Column {number} has no name in the header.", next_step="Name it, or remove it."
            )
        if len(name) > MAX_NAME:
            raise SourceError(
                f"The name of column {number}, {shown}, has {len(name):,} characters, but at most"
                f" {MAX_NAME:,} are possible.",
                next_step="Rename it, or check that the file has a header.",
            )
        if NUL in name or name.startswith(OFFSETS):
            what = "a NUL character" if NUL in name else "the control character 0x1f"
            raise SourceError(
                f"The name of column {shown} contains {what}, which cannot be stored.",
                next_step="Rename it.",
            )
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(" ".join(name.split()).casefold(), name)
        if other != name:
            raise SourceError(
                f"Columns {shortened(other, MAX_SHOWN)!r} and {shortened(name, MAX_SHOWN)!r} differ"
                " in case or blanks only.",
                next_step="Rename one of them.",
            )
