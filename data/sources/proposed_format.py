"""The format to declare for a column whose values are not written plainly, told by all of them.

Nothing is read by it until it is declared: a run names it in a warning, and `nightfit init` writes
it down for a person to look at.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Kind
from data.declarations.time_patterns import TimePattern
from data.declarations.value_formats import NumberExample, ValueFormat, is_format, value_format
from data.sources.counted_times import COMPACT, are_compact_dates, counted_times
from data.sources.distinct import Distinct
from data.sources.formats import MAX_TEXTS, MIN_SHARE, format_of
from data.sources.forms import SUGGESTED, Mask
from data.sources.missing_words import BESIDE_VALUES, EVERYWHERE
from data.sources.number_candidates import examples_of
from data.sources.source_columns import in_flow, in_yaml
from data.sources.time_candidates import patterns_of
from data.sources.value_formats import read_column

MAX_LOOKS = 50
"""So many different texts are looked at for formats, which all texts are then tried with."""

PAIRS = (
    *("yes/no", "y/n", "ja/nein", "j/n", "oui/non", "o/n", "sí/no", "si/no", "s/n", "sim/não"),
    *("да/нет", "tak/nie", "on/off", "wahr/falsch", "vrai/faux", "t/f"),
)
MANY = 10
"""So many different numbers such as 20120314 are dates by themselves, if each of them is one."""


@dataclass(frozen=True)
class Proposal:
    """What to write under `formats` for a column.

    `alternatives` are other formats that as many of its values fit and that give other values: if
    there are any, only a person can tell. `words` say how the values are written.
    """

    format: str
    kind: Kind
    alternatives: tuple[str, ...]
    words: str


def declaration_of(name: str, written: str) -> str:
    """Return the line of a declaration that gives a column a format."""
    return f"formats: {{{in_flow(name)}: {in_yaml(written)}}}"


def proposed_format(values: pa.ChunkedArray, name: str) -> Proposal | None:
    """Return the format of a column of texts or numbers, None if none is needed or none fits.

    `name` is the column's: numbers are proposed to be times only where it hints at one.
    """
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return _of_numbers(values, name)
    cells = Distinct(values.cast(pa.string()))
    return proposal_for(cells, ~cells.blank & ~cells.among((*EVERYWHERE, *BESIDE_VALUES)), name)


def proposal_for(cells: Distinct, present: Mask, name: str) -> Proposal | None:
    """Return the format of those texts of a column that are present, None as above."""
    total = cells.rows(present)
    if not total:
        return None
    numbers = cells.first(present, MAX_TEXTS)
    texts = cells.normal.take(pa.array(numbers))
    sizes = cells.sizes(numbers)
    plain = max(sizes[form.fits(texts.combine_chunks())].sum() for form in SUGGESTED)
    if plain >= MIN_SHARE * sizes.sum():
        whole = _as_numbers(cells.normal.filter(pa.array(present)))
        return None if whole is None else _of_numbers(whole, name)
    looks = texts.to_pylist()[:: max(1, len(texts) // MAX_LOOKS)]
    if pair := _pair(looks, texts):
        return Proposal(pair, "boolean", (), "two words")
    if not any(any(map(str.isdigit, text)) for text in looks):
        return None
    found = _fitting(looks, texts, sizes, cells, present)
    if not found:
        return None
    first, *others = found
    names = format_of(dict(zip(texts.to_pylist(), sizes.tolist(), strict=True)))
    if names is None and _is_doubtful(value_format(first), texts):
        return None
    written = value_format(first)
    counts_times = isinstance(written, TimePattern) and names and names.name.startswith("numbers")
    words = names.name if names and not counts_times else _words(written)
    if any(text.startswith("(") for text in looks) and "parentheses" not in words:
        words += ", those in parentheses negative"
    return Proposal(first, written.kind, tuple(others), words)


def _fitting(
    looks: list[str], texts: pa.ChunkedArray, sizes: np.ndarray, cells: Distinct, present: Mask
) -> list[str]:
    """Return the formats that the most texts fit, the best first, each with values of its own."""
    times, numbers = Counter[str](), Counter[str]()
    for text in looks:
        times.update(dict.fromkeys(patterns_of(text), 1))
        numbers.update(dict.fromkeys(examples_of(text), 1))
    candidates = [*_usual(times), *_usual(numbers)]
    enough = MIN_SHARE * sizes.sum()
    tried = [(one, _valid(texts, one)) for one in candidates if is_format(one)]
    candidates = [one for one, valid in tried if sizes[valid].sum() >= enough]
    every = cells.normal.filter(pa.array(present)) if len(texts) == MAX_TEXTS else texts
    weights = cells.counts(present) if len(texts) == MAX_TEXTS else sizes
    best: list[tuple[str, int, pa.Array]] = []
    whole: set[ValueFormat] = set()
    for one in candidates:
        written = value_format(one)
        if isinstance(written, NumberExample):  # more marks would not change what fits already
            written = replace(written, thousands="", pairs=False)
        if written in whole:
            continue
        read = read_column(every, value_format(one))
        values = read.values if read else pa.nulls(len(every))
        rows = int(weights[np.asarray(values.is_valid(), dtype=bool)].sum())
        if rows < MIN_SHARE * weights.sum() or any(values.equals(other) for _, _, other in best):
            continue
        best.append((one, rows, values))
        if rows == weights.sum():
            whole.add(written)
    most = max((rows for _, rows, _ in best), default=0)
    return [one for one, rows, _ in best if rows == most]


def _is_doubtful(written: ValueFormat, texts: pa.ChunkedArray) -> bool:
    """Return whether texts that look like numbers may be levels, such as 3 doors, or 5K and 10K."""
    if not isinstance(written, NumberExample) or written.pairs:
        return False
    letters = {text[-1:].lower() for text in texts.to_pylist()} & {*"kmbt"}
    return not written.scaled or len(letters) < 2


def _usual(counts: Counter[str]) -> list[str]:
    """Return the candidates that a share of the texts gave, in the order in which they were met."""
    most = max(counts.values(), default=0)
    return [one for one, count in counts.items() if count >= most / 10]


def _valid(texts: pa.ChunkedArray, one: str) -> Mask:
    read = read_column(texts, value_format(one))
    valid: Mask = np.asarray(read.values.is_valid() if read else [], dtype=bool)
    return valid


def _pair(looks: list[str], texts: pa.ChunkedArray) -> str:
    words = {text.lower() for text in looks}
    if len(texts) > 4 or len(words) != 2:
        return ""
    return next((pair for pair in PAIRS if {*pair.split("/")} == words), "")


def _as_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    for dtype in (pa.int64(), pa.float64()):
        try:
            return texts.cast(dtype)
        except pa.ArrowInvalid:
            continue
    return None


def _of_numbers(values: pa.ChunkedArray, name: str) -> Proposal | None:
    counted = counted_times(values, name)
    if counted is not None:
        return Proposal(counted.format, "time", (), counted.words)
    if are_compact_dates(values) and len(pc.unique(values)) >= MANY:
        return Proposal(COMPACT.format, "time", (), COMPACT.words)
    return None


def _words(written: ValueFormat) -> str:
    """Return how values are written, in words, as a noun in the plural."""
    if isinstance(written, NumberExample):
        return "numbers with letters for powers of ten" if written.scaled else "numbers with a unit"
    if not isinstance(written, TimePattern):
        return "values"
    letters = written.letters
    if "q" in letters:
        return "quarters"
    if "V" in letters:
        return "weeks"
    if "b" in letters:
        return "dates with the month as a word"
    if not written.has_date:
        return "times of day"
    return "dates" if "d" in letters else "months"
