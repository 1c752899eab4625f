"""Words and numbers that mean a missing value, found in the values of a source."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.proposals.facts import ColumnFacts
from data.proposals.sampled import Sampled
from data.sources.readings import ColumnReading, may_be_set_aside

SENTINELS = (-9, -99, -999, -9999, -99999, -999999, 999, 9999, 99999, 999999)
MAX_WORDS = 5
"""Different texts among numbers that are words for a missing value; more are mistakes."""

MIN_ROWS = 2
MIN_DIFFERENT = 5
APART = 1.0
"""A number stands apart if it is so many times the range of the others away from them."""


FAR_APART = 5.0
"""The same of a number above zero, which may be an outlier."""


@dataclass(frozen=True)
class MissingProposal:
    """Words for `missing`, each with why; `unparsable` is what else it should say, if anything."""

    words: dict[str, str]
    unparsable: str = ""


def proposed_missing(
    readings: Sequence[ColumnReading],
    facts: Sequence[ColumnFacts],
    marks: Mapping[str, Mapping[str, int]],
    sample: Sampled,
) -> MissingProposal:
    """Return the words that should be declared to mean a missing value.

    They are signs that are taken as one anyway, words among numbers or times, and numbers such as
    -999 far from all others. Where other cells cannot be read in more rows than are set aside,
    `unparsable` says so.
    """
    found: dict[str, str] = {}
    for name, words in marks.items():
        for word, rows in words.items():
            found.setdefault(word, f"{_rows(rows)} of {name}")
    unparsable = ""
    for reading in readings:
        texts = Counter(reading.texts)
        words_only = [t for t in texts if not any(map(str.isdigit, t)) and texts[t] >= MIN_ROWS]
        if len(words_only) <= MAX_WORDS:
            for word in words_only:
                found.setdefault(word, f"{_rows(texts[word])} of {reading.name}")
        left = sum(count for text, count in texts.items() if text not in found)
        rows = next((one.rows for one in facts if one.name == reading.name), 0)
        if left and not may_be_set_aside(left, rows):
            unparsable = f"{_rows(left)} of {reading.name} cannot be read as a {reading.kind}"
    for value, where in _sentinels(facts, sample).items():
        found.setdefault(str(value), where)
    return MissingProposal(found, unparsable)


def _sentinels(facts: Sequence[ColumnFacts], sample: Sampled) -> dict[int, str]:
    """Return the numbers that stand far apart in each column that has them, in some rows."""
    numbers = [one for one in facts if one.kind == "number" and one.name in sample.numbers]
    found: dict[int, str] = {}
    for value in SENTINELS:
        having = [one for one in numbers if _reaches(one, value)]
        rows = {one.name: int((sample.numbers[one.name] == value).sum()) for one in having}
        having = [one for one in having if rows[one.name]]
        apart = [one.name for one in having if _is_apart(sample.numbers[one.name], value)]
        if having and len(apart) == len(having) and max(rows.values()) >= MIN_ROWS:
            found[value] = ", ".join(f"{_rows(rows[name])} of {name}" for name in apart[:3])
    return found


def _is_apart(x: np.ndarray, value: int) -> bool:
    others = x[np.isfinite(x) & (x != value)]
    if len(np.unique(others)) < MIN_DIFFERENT:
        return False
    away = float(np.abs(others - value).min())
    return away > (APART if value < 0 else FAR_APART) * max(float(np.ptp(others)), 1.0)


def _reaches(one: ColumnFacts, value: int) -> bool:
    return one.least is not None and one.most is not None and one.least <= value <= one.most


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
