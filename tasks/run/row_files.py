"""The columns of a run's rows, in files: each is made when it is first asked for."""

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.calls import Call, Do, done_here
from data.disk import no_room
from data.errors import HomeError
from data.texts import Texts
from regressors.arrays import Coded, Columns, Indices, Mask, Values, in_codes
from regressors.file_arrays import mapped, place_of

ALIGNMENT = 64
"""An array begins at a multiple of so many bytes."""


class RowFiles:
    """A folder of files for arrays of rows, which is removed with the last that uses it."""

    def __init__(self) -> None:
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="rows-"))
        except OSError as error:
            raise _unwritable(error, tempfile.gettempdir()) from None
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._own = ArrayFile(self.folder / "rows")
        self._numbers = count(1)

    def stored(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array (n,) mapped from a file that it is written to, unless it is in one."""
        return self._own.add(values)()

    def stored_texts(self, texts: Texts) -> Texts:
        """Return texts (n,) whose bytes are mapped from a file that they are written to."""
        buffers = texts.buffers or texts.bytes_of_all()
        of = [None if each is None else self.stored(each) for each in buffers]
        return Texts.of_buffers(len(texts), of)

    def new_file(self) -> "ArrayFile":
        """Return a file for further arrays."""
        return ArrayFile(self.new_path())

    def new_path(self) -> Path:
        """Return where a file may be written that is removed with the others."""
        return self.folder / f"file-{next(self._numbers)}"


class ArrayFile:
    """A file of arrays, one after the other; threads may add some at the same time."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def add(self, values: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """Write an array (n,), unless it is in a file; return what maps it.

        A disk that is full is a `HomeError`.
        """
        if not values.size:
            return lambda: values
        if place := place_of(values):
            return partial(mapped, *place)
        with self._lock:
            try:
                with self._path.open("ab") as file:
                    file.write(bytes(-file.tell() % ALIGNMENT))
                    offset = file.tell()
                    file.write(np.ascontiguousarray(values).view(np.uint8).data)
            except OSError as error:
                raise _unwritable(error, str(self._path.parent)) from None
        path, dtype, rows = self._path, values.dtype, len(values)
        return lambda: mapped(path, offset, dtype, rows)


class RowColumns(Mapping[str, Values]):
    """Columns of some rows: a number or a time as it is, a category as a code per row in a file.

    `make` returns a column that has not been asked for before. The files are mapped anew for each
    use, so that a process has the pages of few columns at a time; a category is decoded once. As
    the argument of a job, this is a dictionary of arrays that are mapped from the same files, with
    categories as their codes. All that it needs are then made at once, by `do`.
    """

    def __init__(
        self,
        names: Iterable[str],
        make: Callable[[str], Coded],
        files: RowFiles,
        *,
        do: Do = done_here,
        chosen: "_Chosen | None" = None,
        made: "_Made | None" = None,
    ) -> None:
        self._names = dict.fromkeys(names)
        self._make, self.files, self._do, self._chosen = make, files, do, chosen
        self._made = made or _Made(files.new_file())

    def __getitem__(self, name: str) -> Values:
        if name not in self._names:
            raise KeyError(name)
        coded = self.coded(name)
        if coded.labels is None:
            return coded.values
        with self._made.lock:
            if name not in self._made.decoded:
                self._made.decoded[name] = coded.taken()
            return self._made.decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return in_codes, (self._all(),)

    def in_codes(self) -> Columns:
        """Return the columns as the argument of a job has them."""
        return in_codes(self._all())

    def _all(self) -> dict[str, Coded]:
        self._have(self._names, self._do)
        return {name: self.coded(name) for name in self}

    def coded(self, name: str) -> Coded:
        """Return a column as it is in its file."""
        with self._made.lock:
            self._have([name], done_here)
            place, labels = self._made.places[name]
        return Coded(place(), labels)

    def _have(self, names: Iterable[str], do: Do) -> None:
        """Have columns made by `do`, unless they are."""
        with self._made.lock:
            missing = [name for name in names if name not in self._made.places]
            if not missing:
                return
            if self._chosen is None:
                calls: list[Call] = [(self._make, (name,)) for name in missing]
            else:
                whole, chosen = self._chosen.whole, self._chosen.rows
                whole._have(missing, do)
                calls = [(_taken, (whole.coded(name), chosen)) for name in missing]
            for name, column in zip(missing, do("arranging columns", calls), strict=True):
                self._made.places[name] = self._made.file.add(column.values), column.labels

    def named(self, names: Iterable[str]) -> "RowColumns":
        """Return other columns of the same rows, or some of these; what is made is shared."""
        of, made = self._chosen, self._made
        return RowColumns(names, self._make, self.files, do=self._do, chosen=of, made=made)

    def take(self, chosen: Mask | Indices) -> "RowColumns":
        """Return some rows (a mask, or their numbers) of the columns."""
        rows = _Chosen(self, chosen)
        return RowColumns(self._names, self._make, self.files, do=self._do, chosen=rows)


@dataclass(frozen=True)
class _Chosen:
    """Some rows (a mask, or their numbers) of other columns."""

    whole: RowColumns
    rows: Mask | Indices


def _taken(column: Coded, rows: Mask | Indices) -> Coded:
    """Return some rows (a mask, or their numbers) of a column."""
    return Coded(column.values[rows], column.labels)


class _Made:
    """The columns that have been asked for: where each is, and the texts of a category."""

    def __init__(self, file: ArrayFile) -> None:
        self.file, self.lock = file, threading.RLock()
        self.places: dict[str, tuple[Callable[[], Values], Values | None]] = {}
        self.decoded: dict[str, Values] = {}


def _unwritable(error: OSError, folder: str) -> HomeError:
    full = no_room(error)
    return HomeError(
        f"The rows of this run cannot be written to temporary files: {full or error.strerror}.",
        where=folder,
        next_step=f"Make {'room there' if full else 'the folder writable'}, or set NIGHTFIT_HOME to"
        " another one.",
    )
