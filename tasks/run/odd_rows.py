"""What the notes of rows that are scored are about, in a warning for each."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from regressors.arrays import Indices, Values

REASONS = (
    ("a level that training does not know", re.compile(r"(^|; )(unseen|level) ")),
    ("a value far outside the range of training", re.compile(r", far outside ")),
    ("a value missing that training had nearly always", re.compile(r" is missing(,|;|$)")),
)
"""What notes are about, and how such a note reads."""

OTHERS = "something else"

MAX_REMEMBERED = 10_000
"""Notes of which it is kept what they are about."""


class OddRows:
    """What the notes of rows are about: of each thing, how many rows have it, and the first."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, tuple[int, str]] = {}
        self._about: dict[str, list[str]] = {}

    def add(self, noted: Indices, notes: Values, start: int) -> None:
        """Add the notes (m,) of some rows (m,) behind row `start`; both are counted from 0."""
        for row, note in zip(noted.tolist(), notes.tolist(), strict=True):
            whats = self._about.get(note)
            if whats is None:
                whats = [what for what, form in REASONS if form.search(note)] or [OTHERS]
                if len(self._about) < MAX_REMEMBERED:
                    self._about[note] = whats
            for what in whats:
                self._count[what] += 1
                if what not in self._first:
                    self._first[what] = start + row, note

    def warnings(self, key_of: Callable[[int], str | None]) -> Iterator[str]:
        """Yield a warning for each thing that notes are about; `key_of` gives the key of a row."""
        for what, _ in REASONS:
            if count := self._count[what]:
                row, note = self._first[what]
                has = "has" if count == 1 else "have"
                first = f"row {row + 1:,} (key {key_of(row)})"
                yield f"{counted(count, 'row')} {has} {what}: in {first} {note}."
        if count := self._count[OTHERS]:
            row, note = self._first[OTHERS]
            yield f"{counted(count, 'row')}, the first is row {row + 1:,}: {note}."


def counted(count: int, noun: str) -> str:
    """Return a number of things in words: 1 row, 2 rows."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
