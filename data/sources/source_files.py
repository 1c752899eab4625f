"""The files of a source: one file, all that a pattern matches, or all of a folder."""

import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from data.declarations.mistakes import nearest
from data.declarations.source import ENDINGS, ending_of
from data.errors import SourceError, library_message

WILD = "*?["
"""What makes a pattern of a path."""

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write for a missing value."""


@dataclass(frozen=True)
class SourceFile:
    """One file, and the values that the names of its folders give to columns (Hive's way)."""

    path: Path
    partition: tuple[tuple[str, str | None], ...] = ()


def paths_of(path: Path) -> list[Path]:
    """Return the paths of all files of a source, sorted by name; none for what is not there."""
    if _is_folder(path):
        return sorted(_below(path))
    if is_pattern(path):
        return sorted(found for name in glob.glob(str(path)) if (found := Path(name)).is_file())
    return [path]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # as for a name that is too long
        return False


def is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern, and not the name of a file that has such characters."""
    return any(sign in str(path) for sign in WILD) and not os.path.lexists(path)


def source_files(path: Path, named_in: str) -> list[SourceFile]:
    """Return the files of a source, each of which has bytes; else a `SourceError`.

    `named_in` is where a person names the source, for messages.
    """
    try:
        paths, folder = paths_of(path), path if _is_folder(path) else None
        if not paths:
            raise _nothing(path, named_in)
        endings = {ending_of(each): each.name for each in paths}
        if len(endings) > 1:
            first, second, *_ = endings.values()
            raise SourceError(
                f"{first!r} and {second!r} are of different formats.",
                next_step=f"Name files of one format in {named_in}, such as *.csv.",
            )
    except OSError as error:
        raise _unreadable(path, error, named_in) from None
    for each in paths:
        try:
            empty = _is_empty(each, named_in)
        except OSError as error:
            raise _unreadable(each, error, named_in) from None
        if ending_of(each) not in ENDINGS and not _tells_later(each):
            shown = "".join(each.suffixes[-2:]).lower() or each.name
            raise SourceError(
                f"Files that end in {shown!r} cannot be read.",
                where=str(each),
                next_step=f"Use a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]},"
                " which may be packed as .gz, .zst, .bz2 or .zip.",
            )
        if empty:
            raise SourceError(
                "The file is empty (0 bytes).",
                where=str(each),
                next_step="Check the program that writes it.",
            )
    return [SourceFile(each, _partition(each, folder) if folder else ()) for each in paths]


def _tells_later(path: Path) -> bool:
    """Return whether the file in a zip says by its own name what it holds."""
    return path.suffix.lower() == ".zip"


def _below(folder: Path) -> list[Path]:
    """Return the files in and below a folder that can be read, without hidden ones and marks."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        found += [
            Path(place, name)
            for name in names
            if name[0] not in "._" and (ending_of(Path(name)) in ENDINGS)
        ]
    return found


def _partition(path: Path, folder: Path) -> tuple[tuple[str, str | None], ...]:
    parts = (part.partition("=") for part in path.relative_to(folder).parts[:-1])
    return tuple(
        (unquote(name), None if value == NO_PARTITION else unquote(value))
        for name, sign, value in parts
        if sign
    )


def _nothing(path: Path, named_in: str) -> SourceError:
    if _is_folder(path):
        return SourceError(
            "This is a folder without a file that can be read.",
            next_step=f"Put files such as .parquet or .csv into it. Name a file in {named_in}.",
        )
    near = nearest(path.name, _neighbours(path))
    return SourceError(
        "No file has a name of this pattern.", next_step=f"{near}Correct {named_in}."
    )


def _is_empty(path: Path, named_in: str) -> bool:
    """Return whether a file has no bytes; one that would wait or never end is a `SourceError`."""
    if stat.S_IFMT(path.stat().st_mode) != stat.S_IFREG:
        raise SourceError(
            "This is a pipe, a socket or a device, but a file is needed.",
            next_step=f"Write the rows to a file, and name it in {named_in}.",
        )
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a file of /proc may wait, too
    try:
        return not os.read(descriptor, 1)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError, named_in: str) -> SourceError:
    if isinstance(error, FileNotFoundError):
        hint = nearest(path.name, _neighbours(path))
        return SourceError(
            "There is no such file.", where=str(path), next_step=f"{hint}Correct {named_in}."
        )
    return SourceError(
        f"The file cannot be read: {error.strerror or library_message(error)}.",
        where=str(path),
        next_step="Allow the user who runs nightfit to read it.",
    )


def _neighbours(path: Path) -> list[str]:
    """Return the names of the files beside a missing one, as far as they can be read and shown."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    return [name for name in names if name.isprintable()]
