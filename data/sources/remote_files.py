"""The files at an address: listed by its driver, and put into a temporary folder to be read.

Each is fetched in blocks, so that none is in memory; what is read then is a file of this machine.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from data.connections.file_systems import file_system
from data.connections.remote_failures import Attempted, NoSuchFile, explained
from data.connections.retry import retried
from data.connections.secrets import filled
from data.declarations.address import Address, address_of
from data.declarations.mistakes import nearest
from data.declarations.source import ENDINGS, ending_of, is_packed
from data.errors import (
    DeclarationMistake,
    SourceAway,
    SourceError,
    SourceLate,
    UserError,
    shortened,
)
from data.progress import Report
from data.sources.column_files import writing
from data.sources.source_files import (
    WILD,
    FileState,
    LocalFiles,
    SourceFile,
    SourceFiles,
    belongs,
    empty_file,
    partition_of,
    refuse_mixed_endings,
    refuse_other_ending,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

BLOCK = 8_000_000
"""Bytes that are fetched at once."""

MAX_LEVELS = 20
"""So many folders above a missing file are looked at, to say which one is missing."""

CHECKSUMS = ("ETag", "etag", "Content-MD5", "content_md5", "md5Hash", "generation", "checksum")
TIMES = ("LastModified", "last_modified", "Last-Modified", "mtime", "updated", "modify", "created")
"""What drivers tell of a file that shows a change, by its name: one of each is enough."""

ENDING_OF_TYPE = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
}
"""How a web server names what it sends, where the address does not."""

PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.I | re.S
)
TITLE = re.compile(rb"<title[^>]*>\s*(.{1,200}?)\s*</title>", re.I | re.S)
MAX_TITLE = 60


def files_of(path: Path | Address, named_in: str, until: float = 0.0) -> SourceFiles:
    """Return the files of a source; `named_in` is where a person names it, for messages.

    Until a time of `time.monotonic`, what fails in passing or is late is attempted again.
    """
    if isinstance(path, Address):
        return RemoteFiles(path, named_in, until)
    return LocalFiles(path, named_in)


@dataclass(frozen=True)
class _Found:
    """One file that was listed: the driver's path of it, and what the driver tells of it."""

    path: str
    facts: Mapping[str, Any]

    @property
    def size(self) -> int | None:
        size = self.facts.get("size")
        return size if isinstance(size, int) else None


@dataclass(frozen=True)
class _Listing:
    """The files at an address, sorted by path; they may be those of a folder."""

    address: Address
    system: "AbstractFileSystem"
    path: str
    files: tuple[_Found, ...]
    is_folder: bool = False


class RemoteFiles:
    """The file at an address, the files of a pattern, or those in a folder."""

    def __init__(self, address: Address, named_in: str, until: float) -> None:
        self._shown, self._address, self._named_in = address.shown, address, named_in
        self._until = until
        self._listing: _Listing | None = None
        self._opened: tuple[AbstractFileSystem, str] | None = None
        self.notes: list[str] = []

    def state(self) -> tuple[FileState, ...]:
        """Return the state of each file that is there, as far as the driver tells it."""
        self._listing = retried(self._listed, told=self.notes.append, until=self._until)
        return tuple(map(_state, self._listing.files))

    def files(self) -> list[SourceFile]:
        """Return the files whose state was asked for last; else a `SourceError`."""
        listing = self._listing or retried(self._listed, told=self.notes.append, until=self._until)
        names = [_name(found, listing) for found in listing.files]
        if not names:
            raise self._nothing(listing)
        refuse_mixed_endings(names, self._named_in)
        files = []
        for found, name in zip(listing.files, names, strict=True):
            shown = self._where(found, listing)
            refuse_other_ending(name, shown)
            if found.size == 0:
                raise empty_file(shown)
            partition = partition_of(_below(found.path, listing.path)) if listing.is_folder else ()
            here = partial(self._fetched, found, listing, shown, name)
            files.append(SourceFile(name, shown, here, partition, is_fetched=True))
        return files

    def may_pass(self, _error: UserError) -> bool:
        """Return False: what may pass was tried again where it failed."""
        return False

    def _attempted(self, shown: str, protocol: str) -> Attempted:
        return Attempted(shown, protocol, self._named_in)

    def _listed(self) -> _Listing:
        address = self._filled()
        attempted = self._attempted(self._shown, address.protocol)
        with explained(attempted):
            if self._opened is None:  # which may take a second
                self._opened = file_system(address.text, self._shown)
            system, path = self._opened
            system.invalidate_cache()
        list_files = partial(_Listing, address, system, path)
        is_pattern = any(sign in address.file.as_posix() for sign in WILD)
        if address.is_web and is_pattern:
            raise SourceError(
                "A web server does not list its files, so there can be no pattern.",
                where=self._shown,
                next_step=f"Name one file in {self._named_in}.",
            )
        try:
            with explained(attempted):
                facts = system.info(path)
        except NoSuchFile as error:
            if not is_pattern:
                raise self._missing(system, path, error) from None
            with explained(attempted):
                matching = system.glob(path, detail=True)
            return list_files(_sorted(matching))
        if facts.get("type") != "directory":
            return list_files((_Found(path, facts),))
        with explained(attempted):
            below = system.find(path, detail=True)
        parts = {name: each for name, each in below.items() if belongs(_below(name, path))}
        return list_files(_sorted(parts), is_folder=True)

    def _filled(self) -> Address:
        """Return the address with its secrets, which nobody is to see."""
        try:
            address = address_of(filled(self._address.text, self._shown))
        except DeclarationMistake as mistake:
            raise SourceError(
                f"{mistake.what[0].upper()}{mistake.what[1:]}.",
                where=self._shown,
                next_step=mistake.next_step,
            ) from None
        if isinstance(address, Path) or not address.protocol:
            raise SourceError(
                "What is filled in is not an address, such as s3://bucket/rows.csv.",
                where=self._shown,
                next_step="Correct the value of the variable or of the Secret block.",
            )
        return address

    def _where(self, found: _Found, listing: _Listing) -> str:
        """Return the address of one of several files, as far as it may be shown."""
        if found.path == listing.path:
            return self._shown
        if self._shown.endswith(listing.path):
            return self._shown.removesuffix(listing.path) + found.path
        return f"{self._shown}: {PurePosixPath(found.path).name}"

    def _fetched(
        self, found: _Found, listing: _Listing, shown: str, name: str, folder: Path, report: Report
    ) -> Path:
        """Return a file of this machine with all bytes of the one that was found."""
        target = folder / f"fetched{''.join(PurePosixPath(name).suffixes[-2:])}"
        fetch = partial(self._fetch, found, listing, shown, target, report)
        retried(fetch, told=self.notes.append, until=self._until)
        with target.open("rb") as file:
            start = file.read(4_000)
        if not start:
            raise empty_file(shown)
        _refuse_page(start, shown)
        return target

    def _fetch(
        self, found: _Found, listing: _Listing, shown: str, target: Path, report: Report
    ) -> None:
        """Put a file into a temporary one, from where an earlier attempt ended."""
        attempted = self._attempted(shown, listing.address.protocol)
        may_go_on = not listing.address.is_web
        with writing(target.parent):
            local = target.open("ab" if may_go_on else "wb")
        with local:
            done = local.tell()
            for block in _blocks(found, listing, done, attempted):
                with writing(target.parent):
                    local.write(block)
                done += len(block)
                of = f" of {found.size / 1e6:,.1f}" if found.size else ""
                report(min(done / (found.size or done), 1), f"{done / 1e6:,.1f}{of} MB fetched")
            with writing(target.parent):
                local.flush()
        if found.size is None or done == found.size:
            return
        with explained(attempted):
            listing.system.invalidate_cache()
            now = listing.system.info(found.path)
        if now.get("size") != found.size:
            raise SourceError("The file was changed while it was fetched.", where=shown)
        raise SourceAway(
            f"Only {done:,} of its {found.size:,} bytes have come.",
            where=shown,
            next_step="Check that the server sends all of it, and run again.",
        )

    def _missing(self, system: "AbstractFileSystem", path: str, error: NoSuchFile) -> SourceError:
        """Return whether a file, its folder or its bucket is missing, and the name most like it."""
        if self._filled().is_web:
            return error
        missing = path
        for _ in range(MAX_LEVELS):
            parent = system._parent(missing)
            if parent == missing:
                break
            try:
                with explained(self._attempted(self._shown, "")):
                    names = [PurePosixPath(each).name for each in system.ls(parent, detail=False)]
            except NoSuchFile:
                missing = parent
                continue
            except UserError:  # the parent may not be listed
                break
            name = PurePosixPath(missing).name
            kind = "folder" if "/" in missing.strip("/") else "bucket or folder"
            what = error.what if missing == path else f"There is no {kind} {name!r}."
            hint = nearest(name, [each for each in names if each.isprintable()])
            return NoSuchFile(what, where=error.where, next_step=hint + error.next_step)
        return error

    def _nothing(self, listing: _Listing) -> SourceLate:
        if listing.is_folder:
            return SourceLate(
                "This is a folder without a file that can be read.",
                where=self._shown,
                next_step=f"Put files such as .parquet or .csv into it. Name a file in"
                f" {self._named_in}.",
            )
        return SourceLate(
            "No file has a name of this pattern.",
            where=self._shown,
            next_step=f"Correct {self._named_in}.",
        )


def _sorted(files: Mapping[str, Mapping[str, Any]]) -> tuple[_Found, ...]:
    kept = {path: facts for path, facts in files.items() if facts.get("type") != "directory"}
    return tuple(_Found(path, kept[path]) for path in sorted(kept))


def _below(path: str, folder: str) -> PurePosixPath:
    return PurePosixPath(path.removeprefix(folder).lstrip("/"))


def _name(found: _Found, listing: _Listing) -> str:
    """Return the name of a file, with the ending of what a web server sends if it has none."""
    if not listing.address.is_web:
        return PurePosixPath(found.path).name
    file = listing.address.file
    told = ENDING_OF_TYPE.get(str(found.facts.get("mimetype", "")).lower(), "")
    is_named = is_packed(file) or ending_of(file) in ENDINGS
    return file.name if is_named else f"{file.name}{told}"


def _state(found: _Found) -> FileState:
    checksum = next((found.facts[name] for name in CHECKSUMS if found.facts.get(name)), None)
    moment = next((found.facts[name] for name in TIMES if found.facts.get(name)), None)
    times = (int(moment.timestamp() * 1e9),) if isinstance(moment, datetime) else ()
    return FileState(found.path, (found.size, checksum or moment), times)


def _blocks(found: _Found, listing: _Listing, done: int, attempted: Attempted) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks, without those that are done already."""
    opening: dict[str, Any]
    if listing.address.is_web:  # one request, as not all servers send parts; its size needs none
        opening = {"block_size": 0, "size": found.size or 1}
    else:
        opening = {"block_size": BLOCK, "cache_type": "none"}
    with explained(attempted):
        file = listing.system.open(found.path, "rb", **opening)
    try:
        if done:
            with explained(attempted):
                file.seek(done)
        while True:
            with explained(attempted):
                block = file.read(BLOCK)
            if not block:
                return
            yield block
    finally:
        file.close()


def _refuse_page(start: bytes, where: str) -> None:
    """Raise `SourceError` for a page of the web, as a server may send for a login."""
    if not PAGE.match(start):
        return
    title = TITLE.search(start)
    shown = shortened(title[1].decode("utf-8", "replace"), MAX_TITLE) if title else ""
    raise SourceError(
        f"The server sent a web page{f' ({shown!r})' if shown else ''} instead of the file.",
        where=where,
        next_step="Open the address in a browser: it may ask for a login, or lead to a page about"
        " the file. Name the address that gives the file itself.",
    )
