"""Decimal commas and marks between thousands, told apart by all numbers of a column.

A number such as 12,5 or 1.234.567 can mean one thing only; 1,234 and 1.234 can mean two. Columns
with a number of the first sort are read, and the others of the file follow them; where nothing
decides, a column stays as it is, or is refused if that might be wrong by a factor of 1,000.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Declaration
from data.declarations.source import PathSource
from data.errors import SourceError, shortened
from data.sources.distinct import MAX_SHOWN
from data.sources.formats import MIN_SHARE
from data.sources.missing_words import EVERYWHERE
from data.sources.source_columns import SourceColumns, Told

Mark = Literal[",", "."]
OTHER: dict[Mark, Mark] = {",": ".", ".": ","}
NAMES: dict[Mark, str] = {",": "commas", ".": "points"}

SAMPLE = 2_000
"""So many texts are looked at before all of a column are."""

SIGN, POWER, GAP = "[+-]?", r"(?:[eE][+-]?\d+)?", "[ '’\u00a0\u202f]"
WHOLE = rf"{SIGN}\d+\.?"
GROUPS = "{1,6}"
"""So many groups of three digits fit into 64 bits behind the first one; more are a list."""


def _single(mark: Mark) -> str:
    """Return the pattern of a number whose only mark may stand between thousands."""
    return rf"{SIGN}[1-9]\d{{0,2}}[{mark}]\d{{3}}"


def _decimal(mark: Mark) -> str:
    """Return the pattern of a number with decimals behind a mark, and thousands between others."""
    other = f"(?:[{OTHER[mark]}]|{GAP})"
    return rf"{SIGN}(?:\d+|\d{{1,3}}(?:{other}\d{{3}}){GROUPS})?[{mark}]\d+{POWER}"


def _grouped(mark: Mark) -> str:
    """Return the pattern of a number with a mark between its thousands, twice or more."""
    return rf"{SIGN}[1-9]\d{{0,2}}(?:[{mark}]\d{{3}}){{2,6}}"


SPACED = rf"{SIGN}[1-9]\d{{0,2}}(?:{GAP}\d{{3}}){GROUPS}"


def _read_with(mark: Mark) -> str:
    """Return the pattern of all numbers that have a certain mark before their decimals."""
    other = f"(?:[{OTHER[mark]}]|{GAP})"
    return (
        rf"\s*{SIGN}(?:\d+|\d{{1,3}}(?:{other}\d{{3}}){GROUPS})(?:[{mark}]\d*)?{POWER}\s*"
        rf"|\s*{SIGN}[{mark}]\d+{POWER}\s*"
    )


@dataclass(frozen=True)
class _Facts:
    """How many texts of a column are of each sort, with the first text and row of each.

    `sure` has those that mean one thing, by what stands before their decimals; `either` those that
    mean two, by their only mark. They are `simple` if no text has another mark than one comma.
    """

    total: int
    whole: int
    spaced: tuple[int, str]
    sure: dict[Mark, tuple[int, str]]
    either: dict[Mark, tuple[int, str]]
    simple: bool = False

    @property
    def are_numbers(self) -> bool:
        """Return whether nearly all texts are numbers of some sort."""
        counts = [*self.sure.values(), *self.either.values(), self.spaced]
        numbers = self.whole + sum(count for count, _ in counts)
        return self.total > 0 and numbers >= MIN_SHARE * self.total


def with_plain_numbers(source: SourceColumns, declaration: Declaration) -> SourceColumns:
    """Return columns of text whose numbers have a decimal point, and nothing between thousands.

    Keys, groups and columns that are declared to be categories stay as they are. What was told
    apart, and what could not be, is in `told` and `notes`. A column of numbers that may be wrong by
    a factor of 1,000 is a `SourceError`.
    """
    options = declaration.files
    kept = {*declaration.key, *declaration.formats, declaration.split.group}
    kept |= {name for name, kind in declaration.types.items() if kind == "category"}
    names = [name for name in source.column_names if name not in kept]
    declared = _declared(options)
    facts = {name: found for name in names if (found := _facts(source.column(name), declared))}
    marked = {name for name, found in facts.items() if _mark(found, options) == ","}
    if marked or declared == ",":
        for name in names:
            if name not in facts and (found := _facts(source.column(name), declared, look=True)):
                facts[name] = found
    marks: dict[str, Mark] = {}
    told: dict[str, Told] = {}
    notes = []
    for name, found in facts.items():
        mark = _mark(found, options)
        if mark is None and found.either[","][0] and marked and not found.either["."][0]:
            mark = ","  # as in the other columns
        if mark is None:
            _refuse_unsure_points(name, found, marked, options)
            if note := _unsure(name, found, options):
                notes.append(note)
        elif _is_marked(found, mark):
            marks[name] = mark
            for one in _told(name, found, mark, options):
                told.setdefault(one.option, one)

    def read(name: str) -> pa.ChunkedArray:
        column = source.read(name)
        if name not in marks:
            return column
        if facts[name].simple:
            return pa.chunked_array(map(with_points, column.chunks), pa.string())
        return _plain(column, marks[name])

    return replace(
        source,
        read=read,
        told=(*source.told, *told.values()),
        notes=(*source.notes, *notes),
        marked=frozenset(marks),
    )


def _declared(options: PathSource) -> Mark | None:
    """Return what is declared to stand before decimals, or follows from the mark of thousands."""
    if options.decimal is not None:
        return options.decimal
    return OTHER[options.thousands] if options.thousands in (",", ".") else None


def _mark(facts: _Facts, options: PathSource) -> Mark | None:
    """Return what stands before the decimals of a column, None if that is not certain."""
    declared = _declared(options)
    counts = {mark: facts.sure[mark][0] for mark in OTHER}
    if declared is not None:
        counts[declared] += facts.either[declared][0]
        other = OTHER[declared]
        if options.thousands == other or (options.decimal == "." and options.thousands is None):
            counts[declared] += facts.either[other][0]
        elif options.thousands is not None:
            counts[other] += facts.either[other][0]
    sides = [mark for mark in OTHER if counts[mark]]
    if len(sides) == 1:
        return sides[0]
    if not sides and not any(facts.either[mark][0] for mark in OTHER):
        return declared or "."
    return None


def _is_marked(facts: _Facts, mark: Mark) -> bool:
    """Return whether a column has anything besides plain numbers, read so."""
    other = OTHER[mark]
    groups = facts.spaced[0] + facts.either[other][0]
    return mark == "," or groups > 0 or _has_groups(facts, mark)


def _has_groups(facts: _Facts, mark: Mark) -> bool:
    return bool(facts.sure[mark][0]) and OTHER[mark] in facts.sure[mark][1]


def _told(name: str, facts: _Facts, mark: Mark, options: PathSource) -> Iterator[Told]:
    shown = repr(shortened(name, MAX_SHOWN))
    other = OTHER[mark]
    sure, either = facts.sure[mark], facts.either[mark]
    if mark == "," and options.decimal is None and (sure[0] or either[0]):
        example = sure[1] or either[1]
        yield Told("decimal", ",", f"decimal commas (such as {example} of {shown})")
    if options.thousands is not None:
        return
    if facts.spaced[0]:
        yield Told("thousands", " ", f"gaps between thousands (such as {facts.spaced[1]})")
    elif facts.either[other][0] or _has_groups(facts, mark):
        example = facts.either[other][1] or sure[1]
        yield Told("thousands", other, f"{NAMES[other]} between thousands (such as {example})")


def _refuse_unsure_points(name: str, facts: _Facts, marked: set[str], options: PathSource) -> None:
    """Raise `SourceError` for points that may stand between thousands, as the file has commas."""
    count, example = facts.either["."]
    comma = bool(marked) or _declared(options) == ","
    if not count or not comma or options.thousands is not None or facts.sure["."][0]:
        return
    others = f", as column {min(marked)!r} has" if marked else ""
    raise SourceError(
        f"Column {shortened(name, MAX_SHOWN)!r} has {example}: with decimal commas{others}, its"
        " point may stand between thousands or before decimals.",
        next_step="Declare source: {thousands: '.'} or {thousands: ''}.",
    )


def _unsure(name: str, facts: _Facts, options: PathSource) -> str:
    """Return a sentence on a column whose numbers mean two things, "" where they are plain."""
    commas = facts.sure[","] if facts.sure[","][0] else facts.either[","]
    points = facts.sure["."] if facts.sure["."][0] else facts.either["."]
    column = f"Column {shortened(name, MAX_SHOWN)!r} has"
    if not commas[0]:
        return ""
    if facts.whole + facts.sure["."][0] >= MIN_SHARE * facts.total:
        return ""  # the others are mistakes
    if points[0]:
        return (
            f"{column} {commas[1]} and {points[1]}: what stands before the decimals is not certain,"
            " so it is read as it is. Correct it in the source."
        )
    return (
        f"{column} {commas[1]}: its comma may stand between thousands or before decimals. Declare"
        " source: {thousands: ','} or {decimal: ','}."
    )


def _facts(column: pa.ChunkedArray, declared: Mark | None, *, look: bool = False) -> _Facts | None:
    """Return the facts of a column of numbers that are not all plain, None for any other.

    With `look`, plain numbers are looked at, too.
    """
    has_comma = any(_has_comma(chunk) for chunk in column.chunks)
    sample = _present(column[: 10 * SAMPLE])[:SAMPLE]
    if not has_comma and not look and _are_plain(sample):
        return None
    if len(sample) and not _counted(sample).are_numbers:
        return None
    present = _present(column)
    facts = None if declared == "." else _simple_facts(sample, present, column)
    facts = facts or _counted(present, column)
    return facts if facts.are_numbers else None


def _has_comma(texts: pa.Array) -> bool:
    """Return whether a comma stands in any text; where their bytes have none, that is quick."""
    content = texts.buffers()[2]
    if content is None or not (np.frombuffer(content, np.uint8) == ord(",")).any():
        return False
    return bool(pc.any(pc.match_substring(texts, ",")).as_py())


def _simple_facts(
    sample: pa.ChunkedArray, texts: pa.ChunkedArray, rows: pa.ChunkedArray
) -> _Facts | None:
    """Return the facts of texts that have no mark but one comma at most, None for any others.

    One of the first ones has to be sure. Most columns with decimal commas are such ones, and to
    read their texts as numbers takes a tenth of the time of all patterns.
    """
    if any(pc.any(pc.match_substring(chunk, ".")).as_py() for chunk in texts.chunks):
        return None
    points = pa.chunked_array(map(with_points, texts.chunks), pa.string())
    if not _are_plain(points) or pc.any(pc.is_inf(points.cast(pa.float64()))).as_py():
        return None
    sure = _fits(sample, _decimal(",")) & ~_fits(sample, _single(","))
    if not sure.any():
        return None
    none: dict[Mark, tuple[int, str]] = dict.fromkeys(OTHER, (0, ""))
    example = _shown(sample[int(np.flatnonzero(sure)[0])].as_py(), rows)
    return _Facts(len(texts), 0, (0, ""), {**none, ",": (len(texts), example)}, none, simple=True)


def _shown(text: str, rows: pa.ChunkedArray) -> str:
    row = pc.index(rows, text).as_py() + 1
    return f"{shortened(text, MAX_SHOWN)!r} in row {row:,}"


def with_points(texts: pa.Array) -> pa.Array:
    """Return texts with a point for each comma, several times as fast as Arrow replaces text."""
    if texts.null_count or not len(texts):
        return pc.replace_substring(texts, ",", ".")
    _, offsets, content = texts.buffers()
    begins = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    signs = np.frombuffer(content, np.uint8)[begins[0] : begins[-1]].copy()
    signs[signs == ord(",")] = ord(".")
    buffers = [None, pa.py_buffer(begins - begins[0]), pa.py_buffer(signs)]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _are_plain(texts: pa.ChunkedArray | pa.Array) -> bool:
    try:
        texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    missing = pc.is_in(column, value_set=pa.array(["", *EVERYWHERE], pa.string()))
    return column.filter(pc.invert(missing))


def _counted(texts: pa.ChunkedArray, rows: pa.ChunkedArray | None = None) -> _Facts:
    trimmed = pa.chunked_array(
        [pc.utf8_trim_whitespace(chunk) for chunk in texts.chunks], pa.string()
    )

    def of(pattern: str, but: str | None = None) -> tuple[int, str]:
        fits = _fits(trimmed, pattern)
        if but is not None:
            fits &= ~_fits(trimmed, but)
        count = int(fits.sum())
        if not count or rows is None:
            return count, ""
        return count, _shown(texts[int(np.flatnonzero(fits)[0])].as_py(), rows)

    sure = {}
    for mark, other in OTHER.items():
        first = of(_decimal(mark), but=_single(mark))
        second = of(_grouped(other))
        sure[mark] = first[0] + second[0], second[1] or first[1]
    return _Facts(
        len(trimmed),
        of(WHOLE + POWER)[0],
        of(SPACED),
        sure,
        {mark: of(_single(mark)) for mark in OTHER},
    )


def _fits(texts: pa.ChunkedArray, pattern: str) -> np.ndarray:
    fits = [pc.match_substring_regex(chunk, f"^(?:{pattern})$") for chunk in texts.chunks]
    return np.concatenate([np.zeros(0, bool), *(np.asarray(each, bool) for each in fits)])


def _plain(column: pa.ChunkedArray, mark: Mark) -> pa.ChunkedArray:
    """Return a column whose numbers have a decimal point; all other texts stay."""
    between = f"[{OTHER[mark]} '’\u00a0\u202f]"

    def plain(chunk: pa.Array) -> pa.Array:
        bare = pc.replace_substring_regex(chunk, between, "")
        points = pc.replace_substring(bare, mark, ".")
        return pc.if_else(
            pc.match_substring_regex(chunk, f"^(?:{_read_with(mark)})$"), points, chunk
        )

    return pa.chunked_array([plain(chunk) for chunk in column.chunks], pa.string())
