"""Arrays in files: a process is sent where they are, and maps them instead of getting a copy."""

import io
import mmap
import pickle
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

_DOUBLE = np.dtype(float)
PAGE_BYTES = 2**12
"""Two processes on different machines must not write to one page of a shared file."""

_files: WeakValueDictionary[str, np.memmap[Any, Any]] = WeakValueDictionary()
"""The files that are mapped now: however many arrays are in one, it is opened once."""

_mappings: WeakSet[mmap.mmap] = WeakSet()
"""All mappings, also those of files that have grown since."""


def mapped(path: str | Path, offset: int, dtype: np.dtype[Any], rows: int) -> NDArray[Any]:
    """Return an array (rows,) that is in a file, `offset` bytes from its start; it is read-only.

    Its pages are read as they are used, and are shared with all processes that map them.
    """
    name, end = str(path), offset + rows * dtype.itemsize
    file = _files.get(name)
    if file is None or file.size < end:  # it has grown since
        file = _files[name] = np.memmap(name, np.uint8, "r")
        assert isinstance(file.base, mmap.mmap)
        _mappings.add(file.base)
    return np.asarray(file)[offset:end].view(dtype)


def release_mapped() -> None:
    """Let go of the memory of all files that are mapped: what is used again is read again."""
    for mapping in list(_mappings):
        if hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)


def stored(values: NDArray[Any], path: str | Path) -> NDArray[Any]:
    """Return an array (n,) mapped from a file of its own, which it is written to."""
    with Path(path).open("wb") as file:
        file.write(np.ascontiguousarray(values).view(np.uint8).data)
    return mapped(path, 0, values.dtype, len(values)) if values.size else values


@dataclass(frozen=True)
class ArraysInParts:
    """A file of `number` arrays of doubles, (rows,) each, whose parts several processes write.

    Whoever writes a part again writes the same bytes, so it does not matter who is the last.
    """

    path: str
    number: int
    rows: int

    @classmethod
    def made(cls, path: str | Path, number: int, rows: int) -> "ArraysInParts":
        """Make the file."""
        arrays = cls(str(path), number, rows)
        with open(path, "wb") as file:
            file.truncate(number * arrays._stride)
        return arrays

    def write(self, begin: int, values: Sequence[NDArray[np.float64]]) -> None:
        """Write some rows of each array, from row `begin` on; the file must be there."""
        with open(self.path, "r+b") as file:
            for at, part in enumerate(values):
                file.seek(at * self._stride + begin * _DOUBLE.itemsize)
                file.write(np.ascontiguousarray(part, _DOUBLE).view(np.uint8).data)

    def arrays(self) -> list[NDArray[np.float64]]:
        """Return the arrays, mapped from the file."""
        return [
            mapped(self.path, at * self._stride, _DOUBLE, self.rows) for at in range(self.number)
        ]

    @property
    def _stride(self) -> int:
        """Return the bytes from one array to the next, whole pages."""
        return -(-self.rows * _DOUBLE.itemsize // PAGE_BYTES) * PAGE_BYTES


def on_disk(whole: bytes) -> memoryview:
    """Return bytes mapped from a temporary file that has no name, and ends with them."""
    with tempfile.TemporaryFile() as file:
        file.write(whole)
        file.flush()
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _mappings.add(mapping)
    return memoryview(mapping)


def dumps(value: object) -> bytes:
    """Return a pickle of a value; of an array that is `mapped` it only has the place."""
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(value)
    return buffer.getvalue()


def place_of(value: object) -> tuple[str, int, np.dtype[Any], int] | None:
    """Return the arguments of `mapped` that give an array; None if it is not in a file."""
    file = _file_of(value) if type(value) is np.ndarray else None
    if type(value) is not np.ndarray or file is None:
        return None
    if value.ndim != 1 or not value.flags.c_contiguous:
        return None
    start, at = (array.__array_interface__["data"][0] for array in (file, value))
    return str(file.filename), at - start, value.dtype, len(value)


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        place = place_of(value)
        return NotImplemented if place is None else (mapped, place)


def _file_of(value: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """Return the mapped file that an array is a part of; None if it is in memory."""
    base: Any = value
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return base if isinstance(base, np.memmap) else None
