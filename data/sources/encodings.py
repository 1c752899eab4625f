"""The encoding of a text file, told apart by looking at its bytes, and its text as UTF-8.

UTF-8, UTF-16 and UTF-32 show what they are. Of the encodings of one byte, none does: a file is read
as latin-1 or windows-1252 only if it then reads like a language of Western Europe throughout.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from data.errors import SourceError, quoted
from data.sources.column_files import writing

PIECE = 1 << 20
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HIGH = re.compile(rb"[\x80-\xff]+")
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Bytes that no text has but for damage, in any encoding of one byte."""
MAX_CONTROL = 0.01
LETTERS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýŠšŽžŒœŸÐðÞþ"
SIGNS = "€£¥§©®°±²³µ·¹ºª«»¼½¾¿¡×÷\xa0‘’“”„–—…•™"
BETWEEN_LETTERS = "’·\xa0–—"
BEHIND_LETTERS = f"{BETWEEN_LETTERS}”“‘»«²³ºª®™…"
MAX_TOGETHER = 3
"""So many letters beyond ASCII may follow each other, which in Greek or Russian more do."""

SHOWN = 20
LATIN_1, WINDOWS = "latin-1", "windows-1252"


def looks_like_utf(start: bytes) -> str | None:
    """Return utf-16 or utf-32 if a file begins so, with or without a byte order mark."""
    for mark, name in BOMS:
        if start.startswith(mark):
            return name
    head = start[:1000]
    if len(head) < 8:
        return None
    even, odd = (head[at::2].count(0) / len(head[at::2]) for at in (0, 1))
    if odd > 0.4 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.1 else None


def eight_bit_encoding(path: Path) -> tuple[str, str] | None:
    """Return which encoding of one byte a file has, and a word that shows it; None if it is UTF-8.

    Where that is not certain, a `SourceError` says what to declare.
    """
    first: tuple[int, int, int] | None = None  # offset, byte and line
    has_utf8, is_binary, lines, offset, example = False, False, 1, 0, ""
    unsure = ""
    used: set[int] = set()
    for piece in _pieces(path):
        try:
            piece.decode("utf-8")
            has_utf8 = has_utf8 or not piece.isascii()
        except UnicodeDecodeError:
            is_binary = is_binary or len(CONTROL.findall(piece)) > MAX_CONTROL * len(piece)
            for match in HIGH.finditer(piece):
                bad = _first_bad(match[0])
                if bad is None:
                    has_utf8 = True
                    continue
                if first is None:
                    at = match.start() + bad
                    first = offset + at, piece[at], lines + piece.count(b"\n", 0, at)
                    example = _word(piece, match)
                used.update(match[0])
                unsure = unsure or _why_unsure(piece, match)
        if first and (has_utf8 or unsure):
            break
        lines, offset = lines + piece.count(b"\n"), offset + len(piece)
    if first is None:
        return None
    position, byte, line = first
    if is_binary:
        raise SourceError(
            "The file is not text, but other bytes, such as those of a picture or a program.",
            next_step="Name a file of text, or check the program that writes this one.",
        )
    what = f"The file is not UTF-8: byte {position} (0x{byte:02x}) in line {line} cannot be read."
    if has_utf8:
        raise SourceError(what, next_step="Save it as UTF-8. Some of it is, so it is damaged.")
    if unsure:
        raise SourceError(
            f"{what} As {WINDOWS} it has {quoted(unsure)}.",
            next_step="Declare its encoding, such as source: {encoding: windows-1250}, or save it"
            " as UTF-8.",
        )
    name = WINDOWS if any(0x80 <= byte <= 0x9F for byte in used) else LATIN_1
    return name, example


def _first_bad(run: bytes) -> int | None:
    try:
        run.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a file in pieces that never end amid characters beyond ASCII, if they are few."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            while piece[-1] >= 0x80 and (more := file.read(1)):
                piece += more
            yield piece


def _word(piece: bytes, match: re.Match[bytes]) -> str:
    before = re.search(rb"[A-Za-z ]*$", piece[max(match.start() - SHOWN, 0) : match.start()])
    after = re.match(rb"[A-Za-z\x80-\xff ]*", piece[match.end() : match.end() + SHOWN])
    word = b"".join([before[0] if before else b"", match[0], after[0] if after else b""])
    return word.decode(WINDOWS, errors="replace").strip()


def _why_unsure(piece: bytes, match: re.Match[bytes]) -> str:
    """Return a word that no language of Western Europe has, "" for one that may be."""
    text = match[0].decode(WINDOWS, errors="replace")
    before = chr(piece[match.start() - 1]) if match.start() else " "
    after = chr(piece[match.end()]) if match.end() < len(piece) else " "
    is_odd = any(sign not in LETTERS and sign not in SIGNS for sign in text)
    is_odd = is_odd or sum(sign in LETTERS for sign in text) > MAX_TOGETHER
    is_odd = is_odd or (before.islower() and text[0].isupper())
    is_odd = is_odd or any(
        one in LETTERS and other in SIGNS and other not in BEHIND_LETTERS
        for one, other in pairwise(text)
    )
    amid = before.isalpha() and after.isalpha()
    is_odd = is_odd or (amid and any(s not in LETTERS and s not in BETWEEN_LETTERS for s in text))
    is_odd = is_odd or (before.isalpha() and text[0] in "„¿¡")
    return _word(piece, match) if is_odd else ""


def as_utf8(path: Path, encoding: str, file: Path, declared: str | None) -> Path:
    """Write a text file as UTF-8 into another one, and return that.

    Bytes that are none of the encoding are a `SourceError`.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    with writing(file.parent):
        target = file.open("wb")
    offset = 0
    with path.open("rb") as source, target:
        while True:
            piece = source.read(PIECE)
            try:
                text = decoder.decode(piece, final=not piece)
            except (UnicodeError, ValueError) as error:
                at = offset + getattr(error, "start", 0)
                named = "'source.encoding' declares" if declared else "the file begins like"
                raise SourceError(
                    f"The file is not {encoding}, which {named}: what stands at byte {at} cannot"
                    " be read.",
                    next_step="Declare the encoding that it has, or save it as UTF-8.",
                ) from None
            with writing(file.parent):
                target.write(text.encode("utf-8", errors="replace"))
            if not piece:
                return file
            offset += len(piece)
