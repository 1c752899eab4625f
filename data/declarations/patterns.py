"""Regular expressions in Python's syntax, for an engine whose time grows only with the text.

Python's own engine may take for ever (`(a+)+$`). RE2, which Arrow has, cannot; but it differs from
Python in what `$`, letters, digits, blanks and capitals are. So each expression is written anew for
it, with the same meaning, and one that has no equal is refused.
"""

import _sre
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from re import _casefix, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from data.errors import DeclarationMistake, library_message, quoted

MAX_LENGTH = 1_000
"""Characters of an expression."""
MAX_SIZE = 2_000
"""Characters and ranges of characters of an expression whose repetitions are written out."""
MAX_IN_ALL = 20_000
LEAST_COUNTED = 100
"""The sizes of all expressions of a declaration, of which each counts at least this much."""
LAST = 0x10FFFF

Ranges = tuple[tuple[int, int], ...]
"""Code points from the first to the last of each pair, both included."""

NO_EQUAL = {
    _constants.ASSERT: "looks ahead or behind, with (?=, (?!, (?<= or (?<!",
    _constants.ASSERT_NOT: "looks ahead or behind, with (?=, (?!, (?<= or (?<!",
    _constants.GROUPREF: "refers to one of its groups",
    _constants.GROUPREF_EXISTS: "depends on one of its groups",
    _constants.ATOMIC_GROUP: "has an atomic group, (?>",
    _constants.POSSESSIVE_REPEAT: "has a possessive repetition, such as a++",
}
OTHERWISE = "Write it without; rules such as ..._to_not_match_regex demand the contrary."

_CATEGORIES: dict[Any, tuple[Callable[[str], bool], bool]] = {
    _constants.CATEGORY_DIGIT: (str.isdecimal, True),
    _constants.CATEGORY_NOT_DIGIT: (str.isdecimal, False),
    _constants.CATEGORY_SPACE: (str.isspace, True),
    _constants.CATEGORY_NOT_SPACE: (str.isspace, False),
    _constants.CATEGORY_WORD: (lambda text: text.isalnum() or text == "_", True),
    _constants.CATEGORY_NOT_WORD: (lambda text: text.isalnum() or text == "_", False),
}


def linear(pattern: str, *, ascii_only: bool = True) -> str:
    """Return an expression of RE2 that is found in the same texts as Python finds this one in.

    With `ascii_only`, the texts have no other characters. One that cannot be written for RE2 is a
    `DeclarationMistake`.
    """
    return _written(pattern, ascii_only)[0]


def size_of(pattern: str) -> int:
    """Return what an expression counts among all of a declaration; raise `DeclarationMistake`."""
    return max(LEAST_COUNTED, _written(pattern, True)[1])


@lru_cache(maxsize=256)
def _written(pattern: str, ascii_only: bool) -> tuple[str, int]:
    """Return an expression for RE2, and its size."""
    if len(pattern) > MAX_LENGTH:
        raise DeclarationMistake(
            f"{quoted(pattern)} has more than {MAX_LENGTH:,} characters",
            "Write several shorter expressions.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = _parser.parse(pattern)
        text, size = _Writer(pattern, ascii_only=ascii_only).sequence(tree, tree.state.flags, True)
    except (re.error, OverflowError, RecursionError) as error:
        raise DeclarationMistake(
            f"{quoted(pattern)} is not a regular expression: {library_message(error).rstrip('.')}"
        ) from None
    if size > MAX_SIZE:
        raise _too_large(pattern)
    return text, size


def refuse_slow(pattern: str) -> None:
    """Raise `DeclarationMistake` for an expression that cannot be matched in linear time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), linear(pattern))
    except pa.ArrowInvalid:
        raise _too_large(pattern) from None


def _too_large(pattern: str) -> DeclarationMistake:
    return DeclarationMistake(
        f"{quoted(pattern)} is too large once its repetitions are written out",
        f"Repeat less: at most {MAX_SIZE:,} characters in all.",
    )


class _Writer:
    """Writes the parts of one expression, each with its size."""

    def __init__(self, pattern: str, *, ascii_only: bool) -> None:
        self._pattern, self._ascii_only = pattern, ascii_only

    def sequence(self, parts: Iterable[tuple[Any, Any]], flags: int, last: bool) -> tuple[str, int]:
        """Return parts one after the other; `last` if nothing of the expression follows them."""
        parts = list(parts)
        written = [
            self._part(kind, value, flags, last and number == len(parts))
            for number, (kind, value) in enumerate(parts, start=1)
        ]
        return "".join(text for text, _ in written), sum(size for _, size in written)

    def _part(self, kind: Any, value: Any, flags: int, last: bool) -> tuple[str, int]:
        if kind in (_constants.LITERAL, _constants.NOT_LITERAL):
            single = [(_constants.LITERAL, value)]
            return _class(self._ranges(single, flags, kind == _constants.NOT_LITERAL))
        if kind == _constants.IN:
            negated = value[0][0] == _constants.NEGATE
            return _class(self._ranges(value[negated:], flags, negated))
        if kind == _constants.ANY:
            return ("(?s:.)" if flags & re.DOTALL else r"[^\n]"), 1
        if kind == _constants.AT:
            return self._place(value, flags, last), 1
        if kind == _constants.BRANCH:
            branches = [self.sequence(branch, flags, last) for branch in value[1]]
            text = "|".join(branch for branch, _ in branches)
            return f"(?:{text})", sum(size for _, size in branches)
        if kind == _constants.SUBPATTERN:
            _, added, removed, parts = value
            text, size = self.sequence(parts, (flags | added) & ~removed, last)
            return f"(?:{text})", size
        if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            low, high, parts = value
            return self._repeated(low, high, parts, flags)
        raise DeclarationMistake(
            f"{quoted(self._pattern)} {NO_EQUAL.get(kind, 'has a part that is not supported')}",
            OTHERWISE,
        )

    def _repeated(self, low: Any, high: Any, parts: Any, flags: int) -> tuple[str, int]:
        text, size = self.sequence(parts, flags, False)
        endless = high == _constants.MAXREPEAT
        size = max(1, size) * (int(low) + 1 if endless else max(1, int(high)))
        if size > MAX_SIZE:
            raise _too_large(self._pattern)
        return f"(?:{text}){{{low},{'' if endless else high}}}", size

    def _place(self, place: Any, flags: int, last: bool) -> str:
        if place == _constants.AT_BEGINNING and flags & re.MULTILINE:
            return "(?m:^)"
        if place in (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING):
            return r"\A"
        if place == _constants.AT_END_STRING:
            return r"\z"
        if place == _constants.AT_END:
            if flags & re.MULTILINE:
                return "(?m:$)"
            if last:
                return r"(?:\n?\z)"
            raise DeclarationMistake(
                f"{quoted(self._pattern)} has a $ with something after it",
                "Move it to the end, or write \\Z or (?m).",
            )
        if flags & re.ASCII:
            return r"\b" if place == _constants.AT_BOUNDARY else r"\B"
        raise DeclarationMistake(
            f"{quoted(self._pattern)} has \\b or \\B, which depend on the letters of all languages",
            "Begin it with (?a): letters, digits and words are then those of ASCII.",
        )

    def _ranges(self, items: Sequence[tuple[Any, Any]], flags: int, negated: bool) -> Ranges:
        narrow = bool(flags & re.ASCII)
        ranges: list[tuple[int, int]] = []
        categories: list[tuple[int, int]] = []
        for kind, value in items:
            if kind == _constants.CATEGORY:
                categories += _category(value, narrow, 127 if narrow or self._ascii_only else LAST)
            else:
                ranges.append(value if kind == _constants.RANGE else (value, value))
        if flags & re.IGNORECASE:
            ranges = list(_any_case(_joined(ranges), narrow=narrow))
        joined = _joined([*ranges, *categories])
        return _complement(joined) if negated else joined


def _class(ranges: Ranges) -> tuple[str, int]:
    """Return a class of RE2; half surrogates, which no text has, are left out."""
    parts = _joined(
        part
        for first, last in ranges
        for part in ((first, min(last, 0xD7FF)), (max(first, 0xE000), last))
        if part[0] <= part[1]
    )
    text = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in parts)
    return (f"[{text}]" if text else r"[^\x{0}-\x{10ffff}]"), max(1, len(parts))


def _joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def _complement(ranges: Ranges) -> Ranges:
    ends = [-1, *(last for _, last in ranges)]
    starts = [*(first for first, _ in ranges), LAST + 1]
    return tuple((a + 1, b - 1) for a, b in zip(ends, starts, strict=True) if a + 1 <= b - 1)


@cache
def _category(category: Any, narrow: bool, highest: int) -> Ranges:
    """Return the characters of `\\d`, `\\s` or `\\w`, or all others; `narrow` as with (?a)."""
    belongs, wanted = _CATEGORIES[category]
    if narrow and belongs is str.isspace:
        belongs = " \t\n\r\f\v".__contains__
    held = _joined((code, code) for code in range(highest + 1) if belongs(chr(code)))
    return held if wanted else _complement(held)


@lru_cache(maxsize=256)
def _any_case(ranges: Ranges, *, narrow: bool) -> Ranges:
    """Return every character that is in the ranges, but for capitals, as Python compares them."""
    lower = {code: code + 32 for code in range(65, 91)} if narrow else _lower_case()
    small = {lower[code] for code in lower if _has(ranges, code)}
    if not narrow:
        cases = _casefix._EXTRA_CASES
        small |= {c for code in cases if code in small or _has(ranges, code) for c in cases[code]}
    accepted = _joined([*ranges, *((code, code) for code in small)])
    capitals = [(code, code) for code in lower if _has(accepted, lower[code])]
    lonely = [(code, code) for code in lower if not _has(accepted, lower[code])]
    kept = _joined([*_complement(accepted), *lonely])
    return _joined([*_complement(kept), *capitals])


def _has(ranges: Ranges, code: int) -> bool:
    return any(first <= code <= last for first, last in ranges)


@cache
def _lower_case() -> dict[int, int]:
    """Return the small letter of each capital, as Python's expressions know it."""
    pairs = ((code, _sre.unicode_tolower(code)) for code in range(LAST + 1))
    return {code: small for code, small in pairs if small != code}
