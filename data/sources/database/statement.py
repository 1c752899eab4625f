"""The query of a source as the one statement that it is, so that it can stand inside another."""

import re

PART = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<end> ; )
    | (?P<blank> \s+ )
    | [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
    | (?P<tag> \$(?:[^\W\d]\w*)?\$ ).*?(?P=tag)
    | \w+ | .
    """,
    re.X | re.S,
)
"""The parts of a statement of PostgreSQL or DuckDB; only comments, blanks and ends matter."""


def without_end(query: str) -> str:
    """Return a query of these without the semicolons and comments behind its last word."""
    last = 0
    for part in PART.finditer(query):
        if part.lastgroup not in ("comment", "end", "blank"):
            last = part.end()
    return query[:last].strip()
