"""A call on the rows of a run as the job of a worker that sees the files of this machine.

Large arrays do not travel: those of its arguments are in files of the run already, and those of its
value are written to another one there.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from data.errors import UserError
from regressors.file_arrays import mapped, place_of
from tasks.run.row_files import ArrayFile

LARGE = 2**16
"""The bytes of an array that does not travel."""


@dataclass(frozen=True, eq=False)
class RowJob:
    """A function and its arguments, whose value has its large arrays in a file in a folder."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    folder: Path


@dataclass(frozen=True)
class Refused:
    """The parts of an error for people that a call ended with."""

    kind: type[UserError]
    what: str
    where: str
    next_step: str

    def error(self) -> UserError:
        """Return the error."""
        return self.kind(self.what, where=self.where, next_step=self.next_step)


def do_row_job(_numpy: object, job: RowJob) -> bytes | Refused:
    """Return the pickled value of a call; it names the places of its large arrays."""
    buffer = io.BytesIO()
    try:
        value = job.function(*job.args)
        _Packer(buffer, ArrayFile(job.folder / f"job-{uuid4().hex}")).dump(value)
    except UserError as error:
        return Refused(type(error), error.what, error.where, error.next_step)
    return buffer.getvalue()


def unpacked(value: bytes) -> Any:
    """Return the value of a call, with its large arrays mapped from the file that they are in."""
    return pickle.loads(value)  # noqa: S301 - from our own worker


def is_large(value: object) -> bool:
    """Return whether a value is an array that does not travel."""
    return type(value) is np.ndarray and value.dtype != object and value.nbytes >= LARGE


class _Packer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, file: ArrayFile) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._file = file

    def reducer_override(self, value: Any) -> Any:
        if not is_large(value) or value.ndim != 1:
            return NotImplemented
        place = place_of(value) or place_of(self._file.add(value)())
        assert place is not None
        return mapped, place
