"""Compressed files are unpacked into a temporary file, of which none is larger than it should be.

What reads a file may go back in it to explain a mistake, which no compressed stream can do.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from data.declarations.source import ENDINGS, ending_of, is_packed
from data.errors import SourceError, SourceLate, listed
from data.sources.column_files import writing
from data.sources.contents import not_whole

STREAMS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
PIECE = 1 << 20
MIN_UNPACKED = 128_000_000
"""Bytes that any file may hold."""

MAX_RATIO = 300
"""So many times its own size a larger one may hold; CSV of measured values shrinks to a tenth."""

DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
HIDDEN = ("__MACOSX/", ".")


def unpacked(path: Path, folder: Path) -> Path:
    """Return a file itself or, if it is compressed, what is in it, as a file in `folder`.

    A compressed file that is damaged, has a password, holds several files or far more than its size
    suggests is a `SourceError`.
    """
    if not is_packed(path):
        return path
    packed = path.suffix.lower()
    allowed = max(MIN_UNPACKED, MAX_RATIO * path.stat().st_size)
    if packed == ".zip":
        with _refusing(path), zipfile.ZipFile(path) as archive:
            member = _only_member(archive)
            ending = ending_of(Path(member.filename))
            if ending not in ENDINGS:
                raise SourceError(
                    f"The zip file holds {member.filename!r}, which cannot be read.",
                    next_step=f"Pack a file that ends in {', '.join(ENDINGS)}.",
                )
            with archive.open(member) as stream:
                return _written(_pieces(stream), folder / f"unpacked{ending}", allowed)
    with _refusing(path), pa.OSFile(str(path)) as file:
        stream = pa.CompressedInputStream(file, STREAMS[packed])
        return _written(_pieces(stream), folder / f"unpacked{ending_of(path)}", allowed)


def _pieces(stream: object) -> Iterator[bytes]:
    while piece := stream.read(PIECE):  # type: ignore[attr-defined]
        yield piece


def _written(pieces: Iterable[bytes], file: Path, allowed: int) -> Path:
    size = 0
    with writing(file.parent):
        target = file.open("wb")
    with target:
        for piece in pieces:
            size += len(piece)
            if size > allowed:
                raise SourceError(
                    f"It holds more than {allowed / 1e9:,.2f} GB, far more than a file of its size"
                    " should: it is damaged, or repeats the same values.",
                    next_step="Check the program that writes it, or unpack it and name the file.",
                )
            with writing(file.parent):
                target.write(piece)
        with writing(file.parent):
            target.flush()
    if not size:
        raise SourceLate(
            "The file that is packed in it is empty (0 bytes).",
            next_step="Check the program that writes it.",
        )
    return file


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith(HIDDEN)
    ]
    if len(members) != 1:
        names = f": {listed([member.filename for member in members])}" if members else ""
        raise SourceError(
            f"The zip file holds {len(members):,} files, but one is needed{names}.",
            next_step="Unpack it, and name one file or, with a pattern such as *.csv, all of them.",
        )
    if members[0].flag_bits & 1:
        raise SourceError(
            "The zip file has a password.", next_step="Unpack it, and name the file in it."
        )
    return members[0]


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise not_whole(path, f"{path.suffix.lower()} file", error) from None
