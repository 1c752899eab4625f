"""The text of a declaration's file, which is never waited for and never large."""

import errno
import os
import re
import stat
from pathlib import Path

from data.declarations.yaml_nodes import MAX_CHARACTERS, MistakeInLine
from data.errors import CallError

WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def shown(path: Path) -> str:
    """Return a path as text that can be printed and stored, whatever bytes its name has."""
    text = str(path.absolute()).encode(errors="backslashreplace").decode()
    return re.sub(r"[\0-\x1f\x7f-\x9f]", lambda odd: f"\\x{ord(odd[0]):02x}", text)


def text_of(file: Path) -> str:
    """Return the text of a file.

    Anything but a file of UTF-8 of at most 1,000,000 bytes is a `CallError` or a `MistakeInLine`.
    """
    try:
        content = _content(file)
    except OSError as error:
        raise _unreadable(file, error) from None
    if len(content) > MAX_CHARACTERS:
        raise CallError(
            f"The file has more than {MAX_CHARACTERS:,} bytes.",
            where=shown(file),
            next_step="A declaration is much smaller: see docs/datasets.md.",
        )
    if content.startswith(WIDE_MARKS):
        raise MistakeInLine(1, "The file is UTF-16 or UTF-32.", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MistakeInLine(
            content.count(b"\n", 0, error.start) + 1,
            f"The file is not UTF-8: byte {error.start} cannot be read.",
            "Save it as UTF-8.",
        ) from None


def _content(file: Path) -> bytes:
    """Return the bytes of a file, at most one more than it may have."""
    kind = stat.S_IFMT(file.stat().st_mode)
    if kind != stat.S_IFREG:
        what = "a folder" if kind == stat.S_IFDIR else "a pipe, a socket or a device"
        raise CallError(
            f"This is {what}, but a declaration is a file.",
            where=shown(file),
            next_step="Remove it from the folder of declarations, or give it another ending.",
        )
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a file of /proc may wait, too
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(MAX_CHARACTERS + 1) or b""


def _unreadable(file: Path, error: OSError) -> CallError:
    if isinstance(error, FileNotFoundError) and file.is_symlink():
        what, step = "This link leads to no file", "Correct or remove it."
    elif error.errno == errno.ELOOP:
        what, step = "This link leads back to itself", "Correct or remove it."
    else:
        what = f"The file cannot be read: {error.strerror}"
        step = "Allow the user who runs nightfit to read it."
    return CallError(f"{what}.", where=shown(file), next_step=step)
