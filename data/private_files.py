"""Files that nobody but nightfit's user may read or change: the home, the database and the logs."""

import os
import pwd
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

PRIVATE_UMASK = 0o077
"""Files are made with the mode 0600, and folders with 0700."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO

LOGIN_FILE = "prefect-login"
"""The login of Prefect's page. If others could read it, closing it is too late: see `serve`."""

NAMES_IN_HOME = tuple(f"{LOGIN_FILE} logs prefect reports running snapshots theano-* tmp".split())
"""What nightfit makes in its home. A folder with anything else in it is also used for that."""

_umask_of_user: list[int] = []
"""The umask with which this process was started, once `make_private` has replaced it."""


def make_private() -> None:
    """Let nobody else read what this process, and those that it starts, make from now on."""
    before = os.umask(PRIVATE_UMASK)
    if not _umask_of_user:
        _umask_of_user.append(before)


def mode_of_users_files() -> int:
    """Return the mode of a file that the user asks for by name: the one that a shell would give."""
    if not _umask_of_user:
        umask = os.umask(PRIVATE_UMASK)
        os.umask(umask)
        return 0o666 & ~umask
    return 0o666 & ~_umask_of_user[0]


def close_home(home: Path, database: Path | None = None) -> list[str]:
    """Close the parts of a home that others may use; return a sentence if there were any.

    An older version of nightfit, a copy or another umask leaves such a home. The folder itself is
    closed, too, unless it holds anything that is not ours. Links are not followed.
    """
    folder = home.resolve()
    if not folder.is_dir() or not _mode(folder) & OTHERS:
        return []
    entries = sorted(folder.iterdir())
    ours = [entry for entry in entries if _is_ours(entry, database)]
    roots = ([folder] if len(ours) == len(entries) else []) + ours
    closing = [path for path in roots if path.name != LOGIN_FILE and not path.is_symlink()]
    opened = [path for path in closing if _mode(path) & OTHERS]
    if not opened:
        return []
    mode = _mode(opened[0])
    if reason := _close(opened[0]):
        return [
            f"{opened[0]}: other users of this machine may use it (its mode is {mode:04o}), and it"
            f" cannot be closed ({reason}). Choose a folder of your own in NIGHTFIT_HOME."
        ]
    for path in opened:
        _close(path)
        for inner, folders, files in os.walk(path):
            for name in {*folders, *files} - {LOGIN_FILE}:
                _close(Path(inner, name))
    return [
        f"{opened[0]}: other users of this machine could use it (its mode was {mode:04o}). It is"
        " closed to them now, with everything in it."
    ]


def close_database(database: Path) -> list[str]:
    """Close an SQLite database that others may use, with the files beside it that belong to it.

    Returns a sentence if it was open.
    """
    mode = _mode(database)
    if not mode & OTHERS:
        return []
    reason = _close(database)
    beside = [database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm")]
    for file in (*beside, *database.parent.glob(f"{escape(database.name)}.*.lock")):
        _close(file)
    if reason:
        return [
            f"Other users of this machine may use it (its mode is {mode:04o}), and it cannot be"
            f" closed ({reason})."
        ]
    return [f"Only its owner may use it now (its mode was {mode:04o}); `chmod` opens it again."]


def _is_ours(entry: Path, database: Path | None) -> bool:
    if database is not None and entry.name.startswith(database.name):
        return entry.parent == database.parent.resolve()
    return any(fnmatchcase(entry.name, pattern) for pattern in NAMES_IN_HOME)


def unsafe_places(home: Path, database: Path | None) -> Iterator[str]:
    """Yield a sentence on each place where another user could put other files in place of ours."""
    if reason := _unsafe(home):
        yield f"{home}: {reason}. Choose a place of your own in NIGHTFIT_HOME."
    if database is None or database.resolve().is_relative_to(home.resolve()):
        return
    if reason := _unsafe(database):
        yield f"{database}: {reason}. Choose a place of your own in NIGHTFIT_DATABASE_URL."


def _unsafe(path: Path) -> str:
    """Return why another user could change a file or replace it, or ""."""
    resolved = path.resolve()
    for place in (resolved, *resolved.parents):
        try:
            status = place.stat()
        except OSError:
            continue
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
        what = f"this {kind}" if place == resolved else f"the folder {place}"
        if status.st_uid not in (0, os.geteuid()):
            return f"{what} belongs to another user ({_name(status.st_uid)}), who may change it"
        sticky = kind == "folder" and status.st_mode & stat.S_ISVTX and place != resolved
        if status.st_mode & stat.S_IWOTH and not sticky:
            return f"every user of this machine may change {what}"
    return ""


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _close(path: Path) -> str:
    """Take all permissions from others; return why that is impossible, or ""."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or not stat.S_IMODE(mode) & OTHERS:
            return ""
        path.chmod(stat.S_IMODE(mode) & ~OTHERS)
        closed = not stat.S_IMODE(path.lstat().st_mode) & OTHERS
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return "" if closed else "its file system keeps no permissions"
