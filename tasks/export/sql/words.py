"""The words of a text in SQL, which has no regular expressions that all databases share.

A word is letters, digits and underscores. What else there may be between words counts if it is a
mark of ASCII or Latin-1, general punctuation, or that of East Asia.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby

from tasks.export.sql.dialects import Dialect

_MARKS = [(0x01, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x2000, 0x200A), (0x2010, 0x2027)]
_MARKS += [(0x2030, 0x205E), (0x20AC, 0x20AC), (0x3000, 0x3003), (0x3008, 0x3011)]
_MARKS += [(0xFF0C, 0xFF0F)]
MAX_FOLDED = 0x20000
"""Beyond it there is no letter with two forms, but those of ancient scripts."""


def cleaned(dialect: Dialect, text: str, words: Sequence[str]) -> str:
    """Return a text in the small letters of these words, with a blank around each of its own.

    SQLite, which would need a call for each mark, leaves these and the letters to `word`.
    """
    folded = _folded(frozenset("".join(words)))
    if dialect.has_globs:
        folded = {old: new for old, new in folded.items() if len(new) > 1}
        return f"' ' || {dialect.translated(text, folded)} || ' '"
    marks = dict.fromkeys(_marks(), " ")
    return f"' ' || {dialect.translated(text, {**folded, **marks})} || ' '"


def word(dialect: Dialect, text: str, wanted: str) -> str:
    """Return the condition that a cleaned text has a word."""
    if not dialect.has_globs:
        return f"strpos({text}, ' {wanted} ') > 0"
    folded = _folded(frozenset(wanted))
    letters = (
        "".join(c for c in (*folded, small) if folded.get(c, c) == small) for small in wanted
    )
    mark = f"[{''.join(_ranges())}]".replace("'", "''")
    pattern = "".join(f"[{own}]" if len(own) > 1 else own for own in letters)
    return f"{text} GLOB '*{mark}{pattern}{mark}*'"


@cache
def _marks() -> tuple[str, ...]:
    characters = (chr(code) for first, last in _MARKS for code in range(first, last + 1))
    return tuple(c for c in characters if not re.fullmatch(r"\w", c) and c != " ")


def _ranges() -> Iterator[str]:
    """Yield the marks, and the blank, as ranges such as `:-@`."""
    codes = sorted(map(ord, {*_marks(), " "}))
    for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        own = [chr(code) for _, code in run]
        yield own[0] if len(own) == 1 else f"{own[0]}-{own[-1]}"


@cache
def _folded(letters: frozenset[str]) -> dict[str, str]:
    """Return the characters that become some of these letters when their case does not count."""
    characters: Iterable[str] = map(chr, range(MAX_FOLDED))
    folded = ((c, c.casefold()) for c in characters if not "\ud800" <= c <= "\udfff")
    return {c: small for c, small in folded if small != c and set(small) <= letters}
