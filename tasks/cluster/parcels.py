"""Values on their way to a worker: arrays that are in files stay there, and are named instead.

A worker opens a named array in the same file, if it sees that, or in a copy of its own. A few bytes
of each tell whether a file there is the one that was named.
"""

import hashlib
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regressors.file_arrays import mapped, place_of

END_BYTES = 4096
"""So many bytes at either end of an array are compared."""


@dataclass(frozen=True)
class Piece:
    """An array (rows,) in a file of the driver, `offset` bytes from its start.

    `digest` is of the bytes at its two ends, and of its length.
    """

    path: str
    offset: int
    dtype: str
    rows: int
    digest: str

    @property
    def length(self) -> int:
        """Return its bytes."""
        return self.rows * np.dtype(self.dtype).itemsize

    @cached_property
    def name(self) -> str:
        """Return the name of a file for it alone."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def opened(self) -> NDArray[Any] | None:
        """Return the array from its file, None if this machine does not have that, or another."""
        return self._from(self.path, self.offset)

    def opened_copy(self, folder: Path) -> NDArray[Any] | None:
        """Return the array from a copy in a folder, None if there is none that is whole."""
        return self._from(str(folder / self.name), 0)

    def _from(self, path: str, offset: int) -> NDArray[Any] | None:
        if not self.rows:
            return np.empty(0, np.dtype(self.dtype))
        try:
            if digest_of(path, offset, self.length) != self.digest:
                return None
        except OSError:
            return None
        return mapped(path, offset, np.dtype(self.dtype), self.rows)


def digest_of(path: str, offset: int, length: int) -> str:
    """Return a digest of the ends of some bytes of a file and of how many there are."""
    digest = hashlib.blake2b(str(length).encode(), digest_size=16)
    with open(path, "rb") as file:
        for start in (0, max(0, length - END_BYTES)):
            file.seek(offset + start)
            digest.update(file.read(min(END_BYTES, length)))
    return digest.hexdigest()


@dataclass(frozen=True)
class Parcel:
    """A pickled value, and the arrays that it names.

    One that stays `in_place` is for workers that see the files of the driver. Formatted, it does
    not show its bytes, which may have a password in them.
    """

    data: bytes = field(repr=False)
    pieces: tuple[Piece, ...]
    in_place: bool = False

    @classmethod
    def of(cls, value: object, *, in_place: bool = False) -> "Parcel":
        """Pack a value; functions and classes in it are named, too."""
        buffer = io.BytesIO()
        packer = _Packer(buffer)
        packer.dump(value)
        return cls(buffer.getvalue(), tuple(packer.pieces), in_place)

    def value(self, opened: Callable[[Piece], NDArray[Any]]) -> Any:
        """Return the value, with the arrays as they were `opened`."""
        return _Unpacker(io.BytesIO(self.data), opened).load()


class _Packer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.pieces: dict[Piece, None] = {}

    def persistent_id(self, value: Any) -> Piece | None:
        place = place_of(value)
        if place is None:
            return None
        path, offset, dtype, rows = place
        digest = digest_of(path, offset, rows * dtype.itemsize)
        piece = Piece(path, offset, dtype.str, rows, digest)
        self.pieces[piece] = None
        return piece


class _Unpacker(pickle.Unpickler):
    def __init__(self, buffer: io.BytesIO, opened: Callable[[Piece], NDArray[Any]]) -> None:
        super().__init__(buffer)
        self._opened = opened

    def persistent_load(self, piece: Piece) -> NDArray[Any]:
        return self._opened(piece)
