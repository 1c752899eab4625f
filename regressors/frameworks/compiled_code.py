"""The folder of Theano's compiled code: what is damaged in it is compiled anew, not loaded.

Theano loads what it finds under the right name, which would crash it or change its numbers. So each
module gets a seal when it is saved: the SHA-256 of its files, in a file beside them. Seals are
compared before Theano is imported.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEAL = "sha256"

_SEALED = (".so", ".pkl")


def discard_damaged(folder: Path) -> int:
    """Remove the modules that do not match their seals, and return how many there were.

    Modules that have no seal yet get one, and what a killed process left half-done is removed.
    Raises OSError if the folder cannot be used. A folder that another process compiles into, which
    has compared the seals itself, is left alone.
    """
    damaged = 0
    for modules in sorted(folder.glob("compiledir_*")):
        with _lock(modules) as is_ours:
            if is_ours:
                damaged += sum(_discard_if_damaged(module) for module in sorted(modules.iterdir()))
    return damaged


def seal_new(modules: Path) -> None:
    """Seal the modules in a folder that have no seal yet, such as those of `import theano`."""
    for module in modules.iterdir():
        if module.is_dir() and _files(module) and not (module / SEAL).exists():
            seal(module)


def seal(module: Path) -> None:
    """Write the seal of a module, in place of an older one."""
    new = module / f"{SEAL}.{os.getpid()}"
    new.write_text(_digest(module))
    new.replace(module / SEAL)


def set_aside(folder: Path) -> Path:
    """Rename a folder that cannot be used, and return its new name; an older one is deleted.

    At most one such folder is kept. Raises OSError if it cannot be renamed.
    """
    aside = folder.with_name(f"{folder.name}.damaged")
    if aside.is_symlink() or aside.is_file():
        aside.unlink()
    elif aside.exists():
        shutil.rmtree(aside)
    folder.rename(aside)
    return aside


def _discard_if_damaged(module: Path) -> bool:
    """Remove a module that is damaged or half-done; return whether it was damaged."""
    if not module.is_dir():
        return False
    is_sealed = (module / SEAL).is_file()
    is_whole = not module.name.startswith("tmp") or (module / "key.pkl").is_file()
    if is_whole and not is_sealed and _files(module):
        seal(module)
    elif not is_whole or (is_sealed and (module / SEAL).read_bytes() != _digest(module).encode()):
        shutil.rmtree(module)
        return is_sealed
    return False


def _files(module: Path) -> list[Path]:
    return sorted(file for file in module.iterdir() if file.suffix in _SEALED)


def _digest(module: Path) -> str:
    digest = hashlib.sha256()
    for path in _files(module):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@contextmanager
def _lock(modules: Path) -> Iterator[bool]:
    """Hold the lock under which Theano compiles, if nobody else does; yield whether it is held."""
    with (modules / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody else holds it, or this disk has no locks
            yield False
        else:
            yield True
