"""Finding out whether a file could not be written because there is no room for it."""

import errno
import resource
import shutil
import tempfile
from pathlib import Path

NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "this user's disk quota is used up",
    errno.EFBIG: "the file has reached the largest size that this process may write (`ulimit -f`)",
}

PROBE_BYTES = 256 * 1024
"""As much as SQLite may need at once for its journal and the journal's index."""


def no_room(error: OSError) -> str | None:
    """Return what is full, as part of a sentence, where that is why a file was not written."""
    return NO_ROOM.get(error.errno or 0)


def free_bytes(folder: Path) -> int:
    """Return how much this process may still write to a folder's disk."""
    return shutil.disk_usage(folder).free


def full_disk(database: str | None, *, sure: bool = False) -> str | None:
    """Return what is full where a database's file is, as part of a sentence; None if nothing is.

    SQLite reports a full disk in several ways, so this writes a small file beside the database;
    `sure` says that SQLite called it full itself.
    """
    if not database or database == ":memory:":
        return NO_ROOM[errno.ENOSPC] if sure else None
    path = Path(database)
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            probe.write(b"\0" * PROBE_BYTES)
            probe.flush()
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        sizes = (file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
        if limit != resource.RLIM_INFINITY and max(sizes, default=0) + PROBE_BYTES > limit:
            return NO_ROOM[errno.EFBIG]
        is_full = free_bytes(path.parent) < PROBE_BYTES
    except OSError as error:
        return no_room(error) or (NO_ROOM[errno.ENOSPC] if sure else None)
    return NO_ROOM[errno.ENOSPC] if sure or is_full else None
