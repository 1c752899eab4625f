"""The files of a source: one file, all that a pattern matches, or all of a folder."""

import glob
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote

from data.connections.remote_failures import passing_number
from data.declarations.mistakes import nearest
from data.declarations.source import ENDINGS, ending_of
from data.errors import SourceError, SourceLate, UserError, library_message
from data.progress import Report

WILD = "*?["
"""What makes a pattern of a path."""

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write for a missing value."""


@dataclass(frozen=True)
class SourceFile:
    """One file, and the values that the names of its folders give to columns (Hive's way).

    `shown` is where it is, for messages. `here` returns its path on this machine; a file from
    elsewhere is put into a folder for that, which may take long and is reported.
    """

    name: str
    shown: str
    here: Callable[[Path, Report], Path]
    partition: tuple[tuple[str, str | None], ...] = ()
    is_fetched: bool = False


@dataclass(frozen=True)
class FileState:
    """What changes when a file is changed or replaced; `times` of changes are in nanoseconds."""

    name: str
    facts: tuple[object, ...]
    times: tuple[int, ...] = ()


class SourceFiles(Protocol):
    """The files of a source, here or elsewhere, of which some may come and go.

    `notes` grows by sentences on what was done to read them.
    """

    notes: list[str]

    def state(self) -> tuple[FileState, ...]:
        """Return the state of each file that is there."""

    def files(self) -> list[SourceFile]:
        """Return the files, each of which has bytes; else a `SourceError`."""

    def may_pass(self, error: UserError) -> bool:
        """Return whether all should be read again after an error."""


class LocalFiles:
    """The files of a path of this machine, whose disks may be those of a network.

    `named_in` is where a person names the source, for messages.
    """

    def __init__(self, path: Path, named_in: str) -> None:
        self._path, self._named_in = path, named_in
        self.notes: list[str] = []

    def state(self) -> tuple[FileState, ...]:
        """Return the state of each file that is there."""
        states = []
        for file in paths_of(self._path):
            try:
                found = file.stat()
            except OSError:
                continue
            facts = found.st_dev, found.st_ino, found.st_size
            states.append(FileState(str(file), facts, (found.st_mtime_ns, found.st_ctime_ns)))
        return tuple(states)

    def files(self) -> list[SourceFile]:
        """Return the files, each of which has bytes; else a `SourceError`."""
        return source_files(self._path, self._named_in)

    def may_pass(self, error: UserError) -> bool:
        """Return whether a disk failed in a way that passes, as one of the network does."""
        return isinstance(error, SourceError) and passing_number(error) is not None


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
        refuse_mixed_endings((each.name for each in paths), named_in)
    except OSError as error:
        raise _unreadable(path, error, named_in) from None
    for each in paths:
        try:
            empty = _is_empty(each, named_in)
        except OSError as error:
            raise _unreadable(each, error, named_in) from None
        refuse_other_ending(each.name, str(each))
        if empty:
            raise empty_file(str(each))
    return [
        _local(each, partition_of(each.relative_to(folder)) if folder else ()) for each in paths
    ]


def _local(path: Path, partition: tuple[tuple[str, str | None], ...]) -> SourceFile:
    return SourceFile(path.name, str(path), lambda _folder, _report: path, partition)


def refuse_mixed_endings(names: Iterable[str], named_in: str) -> None:
    """Raise `SourceError` for files of different formats, by their names."""
    endings = {ending_of(Path(name)): name for name in names}
    if len(endings) > 1:
        first, second, *_ = endings.values()
        raise SourceError(
            f"{first!r} and {second!r} are of different formats.",
            next_step=f"Name files of one format in {named_in}, such as *.csv.",
        )


def refuse_other_ending(name: str, where: str) -> None:
    """Raise `SourceError` for a file of which nothing says how to read it; a zip says it later."""
    path = Path(name)
    if ending_of(path) not in ENDINGS and path.suffix.lower() != ".zip":
        shown = "".join(path.suffixes[-2:]).lower() or name
        raise SourceError(
            f"Files that end in {shown!r} cannot be read.",
            where=where,
            next_step=f"Use a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]},"
            " which may be packed as .gz, .zst, .bz2 or .zip.",
        )


def empty_file(where: str) -> SourceLate:
    """Return the error of a file without bytes."""
    return SourceLate(
        "The file is empty (0 bytes).",
        where=where,
        next_step="Check the program that writes it.",
    )


def _below(folder: Path) -> list[Path]:
    """Return the files in and below a folder that can be read, without hidden ones and marks."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        found += [Path(place, name) for name in names if belongs(Path(name))]
    return found


def belongs(path: Path | PurePosixPath) -> bool:
    """Return whether a file, by its path in a folder, is one of its parts and can be read."""
    return all(part[0] not in "._" for part in path.parts) and ending_of(path) in ENDINGS


def partition_of(path: Path | PurePosixPath) -> tuple[tuple[str, str | None], ...]:
    """Return the columns and values that the folders in a path in the source's folder name."""
    parts = (part.partition("=") for part in path.parts[:-1])
    return tuple(
        (unquote(name), None if value == NO_PARTITION else unquote(value))
        for name, sign, value in parts
        if sign
    )


def _nothing(path: Path, named_in: str) -> SourceLate:
    if _is_folder(path):
        return SourceLate(
            "This is a folder without a file that can be read.",
            next_step=f"Put files such as .parquet or .csv into it. Name a file in {named_in}.",
        )
    near = nearest(path.name, _neighbours(path))
    return SourceLate("No file has a name of this pattern.", next_step=f"{near}Correct {named_in}.")


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
        return SourceLate(
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
